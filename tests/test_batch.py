"""Several mails by one call: each for itself, all under one key, and the slots in one go."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest

from mailer.delivery.batch import BEGUN_WITHIN, MOST
from mailer.delivery.record import Status
from mailer.errors import InvalidRequest, KeyReused
from mailer.pace.grid import Grid
from mailer.request.json_object import read_items
from mailer.request.parse import parse
from tests.builders import ALERTS, SHOP, as_bytes, members
from tests.fakes import MemorySlots
from tests.post import DOWN, Post, raising


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(8) as threads:
        yield threads


@pytest.fixture
def post():
    return Post()


@pytest.fixture
def paced():
    return Post(rate=30)


def entries(*requests):
    return [as_bytes(request) for request in requests]


def batch(post, pool, **parts):
    return post.batch(pool, **parts)


def receipts(results):
    return [result.receipt and result.receipt.id for result in results]


def codes(results):
    return {result.index: result.error.code for result in results if result.error}


def test_each_mail_is_accepted_as_a_single_one_is(post, pool):
    results = batch(post, pool).accept(entries(*(members(tags={"n": str(number)}) for number in range(5))))

    assert [result.receipt.status for result in results] == [Status.QUEUED] * 5
    assert [post.ledger.records[mail].tags["n"] for mail in receipts(results)] == list("01234")
    post.run()
    assert sorted(post.sent) == sorted(receipts(results))


def test_what_is_wrong_with_one_hurts_no_other(post, pool):
    texts = [as_bytes(members()), b"17", b'{"to": 1, "to": 2}', as_bytes(members(to="ada")), b"1e999", as_bytes({})]

    results = batch(post, pool).accept([*texts, as_bytes(members())])

    assert [result.index for result in results if result.receipt] == [0, 6]
    assert codes(results) == dict.fromkeys((1, 2, 3, 4, 5), "validation_error")
    assert len(results[5].error.problems) > 1


def test_strict_refuses_all_where_one_is_wrong_and_says_which_and_what(post, pool):
    with pytest.raises(InvalidRequest) as refusal:
        batch(post, pool).accept(entries(members(), members(to="ada"), members(sbject="x")), strict=True)

    assert [problem.target for problem in refusal.value.problems] == ["[1].to", "[2].sbject"]
    assert not post.ledger.records
    assert not post.queue


def test_strict_accepts_where_all_are_right(post, pool):
    assert all(receipts(batch(post, pool).accept(entries(members(), members()), strict=True)))


def test_a_mail_with_a_key_of_its_own_is_accepted_once(post, pool):
    keyed = entries(members(idempotency_key="a"), members(idempotency_key="b"))

    first = batch(post, pool).accept(keyed)
    again = batch(post, pool).accept([*keyed, *entries(members(idempotency_key="a", subject="Another"))])

    assert receipts(again)[:2] == receipts(first)
    assert codes(again) == {2: "invalid_idempotent_request"}
    assert len(post.ledger.records) == 2


def test_the_same_key_twice_in_one_batch_is_one_mail(post, pool):
    results = batch(post, pool).accept(entries(*[members(idempotency_key="a")] * 4))

    assert len(set(receipts(results))) == 1
    assert len(post.ledger.records) == 1


def test_the_same_batch_under_its_key_has_the_same_answer_and_no_second_mail(post, pool):
    texts = entries(members(), members(subject="Another"), members(to="ada"))

    first = batch(post, pool).accept(texts, key="k")
    post.clock.advance(minutes=5)
    again = batch(post, pool).accept(texts, key="k")

    assert receipts(again) == receipts(first)
    assert [(each.index, each.receipt) for each in again] == [(each.index, each.receipt) for each in first]
    assert len(post.ledger.records) == 2


def test_a_repetition_takes_no_second_slot(paced, pool):
    texts = entries(*[members()] * 10)

    batch(paced, pool).accept(texts, key="k")
    taken = paced.slots.calls["take"]
    batch(paced, pool).accept(texts, key="k")

    assert paced.slots.calls["take"] == taken


def test_another_batch_under_the_same_key_is_refused(post, pool):
    batch(post, pool).accept(entries(members()), key="k")

    with pytest.raises(KeyReused):
        batch(post, pool).accept(entries(members(subject="Another")), key="k")


def test_two_callers_may_choose_the_same_key(post, pool):
    mine = batch(post, pool).accept(entries(members()), key="k", caller="shop")
    others = batch(post, pool).accept(entries(members(subject="Another")), key="k", caller="other")

    assert receipts(mine) != receipts(others)
    assert {record.caller for record in post.ledger.records.values()} == {"shop", "other"}


def test_a_batchs_key_is_no_mails_key(post, pool):
    batch(post, pool).accept(entries(members()), key="k")

    assert all(receipts(batch(post, pool).accept(entries(members(idempotency_key="k", subject="Another")))))


def test_what_storage_does_not_take_is_named_and_can_be_repeated_under_the_key(post, pool):
    texts = entries(members(), members())
    failing = post.later.__class__(queue=post, rows=post.rows, clock=post.clock)
    outbox = type("Away", (), {"put": raising(DOWN), "move": failing.move, "take_back": failing.take_back})()

    first = batch(post, pool, outbox=outbox).accept(texts, key="k")
    again = batch(post, pool).accept(texts, key="k")

    assert codes(first) == {0: "storage_unavailable", 1: "storage_unavailable"}
    assert all(receipts(again))
    post.run()
    assert len(post.sent) == 2


def test_what_a_repetition_was_promised_is_not_taken_back_by_the_first_call(post, pool):
    """Whose message storage does not take, while the repetition's is taken."""
    texts, told = entries(members()), []

    def put(_envelope, _content, **_due):
        told.extend(batch(post, pool).accept(texts, key="k"))
        raise DOWN

    first = batch(post, pool, outbox=SimpleNamespace(put=put)).accept(texts, key="k")

    assert codes(first) == {0: "storage_unavailable"}
    assert receipts(told) == list(post.ledger.records)
    post.run()
    assert post.sent == receipts(told)


def test_no_mail_is_begun_once_the_calls_time_is_over_and_each_is_named(post, pool):
    begun = []

    def read(entry):
        begun.append(entry)
        post.clock.advance(seconds=BEGUN_WITHIN.total_seconds() / 2 + 1)
        return parse(entry, rules=post.rules)

    with ThreadPoolExecutor(1) as one:
        results = batch(post, one, read=read).accept(entries(*[members()] * 5), key="k")

    assert len(begun) == 2
    assert set(codes(results).values()) == {"not_finished"}
    assert len(results) == 5
    assert all(receipts(batch(post, pool).accept(entries(*[members()] * 5), key="k")))


def test_a_mail_under_way_when_the_calls_time_is_over_is_named_with_its_id(post, pool, monkeypatch):
    monkeypatch.setattr("mailer.delivery.batch.ANSWERED_WITHIN", timedelta(seconds=0.2))
    goes_on, stuck = threading.Event(), post.later

    class Slow:
        def put(self, envelope, content, *, due):
            if not goes_on.wait(20):
                raise AssertionError
            stuck.put(envelope, content, due=due)

    (result,) = batch(post, pool, outbox=Slow()).accept(entries(members()))
    goes_on.set()

    assert result.error.code == "not_finished"
    assert result.error.mail in str(result.error)
    while not post.queue:
        pass
    post.run()
    assert post.sent == [result.error.mail]


@pytest.mark.parametrize("priority", ["urgent", "normal", "bulk"])
def test_a_hundred_slots_cost_few_calls(paced, pool, priority):
    results = batch(paced, pool).accept(entries(*[members(priority=priority)] * MOST))

    assert paced.slots.calls.total() <= 8
    expected = sorted(result.receipt.expected_at for result in results)
    assert len(set(expected)) >= MOST - 3  # the first few may leave at once
    assert timedelta(minutes=3) < expected[-1] - expected[0] < timedelta(minutes=3, seconds=40)


@pytest.mark.parametrize("priority", ["normal", "bulk"])
def test_the_mails_of_a_batch_leave_when_it_was_said_that_they_would(paced, pool, priority):
    results = batch(paced, pool).accept(entries(*[members(priority=priority)] * 40))
    expected = {result.receipt.id: result.receipt.expected_at for result in results}
    paced.run()

    assert set(paced.sent) == set(expected)
    lag = Grid(30).lag if priority == "bulk" else timedelta(milliseconds=1)
    for record in paced.ledger.records.values():
        assert timedelta() <= record.times[Status.SENT] - expected[record.id] <= lag


@pytest.mark.parametrize("priority", ["urgent", "normal", "bulk"])
def test_batches_keep_to_their_mailboxs_pace(paced, pool, priority):
    """Thirty a minute and a tenth, whichever 60 seconds one looks at."""
    for _ in range(2):
        batch(paced, pool).accept(entries(*[members(priority=priority)] * MOST))
        paced.clock.advance(seconds=20)
    paced.run()

    left = sorted(record.times[Status.SENT] for record in paced.ledger.records.values())
    assert len(left) == 2 * MOST
    assert max(sum(1 for at in left if start <= at < start + timedelta(minutes=1)) for start in left) <= 33


def test_every_mail_of_a_batch_has_a_slot_of_its_own(paced, pool):
    batch(paced, pool).accept(entries(*[members()] * MOST))

    slots = [(record.slot, record.sender) for record in paced.ledger.records.values()]
    assert len(set(slots)) == MOST


def test_a_batch_to_a_crowded_mailbox_takes_few_calls(paced, pool):
    """Another instance is at work there."""
    other = Post(rate=30)
    other.slots, other.clock = paced.slots, paced.clock
    other.start_instance()
    for _ in range(30):
        paced.accept()
        other.accept()
    paced.slots.calls.clear()

    batch(paced, pool).accept(entries(*[members()] * MOST))

    assert paced.slots.calls.total() <= 30
    taken = [record.slot for post in (paced, other) for record in post.ledger.records.values()]
    assert len(set(taken)) == len(taken)


def test_a_batch_to_a_pool_is_spread_over_its_mailboxes(pool):
    paced = Post(rate=30, pools={"news": (SHOP, ALERTS)})

    results = batch(paced, pool).accept(entries(*[members(from_="news")] * 60))

    senders = [record.sender for record in paced.ledger.records.values()]
    assert 25 <= senders.count("shop@contoso.com") <= 35
    assert paced.slots.calls.total() <= 10
    expected = [result.receipt.expected_at for result in results]
    assert max(expected) - min(expected) < timedelta(seconds=75)


def test_a_slot_reserved_for_a_batch_goes_to_the_next_mail_if_it_is_left(paced, pool):
    """Its mail turned out to be there already."""
    assert isinstance(paced.slots, MemorySlots)
    paced.accept(idempotency_key="a")
    batch(paced, pool).accept(entries(members(idempotency_key="a"), members()))
    taken = paced.slots.calls["take"]

    paced.accept()

    assert paced.slots.calls["take"] == taken


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "there is nothing in it"),
        (b"{}", "this is an object: put it into [ ]"),
        (b'"[]"', "must be a JSON array"),
        (b"[{}", "this is not JSON"),
        (b"[{},]", "this is not JSON"),
        (b"[{} {}]", "expecting a comma"),
        (b"[{}] x", "end of the array"),
        (b"[" * 100_000, "this is not JSON"),
        (b"\xff\xfe[\x00", "UTF-16"),
        (b"to=ada", "form data"),
        (json.dumps([{}] * 101).encode(), "takes 100 mails at most"),
    ],
)
def test_what_is_no_batch_is_refused_by_its_habit(body, words):
    with pytest.raises(InvalidRequest, match=words.replace("[", r"\[")):
        read_items(body, most=MOST)


def test_white_space_and_a_byte_order_mark_are_no_matter():
    assert read_items(b'\xef\xbb\xbf [ {"a" : [1, "]"]} ,\n 2 ]\n', most=MOST) == [b'{"a" : [1, "]"]}', b"2"]
    assert read_items(b" [ ] ", most=MOST) == []
