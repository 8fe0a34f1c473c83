"""The slots of a paused mailbox are left empty."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from mailer.pace.grid import Grid
from mailer.pace.slots import Slots
from mailer.request.members import Priority
from tests.fakes import START
from tests.slots.given import GRID, MINUTE, NORMAL, SHOP, URGENT, another, take

PAUSE = timedelta(seconds=150)


@pytest.mark.parametrize("priority", Priority)
def test_nobody_leaves_from_a_slot_that_is_left_empty(rows, clock, priority):
    one = Slots(GRID, rows, clock=clock)
    before = take(one, 120, priority=priority)
    urgent = take(another(one), priority=URGENT)

    another(one).leave_empty(SHOP, START + PAUSE)

    fresh = Slots(GRID, rows, clock=clock)
    held = [slot for slot in before + urgent if fresh.holds(SHOP, slot.start, slot.ticket)]
    assert min(slot.due for slot in held) >= START + PAUSE
    assert len(held) >= 40, "whoever leaves after it keeps his slot"
    for others in Priority:
        assert take(Slots(GRID, rows, clock=clock), priority=others)[0].due >= START + PAUSE
        assert take(one, priority=others)[0].due >= START + PAUSE


@pytest.mark.parametrize("rate", [10, 30, 60, 300])
@pytest.mark.parametrize("after", [0.1, 0.5])
def test_bulk_mails_whose_slots_have_begun_do_not_leave_within_a_pause(rows, clock, rate, after):
    """They leave a little later than that."""
    grid = Grid(rate)
    slots = Slots(grid, rows, clock=clock)
    mails = [slots.take(SHOP, Priority.BULK, START + MINUTE / 2) for _ in range(60)]
    clock.now = mails[20].start + grid.lag - timedelta(seconds=after)
    Slots(grid, rows, clock=clock).leave_empty(SHOP, clock.now + PAUSE)
    began = clock.now

    left = []
    for mail in mails:
        clock.now = slots.leaves(mail.start, Priority.BULK)
        if began < clock.now and Slots(grid, rows, clock=clock).holds(SHOP, mail.start, mail.ticket):
            left.append(clock.now - began)
    assert [each for each in left if each < PAUSE] == []


def test_the_first_slots_after_a_pause_are_taken(slots):
    slots.leave_empty(SHOP, START + PAUSE)

    (slot,) = take(another(slots), priority=URGENT)

    assert slot.due <= START + PAUSE + MINUTE
    assert take(another(slots), mailbox="alerts@contoso.com")[0].due == START


def test_slots_are_left_empty_although_others_take_some_at_the_same_moment(slots):
    with ThreadPoolExecutor(4) as pool:
        taken = pool.submit(lambda: [take(another(slots), priority=NORMAL)[0] for _ in range(10)])
        slots.leave_empty(SHOP, START + PAUSE)
    late = [slot for slot in taken.result() if slot.due < START + PAUSE]

    assert not any(another(slots).holds(SHOP, slot.start, slot.ticket) for slot in late)


def test_a_pause_of_hours_leaves_a_quarter_of_an_hour_empty(slots):
    slots.leave_empty(SHOP, START + timedelta(hours=5))

    assert timedelta(minutes=14) < take(another(slots))[0].due - START < timedelta(minutes=18)


def test_of_a_high_rate_many_are_left_empty(rows, clock):
    grid = Grid(600)
    slots = Slots(grid, rows, clock=clock)
    slots.leave_empty(SHOP, START + timedelta(seconds=40))

    assert Slots(grid, rows, clock=clock).take(SHOP, NORMAL, START).due >= START + timedelta(seconds=40)
