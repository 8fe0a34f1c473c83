"""One pace for all instances, in virtual time: urgent before bulk, never more than the rate and a tenth a minute."""

import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.delivery.record import Status
from tests.fakes import START
from tests.pace.given import MINUTE, RATE, seconds
from tests.virtual import World, most_in_a_minute


def a_part(times, total):
    return times[int(total * len(times))]


@pytest.fixture(scope="module")
def crowd():
    """5,000 bulk mails of one mailbox at once, and an urgent one now and then as long as they leave."""
    world = World(rate=RATE, instances=2)
    for number in range(5000):
        world.produce(seconds(number * 0.01), priority="bulk")
    for number in range(300):
        world.produce(seconds(60 + 30 * number + 30 * world.random.random()), priority="urgent")
    world.go()
    return world


def test_an_urgent_mail_among_5000_bulk_ones_reaches_graph_within_five_seconds(crowd):
    assert a_part(crowd.latencies("urgent"), 0.95) <= 5


def test_all_leave_at_nine_tenths_of_the_rate_or_more(crowd):
    times = crowd.times()

    assert len(times) == len(crowd.ledger.records) == 5300
    assert len(times) / ((times[-1] - times[0]) / MINUTE) >= 0.9 * RATE


def test_no_60_seconds_hold_more_than_the_rate_and_a_tenth(crowd):
    assert most_in_a_minute(crowd.times()) <= RATE * 1.1


MIXES = st.lists(
    st.tuples(st.integers(0, 240), st.sampled_from(["urgent", "normal", "bulk", None])), min_size=40, max_size=150
)


@given(
    mix=MIXES,
    instances=st.integers(1, 5),
    rate=st.sampled_from([10, 20, 30, 60]),
    late=st.floats(0, 30),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes_no_60_seconds_hold_more(mix, instances, rate, late, seed):
    """However late messages come, too; and each leaves in a slot of its own."""
    world = World(rate=rate, instances=instances, late=seconds(late), seed=seed)
    for after, priority in mix:
        world.produce(seconds(after), priority=priority)
    world.go(until=START + timedelta(hours=12))

    assert most_in_a_minute(world.times()) <= rate * 1.1
    slots = [record.slot for record in world.ledger.records.values() if record.status is Status.SENT]
    assert len(slots) == len(set(slots))
    if late <= 2:
        assert len(world.times()) == len(mix)


def test_after_an_outage_its_mails_leave_at_the_pace_too():
    world = World(rate=RATE)
    for number in range(100):
        world.produce(seconds(number), priority="bulk")
    world.clock.advance(hours=5)
    world.go()

    assert (len(world.times()), most_in_a_minute(world.times()) <= RATE * 1.1) == (100, True)


def test_bulk_makes_way_for_normal_mails():
    world = World(rate=RATE)
    for _ in range(300):
        world.produce(seconds(0), priority="bulk")
    for number in range(20):
        world.produce(seconds(30 + 20 * number))
    world.go()

    assert a_part(world.latencies(None), 0.95) <= 5


def a_run(mails=400, **world):
    """Bulk mails of one busy mailbox, at a Graph that takes 200 ms and refuses the fifth request."""
    random.seed(7)  # an instance in a crowd takes slots at random
    world = World(rate=RATE, latency=seconds(0.2), **world)
    for number in range(mails):
        world.produce(seconds(number * 0.05), priority="bulk")
    world.go()
    return world


def test_two_instances_on_one_busy_mailbox_cost_little_more_than_one():
    one, two = a_run(), a_run(instances=2)

    assert (len(one.times()), len(two.times())) == (400, 400)
    assert two.storage_calls <= 1.2 * one.storage_calls
    assert two.refused <= 0.05 * 400


@pytest.fixture(scope="module")
def hundred():
    """A hundred instances, of which each has thirty mails."""
    return a_run(3000, instances=100)


def test_a_hundred_instances_cost_a_fifth_more_at_most(hundred):
    one = a_run(3000)

    assert len(hundred.times()) == 3000
    assert hundred.storage_calls <= 1.2 * one.storage_calls
    assert hundred.refused <= 0.05 * 3000


def test_a_hundred_instances_leave_few_slots_empty(hundred):
    """What they have taken beforehand when a burst ends, whether each has thirty mails or fifteen."""
    for times in hundred.times(), a_run(1500, instances=100).times():
        assert len(times) / ((times[-1] - times[0]) / MINUTE) >= 0.885 * RATE


def test_a_hundred_instances_over_which_a_slow_flow_is_spread_leave_few_slots_empty():
    """Each has a mail now and then, for whose like it may take none beforehand: mails wait all the time."""
    random.seed(7)
    world = World(rate=RATE, latency=seconds(0.2), instances=100)
    for number in range(90):
        world.produce(seconds(number * 0.05), priority="bulk")
    for number in range(500):
        world.produce(seconds(10 + number * 2.15), priority="bulk")
    world.go()

    times = world.times()
    busy = [at for at in times if 4 * MINUTE <= at - times[0] < 15 * MINUTE]
    assert len(busy) / 11 >= 0.9 * RATE
