"""One slot for each mail, whoever takes it: over memory, and over Table Storage."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest

from mailer.pace.grid import Grid
from mailer.pace.slots import Slots
from mailer.request.members import Priority
from mailer.storage.clients import kept_table
from mailer.storage.slot_rows import TableSlots
from tests.builders import storage_of
from tests.fakes import START, Clock, MemorySlots

SHOP = "shop@contoso.com"
URGENT, NORMAL, BULK = Priority
MINUTE = timedelta(minutes=1)
GRID = Grid(30)


@pytest.fixture(params=["memory", "table"])
def rows(request):
    if request.param == "memory":
        yield MemorySlots()
        return
    with closing(kept_table(storage_of(request.getfixturevalue("storage")), f"t{uuid4().hex}")) as table:
        yield TableSlots(table)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def slots(rows, clock):
    return Slots(GRID, rows, clock=clock)


def another(slots):
    """Another instance at the same rows."""
    return Slots(GRID, slots._rows, clock=slots._clock)


def take(slots, number=1, *, priority=BULK, earliest=START, mailbox=SHOP):
    return [slots.take(mailbox, priority, earliest) for _ in range(number)]


def test_the_first_mail_may_leave_at_once(slots):
    (slot,) = take(slots)

    assert slot.due == START
    assert slots.holds(SHOP, slot.start, slot.ticket)


def test_bulk_takes_one_slot_after_the_other(slots):
    starts = [slot.start for slot in take(slots, 60)]

    assert starts == [GRID.start(GRID.position(START) + number) for number in range(60)]


def test_a_slot_costs_one_call_while_nobody_else_takes_any():
    rows, clock = MemorySlots(), Clock()
    slots = Slots(GRID, rows, clock=clock)
    for _ in range(100):
        take(slots)
        clock.advance(seconds=3)

    assert rows.calls.total() == 100


def test_slots_that_are_minutes_away_are_taken_several_at_once_by_who_needs_many():
    rows = MemorySlots()
    starts = [slot.start for slot in take(Slots(GRID, rows, clock=Clock()), 400)]

    assert starts == [GRID.start(GRID.position(START) + number) for number in range(400)]
    assert rows.calls.total() <= 400 / 4


def test_mailboxes_have_slots_of_their_own(slots):
    (one,), (other,) = take(slots), take(slots, mailbox="alerts@contoso.com")

    assert one.start == other.start


@pytest.mark.parametrize("priority", Priority)
def test_instances_never_share_a_slot_and_leave_few_empty(slots, priority):
    instances = [slots, another(slots), another(slots)]

    with ThreadPoolExecutor(12) as pool:
        taken = list(pool.map(lambda number: take(instances[number % 3], priority=priority)[0].start, range(90)))

    assert len(set(taken)) == 90
    assert max(taken) <= START + 5 * MINUTE


def test_a_new_instance_finds_the_end_of_a_long_queue_by_few_calls():
    rows = MemorySlots()
    old = Slots(GRID, rows, clock=Clock())
    last = take(old, 29 * 150)[-1]
    rows.calls.clear()

    (slot,) = take(another(old))

    assert last.start < slot.start <= last.start + MINUTE
    assert rows.calls.total() <= 22


@pytest.mark.parametrize("higher", [URGENT, NORMAL])
def test_a_higher_priority_takes_a_slot_from_bulk_and_leaves_at_once(slots, higher):
    bulk = take(slots, 40)

    (slot,) = take(another(slots), priority=higher)

    assert slot.due == START
    lost = [each for each in bulk if not slots.holds(SHOP, each.start, each.ticket)]
    assert [each.start for each in lost] == [slot.start]
    assert slot.start > START


def test_urgent_goes_before_normal_and_bulk_before_nobody(slots):
    take(slots, 40, priority=NORMAL)

    assert take(another(slots), priority=URGENT)[0].due < START + timedelta(seconds=5)
    assert take(another(slots), priority=BULK)[0].due > START + MINUTE


def test_nobody_loses_a_slot_that_he_may_use_at_this_moment(slots, clock):
    bulk = take(slots, 40)
    clock.advance(seconds=4)
    others = [take(another(slots), priority=URGENT, earliest=clock.now)[0] for _ in range(5)]

    about_to_leave = [each for each in bulk if each.due < clock.now + timedelta(seconds=1.5)]
    assert {each.start for each in others} & {each.start for each in about_to_leave} == set()


def test_what_is_scheduled_for_a_day_has_its_slots_there(slots):
    day = START + timedelta(days=30)
    take(slots, 40)

    taken = [slot.due for slot in take(slots, 40, earliest=day)]

    assert taken[0] == day
    assert max(taken) < day + 2 * MINUTE


def test_a_slot_that_was_given_up_can_be_taken(slots):
    (slot, _) = take(slots, 2)
    slots.free(SHOP, slot.start, "another")
    assert slots.holds(SHOP, slot.start, slot.ticket)
    slots.free(SHOP, slot.start, slot.ticket)

    assert not slots.holds(SHOP, slot.start, slot.ticket)
    assert take(another(slots))[0].start == slot.start


def test_nothing_is_taken_beyond_the_limit(slots):
    take(slots, 29)

    assert another(slots).take(SHOP, BULK, START, limit=START + timedelta(seconds=30)) is None


def test_slots_that_are_over_are_cleaned_up(storage):
    with closing(kept_table(storage_of(storage), f"t{uuid4().hex}")) as table:
        rows = TableSlots(table)
        slots = Slots(GRID, rows, clock=Clock())
        taken = take(slots, 70)

        assert sum(rows.forget(before=START + 2 * MINUTE)) == 58

        assert [slot for slot in taken if slots.holds(SHOP, slot.start, slot.ticket)] == taken[58:]
