"""Slots that an instance takes before its mails ask for them."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from mailer.pace.grid import Grid
from mailer.pace.lane import Lane
from mailer.pace.search import LANES
from mailer.pace.slots import Slots
from mailer.request.members import Priority
from tests.fakes import START, Clock, MemorySlots
from tests.slots.given import BULK, GRID, MINUTE, SHOP, take


@pytest.mark.parametrize(
    ("used", "ahead", "needed"),
    [
        pytest.param([1], 60, 1, id="one mail"),
        pytest.param([1, 40], 3600, 1, id="another one"),
        pytest.param([10, 20, 30, 40, 50, 55], 3600, 3, id="a few where half as many are needed again"),
        pytest.param([10, 20, 30, 40, 50, 55], 59, 2, id="but not of those that open soon"),
        pytest.param([1, 2, 3, 5, 20], 3600, 4, id="as many as a burst has used lately"),
        pytest.param([1, 2, 5, 20], 3, 2, id="but no more than in the time until they open"),
        pytest.param([100 + 2 * number for number in range(32)], 3600, 4, id="an eighth of what a long burst has used"),
        pytest.param([600 * number for number in range(24)], 3 * 3600, 8, id="what a flow needs in half of the time"),
        pytest.param([600 * number for number in range(24)], 1800, 1, id="which is soon over"),
        pytest.param([20 * number for number in range(32)], 1800, 4, id="a flow that has only begun is a burst"),
        pytest.param([0] * 64, 3600, 12, id="twelve at most"),
    ],
)
def test_an_instance_takes_beforehand_what_it_will_use(used, ahead, needed):
    lane = Lane(far=False)
    lane.takes.extend(START - timedelta(seconds=each) for each in used)

    assert lane.needs(START, timedelta(seconds=ahead)) == needed


@pytest.mark.parametrize("priority", Priority)
def test_what_is_known_of_slots_that_are_over_is_forgotten(clock, priority):
    slots = Slots(GRID, MemorySlots(), clock=clock)
    for _ in range(500):
        take(slots, priority=priority, earliest=clock.now)
        clock.advance(seconds=3)

    assert len(slots._mailboxes[SHOP].holders) < 100


def test_lanes_of_minutes_that_are_over_are_forgotten_and_not_the_one_that_is_taken_from(clock):
    slots = Slots(GRID, MemorySlots(), clock=clock)
    take(slots)
    near = slots._mailboxes[SHOP].lanes[BULK, 0]
    for _ in range(LANES + 100):
        take(slots, earliest=clock.now + 10 * MINUTE)
        clock.now += MINUTE

    lanes = slots._mailboxes[SHOP].lanes
    assert lanes[BULK, 0] is near
    assert len(lanes) <= LANES + 1


def test_slots_that_are_minutes_away_are_taken_several_at_once_by_who_needs_many():
    rows = MemorySlots()
    starts = [slot.start for slot in take(Slots(GRID, rows, clock=Clock()), 400)]

    assert starts == [GRID.start(GRID.position(START) + number) for number in range(400)]
    assert rows.calls.total() <= 400 / 4


@pytest.mark.parametrize("rate", [10, 19, 29, 30, 60])
def test_a_slot_taken_beforehand_is_not_given_to_a_mail_that_comes_too_late_for_it(rate, clock):
    grid = Grid(rate)
    slots = Slots(grid, MemorySlots(), clock=clock)
    clock.now = START + min(grid.tolerance, grid.width * 0.99)
    slots.reserve(SHOP, BULK, clock.now, 3)
    clock.advance(seconds=1.9)

    (slot,) = take(slots, earliest=clock.now)

    assert not slots.is_late(slot.start, clock.now)


def test_mails_that_a_pause_holds_up_take_several_slots_at_once(clock):
    rows = MemorySlots()

    taken = take(Slots(GRID, rows, clock=clock), 8, earliest=START + MINUTE)

    assert len({slot.start for slot in taken}) == 8
    assert rows.calls.total() <= 4


def test_lanes_may_be_forgotten_while_another_thread_asks_when_the_next_slot_opens(clock):
    """`expected` takes no lock, so that it waits for no search of another thread."""
    slots = Slots(GRID, MemorySlots(), clock=clock)
    known = slots._mailboxes[SHOP]
    over = threading.Event()
    base = int(clock.now.timestamp()) // 60

    def ask():
        while not over.is_set():
            for number in range(3, 50):
                slots.expected(SHOP, BULK, clock.now + number * MINUTE)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(ask)
            try:
                for _ in range(300):
                    known.lanes = {(BULK, base - number): Lane(far=False) for number in range(LANES + 1)}
                    known.forget_lanes(before=base)
            finally:
                over.set()
            asking.result()
    finally:
        sys.setswitchinterval(interval)
