"""Mails that one call cannot carry, and whom the gate lets them reach."""

import json

import pytest

from mailer.delivery.decide import LEASE
from mailer.delivery.gate import Gate, Mode
from mailer.delivery.record import Status
from tests.builders import SHOP
from tests.fakes import MemoryLedger
from tests.post import DOWN, REFUSED, Crash, raising

# Mails that one call cannot carry


def test_a_large_mail_goes_another_way(post, message):
    assert post.deliver_large(message) is Status.SENT

    assert (post.sent, len(post.graph.large)) == ([], 1)


def test_a_crash_while_files_are_uploaded_is_no_doubt(post, message):
    with pytest.raises(Crash):
        post.deliver_large(message, graph=raising(Crash()))
    assert post.record.status is Status.SENDING

    post.clock.advance(seconds=LEASE.total_seconds() + 1)
    assert post.deliver_large(message) is Status.QUEUED
    assert post.record.error_code == "upload_interrupted"

    assert post.deliver_large(post.take()) is Status.SENT
    assert (len(post.graph.large), post.record.attempts) == (1, 2)


def test_a_crash_from_where_the_mail_may_leave_is_a_doubt(post, message):
    def crash(leaving):
        leaving()
        raise Crash

    with pytest.raises(Crash):
        post.deliver_large(message, graph=crash)
    post.clock.advance(seconds=LEASE.total_seconds() + 1)

    assert post.deliver_large(message) is Status.UNCERTAIN
    assert post.record.error_code == "lease_expired"


def test_an_upload_that_outlives_its_claim_does_not_leave(post, message):
    def slow(leaving):
        post.clock.advance(seconds=LEASE.total_seconds() + 1)
        assert post.deliver_large(message) is Status.QUEUED, "another worker takes the mail for interrupted"
        leaving()
        raise AssertionError("the mail has left")

    assert post.deliver_large(message, graph=slow) is Status.QUEUED

    assert post.graph.large == []
    assert post.deliver_large(post.take()) is Status.SENT
    assert len(post.graph.large) == 1


def test_a_large_mail_does_not_leave_when_its_record_cannot_be_written(post, message):
    class Failing(MemoryLedger):
        def write(self, record):
            if record.drafting is False:
                raise DOWN
            return post.ledger.write(record)

    assert post.deliver_large(message, ledger=Failing()) is Status.QUEUED

    assert post.graph.large == []


# The gate


def test_a_mail_that_the_gate_holds_back_is_suppressed_and_kept_for_a_replay(post, message):
    status = post.deliver(message, screen=Gate(mode=Mode.BLOCK).screen)

    assert status is Status.SUPPRESSED
    assert (post.record.status, post.record.error_code) == (Status.SUPPRESSED, "gate_blocked")
    assert (post.sent, post.waits) == ([], False)
    post.amendment().replay(post.record.id)
    assert post.run() is Status.SENT


def test_a_suppressed_mail_stays_so_when_its_message_comes_again(post, message):
    post.deliver(message, screen=Gate(mode=Mode.BLOCK).screen)

    assert post.deliver(message) is Status.SUPPRESSED
    assert post.sent == []


def test_a_suppressed_mail_that_was_replayed_and_sent_leaves_no_request_behind(post):
    big = post.by_http(text="x" * 100_000)
    assert post.deliver(big, screen=Gate(mode=Mode.BLOCK).screen) is Status.SUPPRESSED
    assert post.requests.kept

    post.amendment().replay(post.record.id)
    assert post.run() is Status.SENT
    assert post.requests.kept == {}


def test_the_record_says_what_the_gate_did(post, message):
    gate = Gate(mode=Mode.REDIRECT, redirect_to=SHOP)

    assert post.deliver(message, screen=gate.screen) is Status.SENT

    assert post.record.gate == "redirected to MAILER_REDIRECT_TO in place of 1 recipient"


def test_a_mail_redirected_in_vain_is_kept_as_it_was_asked_for(post, message):
    """A replay, perhaps after the gate was opened, goes to whom the mail was written to."""
    gate = Gate(mode=Mode.REDIRECT, redirect_to=SHOP)

    post.deliver(message, screen=gate.screen, send=raising(REFUSED))

    (kept,) = post.requests.kept.values()
    assert json.loads(kept)["to"] == [{"address": "ada@example.com"}]


def test_the_gate_does_not_touch_a_mail_that_may_have_left(post, message):
    """A closed gate says nothing of a mail that was sent while it stood open."""
    with pytest.raises(Crash):
        post.deliver(message, send=raising(Crash()))
    post.clock.advance(seconds=LEASE.total_seconds() + 1)

    assert post.deliver(message, screen=Gate(mode=Mode.BLOCK).screen) is Status.UNCERTAIN
