"""The fuse: what a caller sends beyond its day's recipients waits for a person, by whichever door it came."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest
from azure.data.tables import TableClient

from mailer.delivery.record import Status
from mailer.errors import TryLater, WrongStatus
from mailer.pace.allowances import Allowances
from mailer.pace.quota import INSTANCES
from mailer.storage.clean_up import NOTES_KEPT, CleanUpTable
from mailer.storage.held_rows import TableHeld
from mailer.storage.pace_rows import TableCounts
from mailer.storage.records import TableLedger
from tests.builders import a_record, as_bytes, members
from tests.fakes import START, Clock, MemoryCounts
from tests.post import DOWN, Post, raising


@pytest.fixture
def post():
    """Three recipients a day for the shop, and for the queue."""
    return Post(limits={"shop": 3, "queue": 3})


@pytest.fixture
def paced():
    return Post(limits={"shop": 3}, rate=30)


def statuses(post):
    return [str(record.status) for record in post.ledger.records.values()]


def use_up(post):
    for _ in range(3):
        post.accept(caller="shop")


# By HTTP


def test_what_exceeds_a_callers_day_is_held_and_the_receipt_says_why(post):
    use_up(post)

    receipt = post.accept(caller="shop").receipt

    assert (receipt.status, receipt.expected_at, receipt.error_code) == (Status.HELD, None, "recipients_per_day")
    assert "Release it (POST /emails/{id}/release)" in receipt.error_message
    assert statuses(post) == ["queued"] * 3 + ["held"]
    post.run()
    assert len(post.sent) == 3
    assert post.ledger.records[receipt.id].status is Status.HELD


def test_a_mail_with_many_recipients_is_held_as_a_whole_and_a_smaller_one_still_goes(post):
    post.accept(caller="shop", to=["a@example.com", "b@example.com"])

    large = post.accept(caller="shop", to=["a@example.com", "b@example.com"]).receipt
    small = post.accept(caller="shop").receipt

    assert (large.status, small.status) == (Status.HELD, Status.QUEUED)


def test_callers_without_a_limit_and_nobody_at_all_send_what_they_like(post):
    for _ in range(10):
        post.accept(caller="other")
        post.accept()

    assert set(statuses(post)) == {"queued"}


def test_a_limit_of_none_holds_every_mail():
    post = Post(limits={"shop": 0})

    assert post.accept(caller="shop").receipt.status is Status.HELD


def test_a_day_later_the_caller_may_send_again(post):
    use_up(post)
    post.clock.advance(hours=24)

    assert post.accept(caller="shop").receipt.status is Status.QUEUED


def test_a_repetition_under_its_key_is_not_counted_and_has_the_first_answer(post):
    for _ in range(5):
        post.accept(caller="shop", idempotency_key="a")
    post.accept(caller="shop")
    post.accept(caller="shop")
    held = post.accept(caller="shop", idempotency_key="b").receipt

    assert held.status is Status.HELD
    assert post.accept(caller="shop", idempotency_key="b").receipt == held
    assert post.accept(caller="shop", idempotency_key="a").receipt.status is Status.QUEUED


def test_what_was_not_accepted_is_not_counted(post):
    outbox = type("Away", (), {"put": raising(DOWN)})()
    for _ in range(5):
        with pytest.raises(TryLater):
            post.accept(caller="shop", stores=post.stores(outbox=outbox))

    use_up(post)
    assert set(statuses(post)) == {"queued"}


def test_of_a_batch_the_surplus_is_held():
    post = Post(limits={"shop": 10})
    with ThreadPoolExecutor(8) as pool:
        results = post.batch(pool).accept([as_bytes(members())] * 25, caller="shop")

    assert Counter(result.receipt.status for result in results) == {Status.QUEUED: 10, Status.HELD: 15}


# By the queue


def test_a_producers_surplus_is_held_with_its_content(post):
    for _ in range(5):
        post.deliver(post.by_queue())

    assert statuses(post) == ["sent"] * 3 + ["held"] * 2
    held = [record for record in post.ledger.records.values() if record.status is Status.HELD]
    assert all(post.requests.get(record.id) for record in held)
    assert held[0].caller == "queue"


def test_a_message_of_a_held_mail_that_comes_again_changes_nothing(post):
    use = [post.by_queue() for _ in range(4)]
    for message in [*use, use[3], use[3], use[0]]:
        post.deliver(message)

    assert statuses(post) == ["sent"] * 3 + ["held"]
    assert len(post.sent) == 3


@pytest.mark.parametrize("key", [None, "order-7"])
def test_a_mail_is_counted_once_however_often_its_message_comes(post, key):
    first = post.by_queue(idempotency_key=key)
    for message in (first, first, first, post.by_queue(idempotency_key=key) if key else first):
        post.deliver(message)

    for _ in range(3):
        post.deliver(post.by_queue())

    assert statuses(post) == ["sent"] * 3 + ["held"]


def test_a_message_that_is_put_back_while_storage_is_away_is_counted_once(post):
    message = post.by_queue()
    for _ in range(5):
        away = type("Away", (), {"write": raising(DOWN), "read": post.ledger.read, "own_key": post.ledger.own_key})()
        post.deliver(message, ledger=away)
    post.queue.clear()

    for _ in range(3):
        post.deliver(post.by_queue())
    assert statuses(post) == ["sent"] * 3


def test_a_message_that_is_refused_is_no_surplus_and_not_counted(post):
    for number in range(4):
        post.deliver(post.by_queue(body=f"nonsense {number}".encode()))
        post.deliver(post.by_queue(to="nobody"))
    for _ in range(4):
        post.deliver(post.by_queue())
    post.deliver(post.by_queue(body=b"more nonsense"))

    assert Counter(statuses(post)) == {"failed": 9, "sent": 3, "held": 1}


def test_a_scheduled_surplus_is_held_too(post):
    use_up(post)
    due = (post.clock.now + timedelta(days=2)).isoformat()

    held = post.accept(caller="shop", scheduled_at=due).receipt

    assert held.status is Status.HELD
    assert not post.rows.kept


# What a person does


def hold_one(post, **changes):
    use_up(post)
    mail = post.accept(caller="shop", **changes).receipt.id
    post.run()
    post.graph.sent.clear()
    return mail


def test_a_released_mail_is_sent_and_its_record_says_by_whom(post):
    mail = hold_one(post)

    released = post.amendment().release(mail, by="ops")
    post.run()

    assert (released.status, released.error_code) == (Status.QUEUED, "")
    assert post.sent == [mail]
    record = post.ledger.records[mail]
    assert [(one.action, one.by) for one in record.done] == [("release", "ops")]
    assert Status.HELD in record.times


def test_a_released_mail_takes_a_turn_of_its_mailbox(paced):
    mail = hold_one(paced)

    released = paced.amendment().release(mail)

    assert (released.sender, str(released.priority)) == ("shop@contoso.com", "normal")
    assert released.slot
    paced.run()
    assert paced.sent == [mail]


def test_a_released_mail_waits_for_the_hour_that_its_sender_has_named(post):
    due = post.clock.now + timedelta(days=2)
    mail = hold_one(post, scheduled_at=due.isoformat())

    assert post.amendment().release(mail).status is Status.SCHEDULED
    post.run()

    assert post.sent == [mail]
    assert post.clock.now >= due


def test_a_released_mail_is_not_held_again_and_not_counted(post):
    mail = hold_one(post)
    post.amendment().release(mail)
    post.run()
    post.clock.advance(hours=24)

    use_up(post)
    assert statuses(post).count("held") == 0
    assert mail in post.sent


def test_a_mail_is_released_once(post):
    mail = hold_one(post)
    post.amendment().release(mail)

    with pytest.raises(WrongStatus, match="only a held one can be released"):
        post.amendment().release(mail)
    post.run()
    assert post.sent == [mail]


def test_a_held_mail_can_be_canceled_and_its_content_goes(post):
    mail = hold_one(post)

    assert post.amendment().cancel(mail).status is Status.CANCELED
    assert post.requests.get(mail) is None


@pytest.mark.parametrize("change", ["replay", "retry"])
def test_a_held_mail_is_neither_replayed_nor_retried(post, change):
    mail = hold_one(post)

    with pytest.raises(WrongStatus, match="The mail is held"):
        getattr(post.amendment(), change)(mail)


def test_a_producers_released_mail_is_the_one_that_was_held(post):
    for _ in range(4):
        post.deliver(post.by_queue(subject="Surplus"))
    (mail,) = [record.id for record in post.ledger.records.values() if record.status is Status.HELD]
    post.amendment().release(mail)
    post.run()

    assert post.sent[-1] == mail
    assert post.graph.subjects[-1] == "Surplus"


# Counted cheaply, and by all instances together


def test_counting_costs_few_calls():
    counts = MemoryCounts()
    allowances = Allowances({"shop": 5000}, counts, clock=Clock())

    assert sum(allowances.admit("shop", 1) for _ in range(1000)) == 1000
    assert counts.calls.total() <= 2 * 1000 / (5000 // INSTANCES) * 1.3 + 4


@pytest.mark.parametrize("instances", [1, 2, 8])
def test_instances_together_let_no_more_through_than_the_limit_and_a_small_part(instances):
    counts, clock = MemoryCounts(), Clock()
    all_ = [Allowances({"shop": 1000}, counts.of_another_instance(), clock=clock) for _ in range(instances)]

    admitted = sum(all_[number % instances].admit("shop", 1) for number in range(3000))

    assert 1000 <= admitted <= 1000 + instances


def test_a_caller_that_has_used_most_of_its_day_is_a_warning():
    counts, clock = MemoryCounts(), Clock()
    allowances = Allowances({"shop": 10, "crm": 10, "none": 0}, counts, clock=clock)
    for _ in range(8):
        allowances.admit("shop", 1)
    allowances.admit("crm", 7)

    allowances.admit("shop", 100)  # which looks, and so writes what was counted

    (warning,) = allowances.warnings()
    assert warning.startswith("The caller `shop` has used 80% of its `recipients_per_day`")


def test_a_new_instance_knows_what_the_others_have_let_through():
    counts, clock = MemoryCounts(), Clock()
    first = Allowances({"shop": 1000}, counts, clock=clock)
    while first.admit("shop", 1):
        pass

    assert not Allowances({"shop": 1000}, counts.of_another_instance(), clock=clock).admit("shop", 1)


# In Table Storage


@pytest.fixture
def table(storage):
    with closing(TableClient.from_connection_string(storage.connection_string, f"t{uuid4().hex}")) as client:
        yield client


@pytest.fixture
def ledger(table):
    return TableLedger(table, key_window=timedelta(hours=24))


def held(ledger, *, caller="shop", entropy=b"0123456789", at=START):
    record = a_record(at=at, entropy=entropy, caller=caller).moved(Status.HELD, now=at, code="c")
    return ledger.write(record)


def test_the_mails_that_are_held_are_known_without_a_look_at_all_days(ledger, table):
    first = held(ledger)
    held(ledger, entropy=b"1123456789", at=START + timedelta(days=3))
    held(ledger, entropy=b"2123456789", caller="other")

    found = {each.caller: each for each in TableHeld(table).standing()}
    assert {name: each.mails for name, each in found.items()} == {"shop": 2, "other": 1}
    assert found["shop"].since == START

    ledger.write(first.moved(Status.QUEUED, now=START))
    assert {each.caller: each.mails for each in TableHeld(table).standing()} == {"shop": 1, "other": 1}


def test_a_note_that_a_crash_has_left_is_cleaned_up(ledger, table):
    kept = held(ledger)
    TableHeld(table).put(a_record(entropy=b"9123456789").moved(Status.HELD, now=START))

    gone = sum(CleanUpTable(table).forget_turns(now=START + NOTES_KEPT / 2))
    assert (gone, TableHeld(table).standing()[0].mails + len(TableHeld(table).standing())) == (0, 3)

    assert sum(CleanUpTable(table).forget_turns(now=START + NOTES_KEPT * 2)) == 1
    assert [(each.caller, each.mails) for each in TableHeld(table).standing()] == [(kept.caller, 1)]


def test_the_counts_of_callers_lie_beside_those_of_mailboxes_and_are_not_mixed_up(table):
    clock = Clock()
    counts = TableCounts(table)
    allowances = Allowances({"shop": 2}, counts, clock=clock)

    assert [allowances.admit("shop", 1) for _ in range(3)] == [True, True, False]
    assert not Allowances({"shop": 2}, TableCounts(table), clock=clock).admit("shop", 1)
    assert counts.all("shop", 0) == {}
