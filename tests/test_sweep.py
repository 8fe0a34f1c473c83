"""The timer's work over real storage: what crashes leave is settled, what is past its time is gone."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from azure.data.tables import TableClient
from azure.storage.blob import ContainerClient

from mailer.delivery import sweep as sweeping
from mailer.delivery.record import LEASE, LOST_AFTER, KeyOwner, Status
from mailer.delivery.sweep import Swept, sweep
from mailer.storage.records import TableLedger
from mailer.storage.request_blobs import Bodies
from tests.builders import a_record
from tests.fakes import START

NOTHING = Swept(settled=0, requests=0, rows=0)


class Store:
    def __init__(self, connection_string):
        name = f"t{uuid4().hex}"
        self.table = TableClient.from_connection_string(connection_string, name)
        self.container = ContainerClient.from_connection_string(connection_string, name)
        self.ledger = TableLedger(self.table, key_window=timedelta(hours=24))
        self.requests = Bodies(self.container)

    def sweep(self, now=START, retention=timedelta(days=90)):
        return sweep(ledger=self.ledger, requests=self.requests, retention=retention, now=now)

    def record(self, *, entropy, **changes):
        return self.ledger.write(a_record(entropy=entropy, **changes))


@pytest.fixture
def store(storage):
    made = Store(storage.connection_string)
    yield made
    made.table.close()
    made.container.close()


@pytest.fixture
def _orphans_at_once(monkeypatch):
    monkeypatch.setattr(sweeping, "ORPHANED_AFTER", timedelta(days=-3650))  # blobs carry the storage's own clock


def test_nothing_is_done_where_nothing_is_to_do(store):
    store.record(entropy=b"sent-sent-sent", status=Status.SENT)
    store.record(entropy=b"waits-waits-wa")

    assert store.sweep() == NOTHING


def test_an_upload_that_nobody_came_back_for_has_failed(store):
    record = store.record(entropy=b"0123456789")
    store.ledger.write(record.claimed(claim="c", now=START, drafting=True))

    store.sweep(START + LEASE + timedelta(hours=2))

    kept = store.ledger.read(record.id)
    assert (kept.status, kept.error_code) == (Status.FAILED, "upload_interrupted")


def test_a_claim_that_nobody_came_back_for_is_uncertain(store):
    record = store.record(entropy=b"0123456789")
    store.ledger.write(record.claimed(claim="c", now=START))

    assert store.sweep(START + LEASE) == NOTHING
    assert store.sweep(START + timedelta(hours=2)).settled == 1

    settled = store.ledger.read(record.id)
    assert (settled.status, settled.error_code) == (Status.UNCERTAIN, "lease_expired")


def test_a_mail_that_was_recorded_and_never_queued_is_failed(store):
    record = store.record(entropy=b"0123456789")

    assert store.sweep(START + LOST_AFTER + timedelta(hours=1)).settled == 1

    settled = store.ledger.read(record.id)
    assert (settled.status, settled.error_code) == (Status.FAILED, "message_missing")


def test_a_mail_scheduled_for_a_far_day_is_left_alone(store):
    due = START + timedelta(days=300)
    store.record(entropy=b"0123456789", status=Status.SCHEDULED, due_at=due, times={Status.SCHEDULED: START})

    assert store.sweep(START + timedelta(days=80)) == NOTHING


def test_records_past_their_retention_are_forgotten(store):
    for number in range(205):
        store.record(entropy=f"old-{number:06}".encode(), status=Status.SENT)
    kept = store.record(at=START + timedelta(days=60), entropy=b"young-young", status=Status.SENT)

    assert store.sweep(START + timedelta(days=91)).rows == 205

    assert store.ledger.read(kept.id)
    assert store.sweep(START + timedelta(days=91)) == NOTHING


def test_keys_past_their_window_are_forgotten_and_others_not(store):
    store.ledger.own_key("old", KeyOwner(id="a", digest="d"), now=START)
    store.ledger.own_key("new", KeyOwner(id="b", digest="d"), now=START + timedelta(hours=20))

    assert store.sweep(START + timedelta(hours=25)).rows == 1

    assert store.ledger.own_key("new", KeyOwner(id="c", digest="d"), now=START + timedelta(hours=25)).id == "b"


@pytest.mark.usefixtures("_orphans_at_once")
@pytest.mark.parametrize("status", [Status.SENT, Status.CANCELED, None])
def test_the_blob_of_a_mail_that_is_over_or_unknown_is_deleted(store, status):
    record = a_record(entropy=b"0123456789")
    if status:
        store.ledger.write(replace(record, status=status))
    store.requests.put(record.id, b"{}")

    assert store.sweep().requests == 1
    assert store.requests.get(record.id) is None


@pytest.mark.usefixtures("_orphans_at_once")
@pytest.mark.parametrize("status", [Status.FAILED, Status.UNCERTAIN, Status.SCHEDULED, Status.QUEUED])
def test_the_blob_of_a_mail_that_may_still_be_sent_is_kept(store, status):
    record = store.record(entropy=b"0123456789", status=status)
    store.requests.put(record.id, b"{}")

    assert store.sweep().requests == 0
    assert store.requests.get(record.id) == b"{}"


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.QUEUED, Status.SENDING])
def test_a_mail_that_is_still_to_be_sent_keeps_its_record_and_its_request(store, status):
    """It may be scheduled for later than records are kept."""
    due_at = START + timedelta(days=200)
    record = store.record(entropy=b"0123456789", status=status, due_at=due_at, leased_until=due_at)
    store.requests.put(record.id, b"{}")

    store.sweep(START + timedelta(days=92))

    assert store.ledger.read(record.id) == record
    assert store.requests.get(record.id) == b"{}"
