"""What becomes of a mail that may or may not have left: held, sent again, or looked up in Sent Items."""

from datetime import timedelta

import pytest

from mailer.delivery.decide import LEASE, LOOKS
from mailer.delivery.record import Status
from mailer.errors import CannotLook, InvalidRequest, Problem, TryLater
from mailer.setting_texts import OnUncertain
from tests.post import NO_ANSWER, Crash, Post, raising

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

    assert (post.record.status, post.record.resent, post.waits) == (Status.UNCERTAIN, None, False)
    assert post.kept


def test_by_resend_it_is_sent_again_and_the_record_says_so(post):
    post.policy = OnUncertain.RESEND

    assert post.deliver(post.by_http(), send=no_answer_once(post)) is Status.QUEUED
    assert post.run() is Status.SENT

    assert len(post.sent) == 2
    assert (post.record.status, post.record.resent, post.record.attempts) == (Status.SENT, 1, 2)


def test_verified_it_is_settled_by_the_copy_in_sent_items(verifying):
    verifying.deliver(verifying.by_http(), send=raising(NO_ANSWER))
    assert verifying.record.status is Status.UNCERTAIN
    verifying.graph.sent_items.append(verifying.record.id)

    assert verifying.run() is Status.SENT
    assert len(verifying.sent) == 1
    assert (verifying.record.status, verifying.record.resent) == (Status.SENT, None)


def test_a_copy_that_comes_late_is_still_found(verifying):
    verifying.deliver(verifying.by_http(), send=raising(NO_ANSWER))
    for _ in LOOKS[:-1]:
        assert verifying.deliver(verifying.take()) is Status.UNCERTAIN
    verifying.graph.sent_items.append(verifying.record.id)

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
    assert (len(verifying.sent), verifying.waits) == (1, False)
    assert verifying.kept


def test_a_look_that_gets_no_answer_is_repeated(verifying):
    verifying.deliver(verifying.by_http(), send=raising(NO_ANSWER))
    verifying.deliver(verifying.take(), is_sent=raising(TryLater("Busy.", code="http_503")))
    verifying.graph.sent_items.append(verifying.record.id)

    assert verifying.run() is Status.SENT


def test_a_mail_that_leaves_no_copy_cannot_be_verified_and_is_held(verifying):
    verifying.deliver(verifying.by_http(save_to_sent_items=False), send=raising(NO_ANSWER))

    assert (verifying.record.status, verifying.waits) == (Status.UNCERTAIN, False)
    assert verifying.kept


def test_a_mail_whose_worker_died_is_verified_too(verifying):
    message = verifying.by_http()
    with pytest.raises(Crash):
        verifying.deliver(message, send=raising(Crash()))
    verifying.graph.sent_items.append(verifying.record.id)
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
    verifying.graph.sent_items.append(verifying.record.id)

    assert verifying.run(compose=raising(gone)) is Status.SENT


@pytest.mark.parametrize("policy", OnUncertain)
def test_a_doubt_that_never_ends_makes_one_copy_at_most_and_is_held(post, policy):
    """Graph takes every copy and answers 504, for days."""
    post.policy = policy
    post.deliver(post.by_http(), send=raising(NO_ANSWER))

    post.run(send=raising(NO_ANSWER))

    copies = 1 if policy is OnUncertain.HOLD else 2
    assert (len(post.sent), post.record.status) == (copies, Status.UNCERTAIN)
    assert (post.record.resent or 0) == copies - 1
    assert post.kept


@pytest.mark.parametrize("policy", OnUncertain)
def test_a_mail_whose_worker_died_before_an_outage_is_treated_by_its_policy(post, policy):
    """The app is down for an hour, or ten days; its message is still there when it comes back."""
    for away in (timedelta(hours=1), timedelta(days=10)):
        one = Post()
        one.policy, one.max_age = policy, timedelta(days=30)
        message = one.by_http()
        with pytest.raises(Crash):
            one.deliver(message, send=raising(Crash()))
        one.clock.now += away

        one.deliver(message)
        one.run()

        assert one.record.status is (Status.UNCERTAIN if policy is OnUncertain.HOLD else Status.SENT)
        assert one.kept or one.record.status is Status.SENT


def test_a_person_may_replay_a_mail_that_was_sent_again_in_vain(post):
    post.policy = OnUncertain.RESEND
    post.deliver(post.by_http(), send=raising(NO_ANSWER))
    post.run(send=raising(NO_ANSWER))

    post.amendment().replay(post.record.id)

    assert post.run() is Status.SENT
    assert post.record.resent == 2
