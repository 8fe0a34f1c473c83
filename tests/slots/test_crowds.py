"""A mailbox from which several instances send."""

from datetime import timedelta

import pytest

from mailer.pace.slots import Slots
from mailer.request.members import Priority
from tests.fakes import START, Clock, MemorySlots
from tests.slots.given import GRID, MINUTE, another, take


def test_a_new_instance_finds_the_end_of_a_long_queue_by_few_calls():
    rows = MemorySlots()
    old = Slots(GRID, rows, clock=Clock())
    last = take(old, 29 * 150)[-1]
    rows.calls.clear()

    (slot,) = take(another(old))

    assert last.start < slot.start <= last.start + MINUTE
    assert rows.calls.total() <= 22


def test_where_the_crowds_of_all_mailboxes_are_is_read_at_once(clock):
    rows, boxes = MemorySlots(), [f"box{number}@contoso.com" for number in range(8)]
    slots = Slots(GRID, rows, clock=clock)
    taken = {box: take(slots, 200, mailbox=box)[-1] for box in boxes}
    slots = Slots(GRID, rows, clock=clock)

    assert all(take(slots, mailbox=box)[0].start > taken[box].start for box in boxes)
    assert rows.calls["front"] == 1


@pytest.mark.parametrize("priority", Priority)
def test_a_mail_that_is_to_leave_in_a_while_takes_no_other_mail_along(slots, clock, priority):
    """As one that Graph did not take, and that comes back in a minute: the slots until then are for others."""
    others = another(slots)
    for _ in range(5):  # they meet
        take(slots), take(others)
    clock.now = START + 2 * MINUTE

    (later,) = take(slots, priority=priority, earliest=clock.now + timedelta(seconds=100))

    assert later.due >= clock.now + timedelta(seconds=100)
    for each in (slots, others, slots):
        assert take(each, priority=priority, earliest=clock.now)[0].due < clock.now + MINUTE
