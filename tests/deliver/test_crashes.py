"""A worker ends at each step, and the same message comes again."""

from datetime import timedelta

import pytest

from mailer.delivery.decide import AFTER_LEASE, LEASE
from mailer.delivery.record import Status
from tests.deliver.given import Broken
from tests.fakes import START, MemoryLedger
from tests.post import BUSY, DENIED, NO_ANSWER, REFUSED, Crash, raising

STEPS = {
    "composing": {"compose": raising(Crash())},
    "authorizing": {"authorize": raising(Crash())},
}


@pytest.mark.parametrize("parts", STEPS.values(), ids=STEPS)
def test_a_crash_before_the_claim_costs_nothing(post, message, parts):
    with pytest.raises(Crash):
        post.deliver(message, **parts)

    assert post.deliver(message) is Status.SENT
    assert len(post.sent) == 1


def test_a_crash_before_the_claim_is_written_costs_nothing(post, message):
    class Crashing(MemoryLedger):
        def write(self, _record):
            raise Crash

    ledger = Crashing()
    ledger.records = post.ledger.records
    with pytest.raises(Crash):
        post.deliver(message, ledger=ledger)

    assert post.deliver(message) is Status.SENT
    assert len(post.sent) == 1


@pytest.mark.parametrize("answered", [False, True], ids=["before the answer", "after the answer"])
def test_a_crash_while_sending_makes_the_mail_uncertain_when_the_lease_is_over(post, message, answered):
    ledger = post.ledger
    if answered:
        # Graph has said yes, and the process ends before that is written.
        class Crashing(MemoryLedger):
            def write(self, record):
                if record.status is Status.SENT:
                    raise Crash
                return post.ledger.write(record)

            def read(self, mail_id):
                return post.ledger.read(mail_id)

        ledger = Crashing()
    with pytest.raises(Crash):
        post.deliver(message, ledger=ledger, send=None if answered else raising(Crash()))
    post.clock.advance(seconds=30)

    assert post.deliver(message) is Status.SENDING, "the worker may still be at it"
    assert post.run() is Status.UNCERTAIN

    assert len(post.sent) == 1
    assert (post.record.status, post.record.error_code) == (Status.UNCERTAIN, "lease_expired")
    assert post.kept
    assert post.clock.now - START >= LEASE


def test_nobody_asks_again_before_the_lease_is_over(post, message):
    with pytest.raises(Crash):
        post.deliver(message, send=raising(Crash()))
    post.deliver(message)

    assert post.due_in == [LEASE + AFTER_LEASE]


def test_a_slow_worker_whose_lease_ran_out_has_the_last_word_when_the_mail_is_sent(post, message):
    def slow():
        post.clock.now += LEASE + timedelta(seconds=1)
        post.deliver(message)

    assert post.deliver(message, send=slow) is Status.SENT
    assert post.record.status is Status.SENT
    assert len(post.sent) == 1


@pytest.mark.parametrize(("error", "status"), [(REFUSED, Status.FAILED), (NO_ANSWER, Status.UNCERTAIN)])
def test_a_slow_worker_does_not_overrule_what_was_settled_meanwhile(post, message, error, status):
    def slow():
        post.clock.now += LEASE + timedelta(seconds=1)
        post.deliver(message)
        raise error

    assert post.deliver(message, send=slow) is Status.UNCERTAIN
    assert post.record.status is Status.UNCERTAIN
    assert status.final


@pytest.mark.parametrize("error", [BUSY, DENIED], ids=["busy", "denied"])
@pytest.mark.parametrize("stage", ["authorize", "send"])
def test_a_crash_between_waiting_and_the_message_does_not_lose_the_mail(post, message, stage, error):
    with pytest.raises(Crash):
        post.deliver(message, outbox=Broken(Crash()), **{stage: raising(error)})

    post.deliver(message)
    assert post.run() is Status.SENT
    assert len(post.sent) == (2 if stage == "send" else 1)


@pytest.mark.parametrize("stage", ["authorize", "send"])
def test_a_message_that_the_host_gives_twice_after_a_wait_is_sent_once(post, message, stage):
    """The host ended between the function's return and the deletion of the message."""
    post.deliver(message, **{stage: raising(BUSY)})
    post.deliver(message, **{stage: raising(BUSY)})
    tried = len(post.sent)

    assert post.run() is Status.SENT
    assert len(post.sent) == tried + 1


@pytest.mark.parametrize("error", [REFUSED, NO_ANSWER], ids=["refused", "no answer"])
def test_a_crash_before_the_content_is_kept_neither_resends_nor_loses_the_mail(post, message, error):
    with pytest.raises(Crash):
        post.deliver(message, send=raising(error), requests=Broken(Crash()))
    post.deliver(message)

    assert post.run() is Status.UNCERTAIN
    assert len(post.sent) == 1
    assert post.kept


def test_a_crash_before_a_bad_message_is_kept_does_not_lose_it(post):
    message = post.by_queue(to="nobody")
    with pytest.raises(Crash):
        post.deliver(message, requests=Broken(Crash()))

    assert post.deliver(message) is Status.FAILED
    assert post.kept


def test_a_redelivered_message_of_a_sent_mail_does_nothing(post, message):
    post.deliver(message)
    before = post.record

    assert post.deliver(message) is Status.SENT
    assert (len(post.sent), post.record, post.waits) == (1, before, False)
