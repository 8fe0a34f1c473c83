"""A mail that has waited looks whether its slot still is its own."""

from collections import Counter
from datetime import timedelta

import pytest

from mailer.pace.grid import SAFE
from mailer.pace.slots import Slots
from tests.fakes import START, Clock
from tests.slots.given import BULK, GRID, MINUTE, SHOP, URGENT, another, take


class Counted:
    """The rows, with how often whether a slot is held was asked of them."""

    def __init__(self, rows):
        self.rows, self.calls = rows, Counter()

    def __getattr__(self, name):
        if name in {"ticket", "preferred"}:
            self.calls[name] += 1
        return getattr(self.rows, name)


def test_many_looks_in_a_second_cost_one_call_and_see_whose_slot_was_taken(rows, clock):
    slots, boxes = Slots(GRID, rows, clock=clock), [f"box{number}@contoso.com" for number in range(8)]
    mails = {box: take(slots, 3, mailbox=box)[-1] for box in boxes}
    taken = take(another(slots), priority=URGENT, mailbox=boxes[3])[0]
    while taken.start != mails[boxes[3]].start:
        taken = take(another(slots), priority=URGENT, mailbox=boxes[3])[0]
    looks = Counted(rows)
    slots = Slots(GRID, looks, clock=clock)

    held = {box for box, slot in mails.items() if slots.holds(box, slot.start, slot.ticket)}

    assert held == set(boxes) - {boxes[3]}
    assert looks.calls == {"preferred": 1}


def test_a_look_is_good_for_less_time_than_it_takes_to_lose_a_slot(rows, clock):
    slots = Slots(GRID, rows, clock=clock)
    bulk = take(slots, 5)
    assert all(slots.holds(SHOP, slot.start, slot.ticket) for slot in bulk)
    taken = take(another(slots), priority=URGENT)[0]
    clock.advance(seconds=1.6)

    assert [slot.start for slot in bulk if not slots.holds(SHOP, slot.start, slot.ticket)] == [taken.start]


def test_a_look_is_good_no_longer_because_the_clock_was_set_back(rows, clock):
    slots = Slots(GRID, rows, clock=clock)
    bulk = take(slots, 5)
    clock.advance(seconds=10)
    assert all(slots.holds(SHOP, slot.start, slot.ticket) for slot in bulk)
    clock.now = START
    taken = take(another(slots), priority=URGENT)[0]

    assert [slot.start for slot in bulk if not slots.holds(SHOP, slot.start, slot.ticket)] == [taken.start]


def test_a_look_made_when_nobody_could_take_a_slot_any_more_tells_of_it_for_seconds(rows, clock):
    """A bulk mail leaves a little after its slot has begun, so that fewer looks are enough."""
    bulk = take(Slots(GRID, rows, clock=clock), 5)
    looks = Counted(rows)
    slots = Slots(GRID, looks, clock=clock)
    for each in bulk[1:3]:
        clock.now = slots.leaves(each.start, BULK)
        assert each.start < clock.now
        assert not slots.is_late(each.start, clock.now)
        assert slots.holds(SHOP, each.start, each.ticket)

    assert looks.calls == {"preferred": 1}


def test_a_pause_is_learnt_of_within_five_seconds(rows, clock):
    """It takes slots until they begin."""
    bulk = take(Slots(GRID, rows, clock=clock), 3)
    clock.now = bulk[1].start
    slots = Slots(GRID, rows, clock=clock)
    assert slots.holds(SHOP, bulk[1].start, bulk[1].ticket)
    another(slots).leave_empty(SHOP, clock.now + MINUTE)
    clock.advance(seconds=5.1)

    assert not slots.holds(SHOP, bulk[1].start, bulk[1].ticket)


class Slow:
    """The rows, one write to which takes long: `meanwhile` is done before it is made, and `then` before its answer."""

    def __init__(self, rows, *, meanwhile=None, then=None):
        self.rows, self.meanwhile, self.then = rows, meanwhile, then

    def __getattr__(self, name):
        return getattr(self.rows, name)

    def take(self, *arguments, **options):
        meanwhile, then, self.meanwhile, self.then = self.meanwhile, self.then, None, None
        if meanwhile:
            meanwhile()
        versions = self.rows.take(*arguments, **options)
        if then:
            then()
        return versions


def test_a_slot_whose_write_came_after_the_look_of_the_mail_that_had_it_is_not_taken(rows, clock):
    (bulk,) = take(Slots(GRID, rows, clock=clock), earliest=START + MINUTE)
    clock.now = bulk.start - timedelta(seconds=1.6)
    leaving = []

    def leave():
        clock.now = bulk.start
        leaving.append(Slots(GRID, rows, clock=clock).holds(SHOP, bulk.start, bulk.ticket))

    (urgent,) = take(Slots(GRID, Slow(rows, meanwhile=leave), clock=clock), priority=URGENT, earliest=clock.now)

    assert leaving == [True]
    assert urgent.start != bulk.start


def test_a_slot_that_was_lost_before_its_write_was_answered_is_not_used_without_a_look(rows, clock):
    start = GRID.start(GRID.position(START) + 40)
    clock.now = start - SAFE - timedelta(seconds=0.1)
    lost = []

    def lose():
        lost.extend(take(Slots(GRID, rows, clock=clock), priority=URGENT, earliest=start))
        clock.advance(seconds=2)

    (bulk,) = take(Slots(GRID, Slow(rows, then=lose), clock=clock), earliest=start)

    assert lost[0].start == start
    assert bulk.start != start


@pytest.mark.parametrize("rows", ["memory"], indirect=True)
@pytest.mark.parametrize("behind", [0.0, 0.2, 0.45])
def test_a_slot_is_one_mails_though_clocks_differ_a_little_and_a_write_takes_a_moment(rows, behind):
    """As grid.py has it: clocks differ by less than SAFE, and a write takes less."""
    behind = timedelta(seconds=behind)
    here, there = Clock(), Clock()
    (bulk,) = take(Slots(GRID, rows, clock=here), earliest=START + MINUTE)
    there.now = bulk.start - SAFE
    reader, seen = Slots(GRID, rows, clock=here), []

    def look():
        there.advance(seconds=0.45)
        here.now = there.now + behind
        seen.append(reader.holds(SHOP, bulk.start, bulk.ticket))

    writer = Slots(GRID, Slow(rows, meanwhile=look), clock=there)
    (urgent,) = take(writer, priority=URGENT, earliest=there.now)
    here.now = reader.leaves(bulk.start, BULK)

    assert seen == [True]
    assert urgent.start != bulk.start or not reader.holds(SHOP, bulk.start, bulk.ticket)
