"""A run of the clean-up is bounded in time and memory, and the next one goes on."""

import gc
import os
import tracemalloc
from datetime import timedelta

import pytest

from mailer.delivery.record import Status
from mailer.delivery.sweep import EXPIRED_WITHIN
from mailer.storage import tables
from mailer.storage.clean_up import CleanUpTable
from mailer.storage.records import _entity, row_of
from tests.builders import a_record
from tests.fakes import START
from tests.post import Crash
from tests.sweep.given import HOURS, RETENTION, died_in_flight


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
