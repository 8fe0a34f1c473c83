"""Storage fails at a step."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest

from mailer.delivery.decide import LEASE
from mailer.delivery.deliver import PAUSES
from mailer.delivery.record import Status
from mailer.errors import TryLater, Unreadable
from mailer.setting_texts import OnUncertain
from tests.builders import RULES, SHOP, as_bytes, members
from tests.deliver.given import Away, Broken, Unanswered
from tests.fakes import START
from tests.post import BUSY, DOWN, NO_ANSWER, REFUSED, Crash, raising


def writes(*statuses):
    """Writes of a record in one of these statuses."""
    return lambda name, record, *_: name == "write" and record.status in statuses


def test_a_mail_that_cannot_be_claimed_now_waits(post, message):
    """The table is away; the queue is not."""
    assert not post.deliver(message, ledger=Away(post.ledger)).final

    assert post.run() is Status.SENT
    assert len(post.sent) == 1


def test_a_mail_whose_record_cannot_be_read_waits_until_it_is_mended(post, message):
    post.deliver(message, send=raising(BUSY))
    again = post.take()
    unreadable = Away(
        post.ledger, error=Unreadable("2026-11-23", "row", "KeyError"), only=lambda name, *_: name == "read"
    )
    post.deliver(again)

    assert post.deliver(again, ledger=unreadable) is Status.QUEUED

    assert post.run() is Status.SENT
    assert len(post.sent) == 2


def test_a_message_stays_the_same_mail_however_often_it_is_put_back(post):
    message = post.by_queue(idempotency_key="order-7")
    for _ in range(3):
        post.deliver(message, ledger=Away(post.ledger))
        message = post.take()
    post.deliver(message)

    assert post.run() in {None, Status.SENT}
    assert len(post.sent) == 1


def test_while_neither_table_nor_queue_answers_a_message_is_left_to_the_host(post, message):
    with pytest.raises(TryLater):
        post.deliver(message, ledger=Away(post.ledger), outbox=Broken(DOWN))

    assert post.deliver(message) is Status.SENT


@pytest.mark.parametrize("outcome", [None, BUSY, REFUSED, NO_ANSWER], ids=["sent", "busy", "refused", "no answer"])
def test_an_outcome_is_recorded_when_one_write_of_it_fails(post, message, outcome):
    """One connection is reset while the outcome is written; azure-core repeats no PATCH then."""
    ledger = Away(post.ledger, times=1, only=writes(Status.SENT, Status.QUEUED, Status.FAILED, Status.UNCERTAIN))

    status = post.deliver(message, ledger=ledger, send=raising(outcome) if outcome else None)

    assert post.record.status is status is not Status.SENDING
    assert len(post.waited) == 1


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(None, Status.SENT), (BUSY, Status.QUEUED), (REFUSED, Status.FAILED), (NO_ANSWER, Status.UNCERTAIN)],
    ids=["sent", "busy", "refused", "no answer"],
)
def test_an_outcome_that_the_table_does_not_take_is_carried_until_it_does(post, message, outcome, status):
    away = Away(post.ledger, only=writes(Status.SENT, Status.QUEUED, Status.FAILED, Status.UNCERTAIN))
    post.deliver(message, ledger=away, send=raising(outcome) if outcome else None)
    assert post.record.status is Status.SENDING
    for _ in range(5):
        assert post.deliver(post.take(), ledger=away) is Status.SENDING

    assert post.deliver(post.take()) is status
    assert post.record.status is status
    assert post.record.request_id == (None if outcome else "request-1")
    assert len(post.sent) == 1


def test_a_send_stays_known_although_the_lease_ran_out_meanwhile(post, message):
    away = Away(post.ledger, only=writes(Status.SENT))
    post.deliver(message, ledger=away)
    carried = post.take()
    post.clock.advance(seconds=LEASE.total_seconds())
    assert post.deliver(message) is Status.UNCERTAIN

    assert post.deliver(carried) is Status.SENT
    assert (post.record.status, post.record.error_code) == (Status.SENT, "")


@pytest.mark.parametrize("changed", ["a sender is taken away", "its content is gone"])
def test_a_send_stays_known_whatever_has_become_of_the_request_meanwhile(post, changed):
    post.policy = OnUncertain.RESEND
    message = post.by_http(from_="alerts@contoso.com", text="x" * 70_000)
    post.deliver(message, ledger=Away(post.ledger, only=writes(Status.SENT)))
    carried = post.take()
    if changed == "its content is gone":
        post.requests.kept.clear()

    assert post.deliver(carried, rules=lambda: replace(RULES, senders=RULES.senders[:1])) is Status.SENT
    assert (len(post.sent), post.record.status) == (1, Status.SENT)


def test_nobody_waits_for_the_storage_with_what_a_message_says_by_itself(post, message):
    """A lease ran out while the blobs are away: the message comes again, and says the same."""
    with pytest.raises(Crash):
        post.deliver(message, send=raising(Crash()))
    post.clock.advance(seconds=LEASE.total_seconds())

    assert post.deliver(message, requests=Away(post.requests)) is Status.QUEUED

    assert post.waited == []
    assert post.run() is Status.UNCERTAIN


def test_an_outcome_is_carried_although_the_queue_came_back_last(post, message):
    away = Away(post.ledger, only=writes(Status.SENT))
    outbox = Away(post.later, times=len(PAUSES) - 1)

    assert post.deliver(message, ledger=away, outbox=outbox) is Status.SENDING

    assert post.deliver(post.take()) is Status.SENT


@pytest.mark.parametrize("taken_over", [False, True], ids=["the lease ran out", "another one has the claim"])
def test_a_send_stays_known_although_nobody_can_read_what_has_become_of_its_record(post, message, taken_over):
    """The table goes away between its answer that the record has changed, and the look at it."""
    post.policy = OnUncertain.RESEND if taken_over else OnUncertain.HOLD

    def slow():
        post.clock.advance(seconds=LEASE.total_seconds())
        post.deliver(message)
        if taken_over:
            with pytest.raises(Crash):
                post.deliver(post.take(), send=raising(Crash()))
        away.reads_fail = True

    away = Away(post.ledger, only=lambda name, *_: name == "read" and away.reads_fail)
    away.reads_fail = False

    assert post.deliver(message, ledger=away, send=slow) is Status.SENDING
    assert post.deliver(post.take(), ledger=away) is Status.QUEUED, "it is put back, and still carries the send"

    assert post.run() is Status.SENT
    assert (post.record.status, post.record.error_code) == (Status.SENT, "")


def test_a_slow_worker_has_the_last_word_although_another_one_has_the_claim_now(post, message):
    post.policy = OnUncertain.RESEND

    def slow():
        post.clock.advance(seconds=LEASE.total_seconds())
        assert post.deliver(message) is Status.QUEUED
        with pytest.raises(Crash):
            post.deliver(post.take(), send=raising(Crash()))

    assert post.deliver(message, send=slow) is Status.SENT
    assert (post.record.status, post.record.resent) == (Status.SENT, 1)


@pytest.mark.parametrize("away", [0, 1, 3, 100])
@pytest.mark.parametrize("policy", [OnUncertain.HOLD, OnUncertain.RESEND])
def test_a_claim_whose_answer_is_lost_leaves_no_doubt_for_nobody_was_asked(post, message, policy, away):
    """The table writes the claim, does not say so, and then does not answer for a while."""
    post.policy = policy

    post.deliver(message, ledger=Unanswered(post.ledger, writes(Status.SENDING), away=away))

    assert post.run() is Status.SENT
    assert (len(post.sent), post.record.resent or 0, post.record.error_code) == (1, 0, "")
    assert post.clock.now - START < LEASE


def test_a_claim_that_was_never_written_is_made_again(post, message):
    for number in range(3):
        away = Away(post.ledger, only=writes(Status.SENDING, Status.QUEUED))
        assert post.deliver(message if number == 0 else post.take(), ledger=away) is not Status.SENT

    assert post.run() is Status.SENT
    assert (len(post.sent), len(post.ledger.records)) == (1, 1)


def test_a_repetition_under_a_key_is_no_wrong_mail_though_its_claim_was_never_written(post):
    """The first message ended between the key and the record."""
    first, second = (post.by_queue(idempotency_key="order-7") for _ in range(2))
    with pytest.raises(Crash):
        post.deliver(first, compose=raising(Crash()))

    post.deliver(second, ledger=Away(post.ledger, only=writes(Status.SENDING, Status.QUEUED)))

    assert post.run() is Status.SENT
    assert [record.status for record in post.ledger.records.values()] == [Status.SENT]


def test_an_upload_that_was_about_to_leave_is_no_doubt_though_the_table_did_not_say_that_it_knew(post, message):
    ledger = Unanswered(post.ledger, lambda name, record, *_: name == "write" and record.drafting is False)

    assert post.deliver_large(message, ledger=ledger) is Status.QUEUED

    assert post.run() is Status.SENT


def test_a_forged_message_overwrites_no_content_while_the_table_is_away(post):
    post.deliver(post.by_http(), send=raising(REFUSED))
    kept = post.kept
    envelope = {"id": post.record.id, "version": post.record.version, "proof": "0" * 32}
    forged = post.by_queue(body=as_bytes(members(text="x" * 64_500) | {"mailer": envelope}))

    with suppress(TryLater):
        post.deliver(forged, ledger=Away(post.ledger))

    assert post.kept == kept


def test_an_outcome_under_a_forged_claim_counts_for_nothing(post, message):
    with pytest.raises(Crash):
        post.deliver(message, send=raising(Crash()))
    forged = {"id": post.record.id, "outcome": {"claim": "0" * 32, "what": "sent"}}

    post.deliver(post.by_queue(body=as_bytes(json.loads(message.body) | {"from": SHOP.model_dump(), "mailer": forged})))

    assert post.record.status is Status.SENDING


def test_a_send_stays_known_although_telling_people_of_it_fails(post, message):
    class Broken:
        over = raising(RuntimeError("a bug"))

    with suppress(RuntimeError):
        post.deliver(message, alarms=Broken())

    assert (post.record.status, len(post.sent)) == (Status.SENT, 1)


def test_an_exception_after_the_claim_is_a_doubt_and_no_loop(post, message):
    post.deliver(message, send=raising(RuntimeError("a bug")))

    assert (post.record.status, post.record.error_code) == (Status.UNCERTAIN, "unexpected_error")
    assert (len(post.sent), post.waits, bool(post.kept)) == (1, False, True)


def test_a_mail_that_cannot_be_queued_again_comes_back_by_its_message(post, message):
    with pytest.raises(TryLater):
        post.deliver(message, send=raising(BUSY), outbox=Broken(DOWN))

    assert post.deliver(message) is Status.QUEUED  # the host brings it back before it is due
    assert post.run() is Status.SENT
    assert len(post.sent) == 2  # the first attempt was told to wait
