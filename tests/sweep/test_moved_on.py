"""Mails that should have moved: what crashes leave is accounted for."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from mailer.delivery.decide import LEASE, LOOKS
from mailer.delivery.record import Status
from mailer.delivery.sweep import STALLED_WITHIN
from mailer.pace.later import Later
from mailer.setting_texts import OnUncertain
from mailer.storage.clean_up import CleanUpTable, Waits
from mailer.storage.recipients import Recipients
from mailer.storage.suppression_rows import TableSuppressions
from tests import post as memory
from tests.fakes import START
from tests.post import NO_ANSWER, Crash, raising
from tests.sweep.given import died_in_flight


def test_nothing_is_done_where_nothing_is_to_do(store):
    store.put_record(b"sent-sent-sent", status=Status.SENT, times={Status.SENT: START})
    store.put_record(b"waits-waits-wa", times={Status.QUEUED: START})

    swept = store.sweep()

    assert (swept.stalled, swept.revived, swept.records, swept.keys, swept.requests) == ((), 0, 0, 0, 0)
    assert store.reports == []


def test_a_mail_whose_message_may_still_come_is_only_reported(store):
    """The worker died in flight, the app was down for hours or days, and the timer runs before the message."""
    record = died_in_flight(store)
    store.mails.send("{}", after=timedelta())

    for _ in range(9):
        swept = store.after(days=1).sweep()

        assert swept.stalled == (record.id,)
        assert store.ledger.read(record.id).status is Status.SENDING
    assert record.id in store.reports[0]


def test_a_message_on_the_poison_queue_counts_as_one_that_may_come(store):
    died_in_flight(store)
    store.poison.send("{}", after=timedelta())

    assert len(store.after(hours=2).sweep().stalled) == 1


@pytest.mark.parametrize("policy", OnUncertain)
def test_a_mail_that_has_lost_its_message_gets_a_new_one_and_its_policy_decides(store, policy):
    store.policy = policy
    record = died_in_flight(store, digest="d1")
    store.requests.put(record.id, b'{"to":"ada@example.com","from":"shop@contoso.com","subject":"s","text":"t"}')

    assert store.after(hours=2).sweep().revived == 1

    store.deliver(store.take())
    expected = {OnUncertain.HOLD: Status.UNCERTAIN, OnUncertain.RESEND: Status.QUEUED}
    assert store.ledger.read(record.id).status is expected.get(policy, Status.UNCERTAIN)
    assert store.requests.get(record.id)


def test_a_claim_whose_message_and_content_are_lost_is_uncertain(store):
    record = died_in_flight(store)
    assert store.after(seconds=LEASE.total_seconds()).sweep().revived == 0, "its message may come any moment"

    store.after(hours=2).sweep()

    kept = store.ledger.read(record.id)
    assert (kept.status, kept.error_code) == (Status.UNCERTAIN, "lease_expired")


def test_an_upload_whose_message_and_content_are_lost_has_failed(store):
    record = died_in_flight(store, drafting=True)

    store.after(hours=2).sweep()

    kept = store.ledger.read(record.id)
    assert (kept.status, kept.error_code) == (Status.FAILED, "upload_interrupted")


def test_a_mail_that_was_recorded_and_never_queued_has_failed(store):
    record = store.put_record()

    store.after(hours=2).sweep()

    kept = store.ledger.read(record.id)
    assert (kept.status, kept.error_code) == (Status.FAILED, "message_missing")


@pytest.mark.parametrize("large", [False, True])
def test_what_a_crash_left_and_the_clean_up_gave_up_is_sent_when_its_caller_repeats_it(store, large):
    mail = {"idempotency_key": "order-7", "text": "x" * (100_000 if large else 10)}
    crashing = SimpleNamespace(put=raising(Crash()))
    with pytest.raises(Crash):
        store.accept(**mail, stores=store.stores(outbox=crashing))
    if large:  # whose content is there, so that the clean-up gives it a new message
        store.requests.delete(store.only_record.id)
    store.after(hours=2).sweep()
    assert store.only_record.error_code == "message_missing"

    receipts = {store.accept(**mail).receipt.id for _ in range(2)}

    assert receipts == {store.only_record.id}
    assert store.only_record.status is Status.QUEUED
    assert [store.deliver(store.take()) for _ in range(2)] == [Status.SENT, Status.SENT]
    assert store.sent == [store.only_record.id]


def test_no_clean_up_lets_a_suppressed_address_get_mail_again(store):
    rows = TableSuppressions(store.table, Recipients(store.table))
    entry, _ = rows.put("ada@example.com", reason=None, by=None, now=START)

    for _ in range(3):
        store.after(days=400).sweep()

    assert rows.find("ada@example.com") == entry


def test_a_mail_that_waits_in_the_table_is_left_alone_however_late_it_is(store):
    store.deliver(store.by_queue(), send=raising(memory.DENIED))
    record = store.only_record

    swept = store.after(days=3).sweep()

    assert (swept.stalled, swept.revived) == ((record.id,), 0)
    assert store.run() is Status.SENT


def test_a_mail_that_is_released_while_the_clean_up_looks_for_it_is_not_given_up(store):
    """The app was down over its hour, and both timers run at its start."""
    store.accept(scheduled_at=(START + timedelta(hours=1)).isoformat())
    later = Later(queue=store.mails, rows=store.rows, clock=store.clock)

    class Releasing(Waits):
        def has_row(self, mail, due):
            later.release(map)
            return super().has_row(mail, due)

    swept = store.after(hours=9).sweep(waits=Releasing((store.mails, store.poison), store.rows))

    assert (len(swept.stalled), swept.revived) == (1, 0)
    assert store.only_record.status is Status.SCHEDULED


def test_a_scheduled_mail_is_left_alone_until_its_day(store):
    due = START + timedelta(days=300)
    store.accept(scheduled_at=due.isoformat())

    for _ in range(4):
        assert store.after(days=74).sweep().stalled == ()
    assert store.run() is Status.SENT


def test_between_two_looks_a_clean_up_changes_nothing(store):
    store.policy = OnUncertain.VERIFY
    message = store.by_http()
    store.deliver(message, send=raising(NO_ANSWER))
    store.graph.sent_items.append(store.sent[0])

    store.after(seconds=LOOKS[0].total_seconds() + 1).sweep()

    assert store.run() is Status.SENT


def test_stalled_mails_of_any_age_are_found_sooner_or_later(store):
    old = store.put_record(at=START - timedelta(days=200), times={Status.QUEUED: START - timedelta(days=200)})

    runs = 0
    while store.ledger.read(old.id).status is Status.QUEUED:
        store.after(minutes=30).sweep()
        runs += 1
    assert 1 < runs < 30


def test_stalled_mails_are_found_although_a_run_has_time_for_two_days_only(store):
    old = store.put_record(at=START - timedelta(days=5), times={Status.QUEUED: START - timedelta(days=5)})

    class Full(CleanUpTable):
        """Days with very many mails."""

        def stalled(self, day, *, before):
            store.after(seconds=STALLED_WITHIN / 2 + 1)
            return super().stalled(day, before=before)

    for _ in range(10):
        store.sweep(table=Full(store.table))

    assert store.ledger.read(old.id).status is Status.FAILED
