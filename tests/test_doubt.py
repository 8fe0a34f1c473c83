"""What becomes of a mail that may or may not have left: held, sent again, or looked up in Sent Items."""

from datetime import timedelta

import pytest

from mailer.delivery.doubt import LOOKS
from mailer.delivery.record import LEASE, Status
from mailer.errors import CannotLook, InvalidRequest, Problem, TryLater
from mailer.settings import OnUncertain
from tests.test_deliver import NO_ANSWER, Crash, Post, raising

CLOSED = CannotLook("Grant Mail.Read.", code="ErrorAccessDenied")


@pytest.fixture
def post():
    return Post()


@pytest.fixture
def verifying(post):
    post.policy = OnUncertain.VERIFY
    return post


def no_answer_once(post):
    """The first call gives no answer, the ones after it do."""

    def call():
        if len(post.sent) == 1:
            raise NO_ANSWER

    return call


def test_held_it_is_kept_for_a_person_and_never_sent_again(post):
    post.deliver(post.by_http(), send=raising(NO_ANSWER))

    assert (post.record.status, post.record.resent, len(post.buried)) == (Status.UNCERTAIN, None, 1)
    assert post.queue == []


def test_by_resend_it_is_sent_again_and_the_record_says_so(post):
    post.policy = OnUncertain.RESEND

    assert post.deliver(post.by_http(), send=no_answer_once(post)) is Status.QUEUED
    assert post.run() is Status.SENT

    assert len(post.sent) == 2
    assert (post.record.status, post.record.resent, post.record.attempts) == (Status.SENT, 1, 2)


def test_verified_it_is_settled_by_the_copy_in_sent_items(verifying):
    verifying.deliver(verifying.by_http(), send=raising(NO_ANSWER))
    assert verifying.record.status is Status.UNCERTAIN
    verifying.sent_items.append(verifying.record.id)

    assert verifying.run() is Status.SENT
    assert len(verifying.sent) == 1
    assert (verifying.record.status, verifying.record.resent) == (Status.SENT, None)


def test_a_copy_that_comes_late_is_still_found(verifying):
    verifying.deliver(verifying.by_http(), send=raising(NO_ANSWER))
    for _ in LOOKS[:-1]:
        assert verifying.deliver(verifying.take()) is Status.UNCERTAIN
    verifying.sent_items.append(verifying.record.id)

    assert verifying.run() is Status.SENT
    assert len(verifying.sent) == 1


def test_a_mail_that_is_surely_absent_is_sent_again_and_the_record_says_so(verifying):
    began = verifying.clock.now
    verifying.deliver(verifying.by_http(), send=no_answer_once(verifying))

    assert verifying.run() is Status.SENT

    assert len(verifying.sent) == 2
    assert verifying.record.resent == 1
    assert verifying.clock.now - began >= sum(LOOKS, timedelta())


def test_without_the_permission_to_look_it_is_held_and_the_reason_named(verifying):
    verifying.deliver(verifying.by_http(), send=raising(NO_ANSWER))

    assert verifying.run(is_sent=raising(CLOSED)) is Status.UNCERTAIN

    assert "Grant Mail.Read." in verifying.record.error_message
    assert (len(verifying.buried), len(verifying.sent), verifying.queue) == (1, 1, [])


def test_a_look_that_gets_no_answer_is_repeated(verifying):
    verifying.deliver(verifying.by_http(), send=raising(NO_ANSWER))
    verifying.deliver(verifying.take(), is_sent=raising(TryLater("Busy.", code="http_503")))
    verifying.sent_items.append(verifying.record.id)

    assert verifying.run() is Status.SENT


def test_a_mail_that_leaves_no_copy_cannot_be_verified_and_is_held(verifying):
    verifying.deliver(verifying.by_http(save_to_sent_items=False), send=raising(NO_ANSWER))

    assert (verifying.record.status, len(verifying.buried), verifying.queue) == (Status.UNCERTAIN, 1, [])


def test_a_mail_whose_worker_died_is_verified_too(verifying):
    message = verifying.by_http()
    with pytest.raises(Crash):
        verifying.deliver(message, send=raising(Crash()))
    verifying.sent_items.append(verifying.record.id)
    verifying.clock.advance(seconds=LEASE.total_seconds() + 1)

    assert verifying.deliver(message) is Status.UNCERTAIN
    assert verifying.run() is Status.SENT
    assert len(verifying.sent) == 1


def test_two_looks_at_one_mail_send_it_again_once(verifying):
    verifying.deliver(verifying.by_http(), send=no_answer_once(verifying))
    verifying.queue.append(verifying.queue[0])  # the host gave the first message twice

    verifying.run()

    assert (len(verifying.sent), verifying.record.resent, verifying.record.status) == (2, 1, Status.SENT)


def test_a_mail_is_looked_up_although_its_file_is_gone_meanwhile(verifying):
    gone = InvalidRequest([Problem(code="attachment_not_found", message="There is no such blob.")])
    verifying.deliver(verifying.by_http(), send=raising(NO_ANSWER))
    verifying.sent_items.append(verifying.record.id)

    assert verifying.run(compose=raising(gone)) is Status.SENT


@pytest.mark.parametrize("policy", [OnUncertain.RESEND, OnUncertain.VERIFY])
def test_a_doubt_that_never_ends_is_held_when_the_mail_is_too_old(post, policy):
    post.policy = policy
    post.deliver(post.by_http(), send=raising(NO_ANSWER))

    assert post.run(send=raising(NO_ANSWER)) is Status.UNCERTAIN
    assert post.clock.now - post.record.accepted_at < timedelta(hours=54)
    assert len(post.buried) == 1
