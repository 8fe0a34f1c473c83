"""What the tests of slots share: a mailbox at 30 a minute, and instances that take its slots."""

from datetime import timedelta

from mailer.pace.grid import Grid
from mailer.pace.slots import Slots
from mailer.request.members import Priority
from tests.fakes import START

SHOP = "shop@contoso.com"
URGENT, NORMAL, BULK = Priority
MINUTE = timedelta(minutes=1)
GRID = Grid(30)


def another(slots):
    """Another instance at the same rows."""
    return Slots(GRID, slots._rows, clock=slots._clock)


def is_there(slots, slot):
    """Whether its row is."""
    return slots._rows.ticket(SHOP, *slots._place(slot.start)) == slot.ticket


def take(slots, number=1, *, priority=BULK, earliest=START, mailbox=SHOP):
    return [slots.take(mailbox, priority, earliest) for _ in range(number)]
