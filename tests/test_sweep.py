"""The clean-up over real storage: what crashes leave is accounted for, what is past its time goes, nothing else."""

import gc
import os
import tracemalloc
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from azure.data.tables import TableClient
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from mailer.delivery import sweep as sweeping
from mailer.delivery.decide import LEASE, LOOKS, Policy
from mailer.delivery.record import KeyOwner, Status
from mailer.delivery.sweep import EXPIRED_WITHIN, STALLED_WITHIN, Sweep
from mailer.pace.later import Later
from mailer.setting_texts import OnUncertain
from mailer.storage import tables
from mailer.storage.clean_up import CleanUpTable, Waits
from mailer.storage.later_rows import LaterRows
from mailer.storage.queues import MailQueue
from mailer.storage.recipients import Recipients
from mailer.storage.records import TableLedger, _entity, read_record, row_of
from mailer.storage.request_blobs import RequestBlobs
from mailer.storage.suppression_rows import TableSuppressions
from tests import post as memory
from tests.builders import a_record, claimed
from tests.fakes import START
from tests.post import NO_ANSWER, Crash, raising

HOURS = timedelta(hours=1)
RETENTION = timedelta(days=90)


class Rows(LaterRows):
    @property
    def kept(self):
        """All that wait, as a dictionary in memory has them."""
        return {row.mail: row for page in self.pages(START + timedelta(days=3650)) for row in page}

    @property
    def first_due(self):
        return min(row.due for row in self.kept.values())


class Store(memory.Post):
    """All steps over Azurite; a test moves the clock."""

    def __init__(self, connection_string, stack):
        def client(kind, name):
            return stack.enter_context(kind.from_connection_string(connection_string, name))

        super().__init__()
        name = f"t{uuid4().hex}"
        self.table = client(TableClient, name)
        self.ledger = TableLedger(self.table, key_window=timedelta(hours=24))
        self.rows = Rows(self.table)
        self.requests = RequestBlobs(client(ContainerClient, name))
        self.mails, self.poison = (MailQueue(client(QueueClient, text)) for text in (name, f"{name}-poison"))
        self.reports = []

    def sweep(self, **parts):
        known = {
            "table": CleanUpTable(self.table),
            "stores": self.stores(),
            "request_pages": self.requests.pages,
            "waits": Waits((self.mails, self.poison), self.rows),
            "report": self.reports.append,
            "policy": Policy(on_uncertain=OnUncertain.HOLD, max_age=timedelta(hours=48)),
            "retention": RETENTION,
            "clock": self.clock,
        }
        return Sweep(**known | parts).run()

    def put_record(self, entropy=b"0123456789", **changes):
        return self.ledger.write(a_record(entropy=entropy, **changes))

    @property
    def only_record(self):
        (row,) = self.table.query_entities("status ne ''")
        return read_record(row)

    def after(self, **duration):
        self.clock.advance(**duration)
        return self


@pytest.fixture
def store(storage):
    with ExitStack() as stack:
        yield Store(storage.connection_string, stack)


@pytest.fixture
def _orphans_at_once(monkeypatch):
    monkeypatch.setattr(sweeping, "ORPHANED_AFTER", timedelta(days=-3650))  # blobs carry the storage's own clock


def died_in_flight(store, **changes):
    """The worker that claimed this mail never came back."""
    return store.ledger.write(claimed(store.put_record(), **changes))


# Mails that should have moved


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


# What is past its time


def test_records_are_kept_for_their_retention_from_their_end_on(store):
    """A mail scheduled for beyond the retention fails on its day: its record and its content stay as long as any."""
    due = START + timedelta(days=200)
    store.accept(scheduled_at=due.isoformat())
    store.deliver(store.take(), send=raising(memory.REFUSED))
    record = store.only_record

    store.after(days=89).sweep()
    assert store.ledger.read(record.id)
    assert store.requests.get(record.id)

    assert store.after(days=2).sweep().records == 1
    assert store.ledger.read(record.id) is None
    assert store.requests.get(record.id) is None, "the content goes with the record"


def test_a_record_that_changes_while_it_is_read_is_not_deleted(store):
    record = store.put_record(status=Status.FAILED, times={Status.FAILED: START})
    store.after(days=91)

    class Replayed(CleanUpTable):
        def forget(self, records):
            store.ledger.write(record.moved(Status.QUEUED, now=store.clock.now))
            return super().forget(records)

    assert store.sweep(table=Replayed(store.table)).records == 0
    assert store.ledger.read(record.id).status is Status.QUEUED


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.QUEUED, Status.SENDING])
def test_a_mail_that_is_still_to_be_sent_keeps_its_record_and_its_request(store, status):
    due_at = START + timedelta(days=200)
    record = store.put_record(status=status, due_at=due_at, leased_until=due_at, times={status: START})
    store.requests.put(record.id, b"{}")

    store.after(days=92).sweep()

    assert store.ledger.read(record.id) == record
    assert store.requests.get(record.id) == b"{}"


def test_keys_past_their_window_are_forgotten_and_others_not(store):
    store.ledger.own_key("old", KeyOwner(id="a", digest="d"), now=START)
    store.ledger.own_key("new", KeyOwner(id="b", digest="d"), now=START + 20 * HOURS)

    assert store.after(hours=25).sweep().keys == 1

    assert store.ledger.own_key("new", KeyOwner(id="c", digest="d"), now=store.clock.now).id == "b"


@pytest.mark.usefixtures("_orphans_at_once")
@pytest.mark.parametrize("status", [Status.SENT, Status.CANCELED, None])
def test_the_content_of_a_mail_that_is_over_or_unknown_is_deleted(store, status):
    record = a_record(entropy=b"0123456789")
    if status:
        store.ledger.write(replace(record, status=status, times={status: START}))
    store.requests.put(record.id, b"{}")

    assert store.sweep().requests == 1
    assert store.requests.get(record.id) is None


@pytest.mark.usefixtures("_orphans_at_once")
@pytest.mark.parametrize("status", [Status.FAILED, Status.UNCERTAIN, Status.SCHEDULED, Status.QUEUED])
def test_the_content_of_a_mail_that_may_still_be_sent_is_kept(store, status):
    record = store.put_record(status=status, times={status: START})
    store.requests.put(record.id, b"{}")

    assert store.sweep().requests == 0
    assert store.requests.get(record.id) == b"{}"


# In bounded runs


def test_a_run_stops_in_time_and_the_next_one_goes_on(store):
    _insert(store, 1_500)
    store.after(days=91)

    class Slow(CleanUpTable):
        """Each page takes longer than a run may."""

        def forget(self, records):
            store.after(seconds=EXPIRED_WITHIN + 1)
            return super().forget(records)

    gone = [store.sweep(table=Slow(store.table)).records for _ in range(4)]

    assert gone == [500, 500, 500, 0]


@pytest.fixture
def _garbage_is_gone_soon():
    """The app lets 10,000 objects gather before it looks for garbage, more than a small run makes."""
    before = gc.get_threshold()
    gc.set_threshold(700)
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("_garbage_is_gone_soon")
def test_the_memory_of_a_run_does_not_grow_with_what_there_is_to_do(store, monkeypatch):
    monkeypatch.setattr(tables, "PAGE", 50)
    peaks = []
    for many in (100, 400):
        _insert(store, many)
        store.clock.now = START + timedelta(days=91)
        tracemalloc.start()
        assert store.sweep().records == many
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 1.5 * peaks[0]


def _insert(store, many):
    """So many mails of one day, which were sent, in few calls."""
    store.ledger.ping()
    entities = [_entity(a_record(entropy=os.urandom(10), status=Status.SENT, times={Status.SENT: START}))
                for _ in range(many)]  # fmt: skip
    for start in range(0, many, 100):
        store.table.submit_transaction([("create", entity) for entity in entities[start : start + 100]])


@pytest.mark.usefixtures("_orphans_at_once")
def test_an_unreadable_record_keeps_its_content_and_holds_up_no_other(store, caplog):
    old = START - RETENTION - timedelta(days=2)
    gone, spoilt = (
        store.put_record(entropy, at=old, status=Status.SENT, times={Status.SENT: old})
        for entropy in (b"0123456789", b"9876543210")
    )
    stalled = store.put_record(b"stalled-stal", times={Status.QUEUED: START - 2 * HOURS})
    for mail in (gone, spoilt):
        store.requests.put(mail.id, b"{}")
    store.mails.send("{}", after=timedelta())
    partition, row = row_of(spoilt.id)
    store.table.update_entity({"PartitionKey": partition, "RowKey": row, "attempts": "many"})
    store.table.upsert_entity({"PartitionKey": "marks", "RowKey": "stalled", "at": "no day"})

    swept = store.sweep()

    assert (swept.stalled, swept.records) == ((stalled.id,), 1)
    assert (store.requests.get(gone.id), store.requests.get(spoilt.id)) == (None, b"{}")
    assert row in caplog.text


def test_a_crash_in_a_clean_up_loses_nothing(store):
    record = died_in_flight(store)
    store.requests.put(record.id, b'{"to":"ada@example.com","from":"shop@contoso.com","subject":"s","text":"t"}')
    store.after(hours=2)

    class Crashing:
        def put(self, *_, **__):
            raise Crash

    with pytest.raises(Crash):
        store.sweep(stores=store.stores(outbox=Crashing()))

    assert store.sweep().revived == 1
