"""What is past its time goes, and nothing else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailer.delivery.record import KeyOwner, Status
from mailer.storage.clean_up import CleanUpTable
from tests import post as memory
from tests.builders import a_record
from tests.fakes import START
from tests.post import raising
from tests.sweep.given import HOURS


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
