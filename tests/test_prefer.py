"""`Prefer: wait`: delivered before the answer where that is possible in time, and by the queue where it is not."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from mailer import gather
from mailer.delivery.accept import MARGIN
from mailer.delivery.prefer import LONGEST, delivered, wished_wait
from mailer.delivery.record import Status
from mailer.gather import Company
from mailer.storage.clients import kept_table
from mailer.storage.records import TableLedger
from tests.builders import SHOP, storage_of
from tests.fakes import START
from tests.post import BUSY, DENIED, NO_ANSWER, REFUSED, Post, raising

WITHIN = timedelta(seconds=20)


class Door(Post):
    def post(self, *, within=WITHIN, deliver=None, send=None, **changes):
        accepted = self.accept(within=within, **changes)
        deliver = deliver or self.delivery(send=send, awaited=True).deliver
        with ThreadPoolExecutor(1) as pool:
            waited = delivered(
                accepted, within=within, deliver=deliver, ledger=self.ledger, pool=pool, clock=self.clock
            )
            return asyncio.run(waited)


@pytest.fixture
def door():
    return Door()


def test_a_mail_is_sent_before_the_answer_and_once(door):
    receipt = door.post()

    assert (receipt.id, receipt.status) == (door.record.id, Status.SENT)
    assert door.run() is Status.SENT  # the message on the queue finds it done
    assert len(door.sent) == 1


@pytest.mark.parametrize(("error", "status"), [(REFUSED, Status.FAILED), (NO_ANSWER, Status.UNCERTAIN)])
def test_the_answer_tells_how_it_ended_and_why(door, error, status):
    receipt = door.post(send=raising(error))

    assert (receipt.status, receipt.error_code, receipt.error_message) == (status, error.code, str(error))


def test_the_answer_tells_the_cure_of_what_a_mail_waits_for(door):
    receipt = door.post(send=raising(DENIED))

    assert (receipt.status, receipt.error_code) == (Status.QUEUED, "ErrorAccessDenied")
    assert "Grant Mail.Send." in receipt.error_message


def test_callers_who_wait_hold_no_thread(door):
    """Forty of them, one thread that delivers: all are answered in time, and the loop is free meanwhile."""
    go_on = threading.Event()

    async def forty():
        with ThreadPoolExecutor(1) as pool:
            waits = [
                delivered(
                    door.accept(within=MARGIN),
                    within=timedelta(seconds=0.3),
                    deliver=lambda _message: go_on.wait(5) and Status.SENT,
                    ledger=door.ledger,
                    pool=pool,
                    clock=door.clock,
                )
                for _ in range(40)
            ]
            receipts = await asyncio.gather(*waits)
            go_on.set()
            return receipts

    assert {receipt.status for receipt in asyncio.run(forty())} == {Status.QUEUED}


def test_a_mail_that_has_to_wait_is_still_accepted_and_sent_by_the_queue_once(door):
    assert door.post(send=raising(BUSY)).status is Status.QUEUED

    door.run()
    assert (door.record.status, len(door.sent)) == (Status.SENT, 2)


def test_the_queue_has_the_mail_for_the_case_that_this_worker_stops(door):
    door.post()

    ((due, _),) = door.queue
    assert due - START == WITHIN + MARGIN


def test_a_call_that_takes_too_long_is_answered_as_accepted(door):
    go_on = threading.Event()
    threading.Timer(0.3, go_on.set).start()

    assert door.post(within=timedelta(seconds=0.05), send=go_on.wait).status is Status.QUEUED
    assert door.record.status is Status.SENT


def test_whatever_goes_wrong_after_the_acceptance_the_caller_gets_the_receipt(door):
    def fails(_message):
        raise RuntimeError("a bug")

    receipt = door.post(deliver=fails)

    assert (receipt.id, receipt.status) == (door.record.id, Status.QUEUED)
    assert door.run() is Status.SENT


def test_a_scheduled_mail_is_not_sent_early(door):
    receipt = door.post(scheduled_at=(START + timedelta(days=1)).isoformat())

    assert (receipt.status, door.sent) == (Status.SCHEDULED, [])


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=20", 20),
        ("respond-async, wait=5", 5),
        ("wait = 7", 7),
        ("wait=100000", LONGEST.total_seconds()),
        ("", 0),
        ("wait=soon", 0),
        ("await=20", 0),
        ("return=minimal", 0),
    ],
)
def test_the_header_is_read_as_the_standard_has_it(header, seconds):
    assert wished_wait(header).total_seconds() == seconds


class Running:
    """A clock that goes, from START on."""

    def __init__(self):
        self.began = time.monotonic()

    def __call__(self):
        return START + timedelta(seconds=time.monotonic() - self.began)

    now = property(__call__)

    def advance(self, *, seconds):
        time.sleep(seconds)


def test_a_bulk_mail_whose_turn_opens_within_the_time_is_sent_before_the_answer():
    door = Door(rate=30)
    door.clock = Running()
    door.start_instance()
    door.accept(priority="bulk")

    receipt = door.post(within=timedelta(seconds=3.5), priority="bulk")

    assert receipt.status is Status.SENT


def test_who_waits_for_an_answer_is_told_at_once_that_the_mail_waits_on(storage):
    """Because another instance was told to wait, say. Who sends an urgent mail waits for it."""
    door = Door(rate=30)
    door.pauses.kept[SHOP.address] = START + timedelta(seconds=90)
    company = Company()
    with closing(kept_table(storage_of(storage), f"t{uuid4().hex}")) as table:
        table.create_table()
        door.ledger = TableLedger(table, key_window=timedelta(hours=1), company=company)
        delivery = door.delivery(awaited=True)
        stores = replace(delivery.stores, company=company)
        began = time.monotonic()
        receipt = door.post(deliver=replace(delivery, stores=stores).deliver, priority="urgent")
        took = time.monotonic() - began

        assert receipt.status is Status.QUEUED
        assert door.ledger.read(receipt.id).due_at >= START + timedelta(seconds=90)
        assert took < gather.PATIENCE
