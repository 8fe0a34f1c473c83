"""The recipients that a mailbox reaches in a day."""

from datetime import timedelta

import pytest

from mailer.pace.quota import INSTANCES, Quota
from tests.builders import SHOP
from tests.fakes import START, Clock, MemoryCounts
from tests.pace.given import seconds
from tests.post import Post
from tests.virtual import World


def test_what_exceeds_the_days_recipients_gets_tomorrows_slots():
    world = World(rate=600, daily=1000, instances=3)
    for _ in range(700):
        world.produce(seconds(0), to=["a@example.com", "b@example.com"], priority="bulk")
    world.go()

    first = [at for at in world.times() if at - START < timedelta(hours=23)]
    assert 490 <= len(first) <= 505
    assert len(world.times()) == 700


@pytest.mark.parametrize(
    ("first", "others"),
    [pytest.param(50, 49, id="49 each, while another one uses the limit up"), pytest.param(50, 50, id="its part each")],
)
def test_mails_to_many_from_two_hundred_instances_stay_within_the_days_recipients(first, others):
    clock, counts, reached = Clock(), MemoryCounts(), 0
    quotas = [Quota(10_000, counts.of_another_instance(), clock=clock) for _ in range(INSTANCES)]
    for _ in range(2):
        for quota in quotas:
            quota.opens("shop", clock.now, 1)
        clock.advance(minutes=2)

    for quota, recipients in [(quotas[0], first)] * (INSTANCES - 1) + [(quota, others) for quota in quotas[1:]]:
        clock.advance(seconds=60 / 29)
        if quota.opens("shop", clock.now, recipients) == clock.now:
            quota.count("shop", clock.now, recipients)
            reached += recipients

    assert 9_900 <= reached <= 10_000


def test_what_is_more_than_an_instances_part_is_told_at_once():
    counts = MemoryCounts()
    quota = Quota(10_000, counts, clock=Clock())
    for recipients, told in ((49, 0), (1, 50)):
        quota.count("shop", START, recipients)
        assert counts.all("shop", 0).total() == told


def test_the_counts_cost_little():
    world = World(rate=600, daily=10_000)
    for _ in range(1000):
        world.produce(seconds(0), priority="bulk")
    world.go()

    assert world.counts.calls.total() <= 0.1 * 1000


def test_health_warns_when_four_fifths_of_the_days_recipients_are_used():
    post = Post(rate=600, daily=1000)
    for _ in range(79):
        post.accept(to=[f"a{number}@example.com" for number in range(10)])
    assert post.turns.pace.warnings([SHOP.address]) == []
    for _ in range(12):
        post.accept(to=[f"a{number}@example.com" for number in range(10)])

    (warning,) = post.turns.pace.warnings([SHOP.address])
    assert "MAILER_MAILBOX_DAILY" in warning
