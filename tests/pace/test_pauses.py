"""A 429 pauses the mailbox for all instances."""

from datetime import timedelta

import pytest

from mailer.delivery.record import Status
from mailer.errors import Throttled
from mailer.setting_texts import OnUncertain
from tests.fakes import START
from tests.pace.given import RATE, seconds
from tests.post import NO_ANSWER, Post, raising

TOLD = Throttled("Too many.", code="ApplicationThrottled", after=timedelta(minutes=3))


def test_a_pause_holds_for_all_instances_and_moves_every_mail_of_the_mailbox_once(post):
    post.deliver(post.by_queue(), send=raising(TOLD))
    post.start_instance()
    waiting = [post.by_queue(priority="bulk") for _ in range(40)]
    for message in waiting:
        assert post.deliver(message) is Status.QUEUED

    assert len(post.sent) == 1
    assert all(record.due_at >= START + timedelta(minutes=3) - seconds(4) for record in post.ledger.records.values())
    assert post.deliver(post.by_queue(from_="alerts@contoso.com")) is Status.SENT
    taken = 0
    while post.waits:
        post.deliver(post.take())
        taken += 1
    assert taken <= 41  # nothing was received only to be put back
    assert {record.status for record in post.ledger.records.values()} == {Status.SENT}
    assert min(record.times[Status.SENT] for record in post.ledger.records.values() if record.attempts == 2) >= START


@pytest.mark.parametrize("priority", ["urgent", "normal", "bulk"])
def test_an_instance_learns_of_a_pause_by_the_slots_without_reading_it(post, priority):
    other = post.turns, post.throttle
    post.start_instance()
    post.deliver(post.by_queue(), send=raising(TOLD))
    post.clock.advance(seconds=10)
    post.turns, post.throttle = other
    calls = post.pauses.calls

    assert post.deliver(post.by_queue(priority=priority)) is Status.QUEUED
    (record,) = [record for record in post.ledger.records.values() if not record.attempts]
    assert record.due_at >= START + timedelta(minutes=3)
    assert post.pauses.calls == calls


@pytest.mark.parametrize("rate", [RATE, None])
def test_a_pause_is_read_once_in_five_seconds(rate):
    post = Post(rate=rate)
    for _ in range(10):
        post.accept(from_="alerts@contoso.com", priority="urgent")
        post.deliver(post.take())
    assert 1 <= post.pauses.calls <= 1 + (post.clock.now - START) / seconds(5)


def test_a_mail_in_doubt_is_looked_up_without_a_slot(post):
    post.policy = OnUncertain.VERIFY
    post.deliver(post.by_queue(), send=raising(NO_ANSWER))
    before = post.slots.calls.total()

    post.deliver(post.take())

    assert post.slots.calls.total() == before
