"""What comes of each attempt."""

import base64
import hmac
import itertools
import json
from datetime import timedelta

import pytest

from mailer.delivery.decide import LONGEST_WAIT, MENDING_WAIT
from mailer.delivery.record import Status
from mailer.errors import TryLater
from tests.builders import as_bytes, members
from tests.fakes import START
from tests.post import BUSY, DENIED, NO_ANSWER, REFUSED, raising


def test_a_mail_is_sent_once_and_recorded(post, message):
    assert post.deliver(message) is Status.SENT

    assert post.sent == [post.record.id]
    assert (post.record.status, post.record.attempts, post.record.tags) == (Status.SENT, 1, {"flow": "checkout"})
    assert set(post.record.times) == {Status.QUEUED, Status.SENDING, Status.SENT}
    assert (post.waits, post.requests.kept) == (False, {})


def test_the_record_tells_what_was_sent_and_as_which_request_graph_took_it(post, message):
    """Whoever reads it cannot guess the content: the hash is keyed by what only the record has."""
    post.deliver(message)

    digest = hmac.digest(post.record.proof.encode(), b"Hello\nb", "sha256").hex()
    assert (post.record.content_hash, post.record.request_id) == (digest, "request-1")


def test_a_large_mail_has_its_request_on_record_too(post, message):
    post.deliver_large(message)

    assert post.record.request_id == "request-1"


def test_a_message_in_base64_is_the_same_mail(post):
    body = base64.b64encode(as_bytes(members()))

    assert post.deliver(post.by_queue(body=body)) is Status.SENT


def test_a_mail_that_graph_puts_off_waits_as_long_as_graph_asks(post, message):
    busy = TryLater("Busy.", code="http_429", after=timedelta(seconds=2.128))

    assert post.deliver(message, send=raising(busy)) is Status.QUEUED

    assert post.due_in == [timedelta(seconds=2.128)]
    assert (post.record.status, post.record.error_code, post.record.attempts) == (Status.QUEUED, "http_429", 1)


def test_a_mail_that_waited_is_sent_under_its_own_id(post, message):
    post.deliver(message, send=raising(BUSY))

    assert post.run() is Status.SENT
    assert post.sent == [post.record.id] * 2
    assert (post.record.status, post.record.attempts, post.record.error_code) == (Status.SENT, 2, "")


def test_a_claim_that_was_given_back_does_not_hold_up_the_next_attempt(post, message):
    post.deliver(message, send=raising(TryLater("Busy.", code="http_429", after=timedelta(seconds=1))))

    assert post.deliver(post.take()) is Status.SENT


def test_waits_grow_and_end_at_the_longest(post, message):
    waits = []
    post.deliver(message, send=raising(BUSY), max_age=timedelta(days=30))
    for _ in range(12):
        waits += post.due_in
        post.deliver(post.take(), send=raising(BUSY), max_age=timedelta(days=30))

    assert timedelta() < waits[0] <= timedelta(seconds=30)
    assert max(waits) > timedelta(minutes=5)
    assert max(waits) <= LONGEST_WAIT


def test_mails_that_failed_together_do_not_come_back_together(post):
    spreads = itertools.count(1)
    post.spread = lambda: next(spreads) / 10
    for _ in range(10):
        post.deliver(post.by_queue(), send=raising(BUSY))

    assert len(set(post.due_in)) == 10


@pytest.mark.parametrize("stage", ["authorize", "send"])
def test_a_mail_waits_for_the_configuration_to_be_mended(post, message, stage):
    assert post.deliver(message, **{stage: raising(DENIED)}) is Status.QUEUED

    assert post.due_in == [MENDING_WAIT]
    assert (post.record.status, post.record.error_code, post.record.attempts) == (
        Status.QUEUED,
        "ErrorAccessDenied",
        1,
    )
    assert post.alarms.standing == {"shop@contoso.com": [("ErrorAccessDenied", "Grant Mail.Send.")]}
    assert post.run() is Status.SENT
    assert post.alarms.standing == {}


def test_attempts_without_a_token_are_counted_too(post, message):
    post.deliver(message, authorize=raising(DENIED))
    post.deliver(post.take(), authorize=raising(DENIED))

    assert post.record.attempts == 2


def test_a_mail_that_is_too_old_is_failed_with_the_last_reason(post, message):
    post.deliver(message, send=raising(BUSY))
    post.clock.advance(hours=48, seconds=1)

    assert post.deliver(post.take(), send=raising(BUSY)) is Status.FAILED
    assert (post.record.status, post.record.error_code) == (Status.FAILED, "http_503")
    assert "Graph is busy." in post.record.error_message
    assert (post.waits, bool(post.kept)) == (False, True)


def test_age_counts_from_acceptance_however_often_the_mail_waited(post, message):
    post.deliver(message, send=raising(DENIED))
    post.run(send=raising(DENIED))

    waited = post.clock.now - START
    assert timedelta(hours=48) < waited <= timedelta(hours=48) + MENDING_WAIT
    assert post.record.status is Status.FAILED


def test_a_mail_that_graph_refuses_is_failed_and_kept(post, message):
    assert post.deliver(message, send=raising(REFUSED)) is Status.FAILED

    assert (post.record.status, post.record.error_code) == (Status.FAILED, "ErrorInvalidRecipients")
    assert post.record.error_message == "The address is not valid."
    assert (post.waits, bool(post.kept)) == (False, True)


def test_a_mail_that_may_have_left_is_uncertain_kept_and_never_resent(post, message):
    assert post.deliver(message, send=raising(NO_ANSWER)) is Status.UNCERTAIN

    assert (post.record.status, post.record.error_code) == (Status.UNCERTAIN, "no_answer")
    assert post.kept
    assert post.deliver(message) is Status.UNCERTAIN
    assert (len(post.sent), post.waits) == (1, False)


def test_what_is_kept_holds_the_whole_mail(post, message):
    post.deliver(message, send=raising(REFUSED))

    assert {"to", "subject", "text", "tags", "from"} == set(json.loads(post.kept))
