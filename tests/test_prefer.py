"""`Prefer: wait`: delivered before the answer where that is possible in time, and by the queue where it is not."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from mailer.delivery.accept import MARGIN
from mailer.delivery.prefer import LONGEST, delivered, wished_wait
from mailer.delivery.record import Status
from tests.fakes import START
from tests.post import BUSY, DENIED, NO_ANSWER, REFUSED, Post, raising

WITHIN = timedelta(seconds=20)


class Door(Post):
    def post(self, *, within=WITHIN, deliver=None, send=None, **changes):
        accepted = self.accept(within=within, **changes)
        deliver = deliver or self.delivery(send=send).deliver
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
