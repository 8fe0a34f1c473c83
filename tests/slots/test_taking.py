"""One slot for each mail, whoever takes it: over memory, and over Table Storage."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest

from mailer.pace.slots import Slots
from mailer.request.members import Priority
from mailer.storage.clients import kept_table
from mailer.storage.slot_rows import TableSlots
from tests.builders import storage_of
from tests.fakes import START, Clock, MemorySlots
from tests.slots.given import BULK, GRID, MINUTE, SHOP, another, is_there, take


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


def test_what_is_scheduled_for_a_day_has_its_slots_there(slots):
    day = START + timedelta(days=30)
    take(slots, 40)

    taken = [slot.due for slot in take(slots, 40, earliest=day)]

    assert taken[0] == day
    assert max(taken) < day + 2 * MINUTE


def test_a_slot_that_was_given_up_can_be_taken(slots):
    (slot, _) = take(slots, 2)
    slots.free(SHOP, slot.start, "another")
    assert is_there(slots, slot)
    slots.free(SHOP, slot.start, slot.ticket)

    assert not is_there(slots, slot)
    assert take(another(slots))[0].start == slot.start


def test_nothing_is_taken_beyond_the_limit(slots):
    take(slots, 29)

    assert another(slots).take(SHOP, BULK, START, limit=START + timedelta(seconds=30)) is None


def test_slots_that_are_over_are_cleaned_up(storage):
    with closing(kept_table(storage_of(storage), f"t{uuid4().hex}")) as table:
        rows = TableSlots(table)
        slots = Slots(GRID, rows, clock=Clock())
        taken = take(slots, 70)

        assert sum(rows.forget(before=START + 2 * MINUTE)) >= 58

        assert [slot for slot in taken if is_there(slots, slot)] == taken[58:]
