"""A mailbox's slots as a grid in time: pure arithmetic, in whole milliseconds.

At `rate` 30 a minute has 29 slots, 2.07 s apart. A mail leaves in its slot, or, within bounds, a little beside it:

    ── LEAD before ──┬── start of the slot ──┬── TOLERANCE after ──
     urgent, normal  │                  bulk │                      later: it needs another slot

A slot can be taken from a mail of lower priority until SAFE before that may leave; it looks whether it still has its
slot when it comes. LEAD is one slot and SAFE, so that whoever takes a slot from bulk leaves at once. All leave between
start - LEAD and start + TOLERANCE, bulk that has waited in hand at start + LAG. TOLERANCE is what is left of a tenth of
the rate: so no 60 seconds hold more than the rate and a tenth (for rates from BOUNDED on).
"""

import functools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailer.request.members import Priority

SAFE = timedelta(seconds=2)  # clocks of instances differ by less, and a write takes less
BOUNDED = 10  # mails a minute, from which on the rate and a tenth are kept; below, a tenth is no whole mail
LEAST_TOLERANCE = timedelta(seconds=1.9)  # a queue is looked at every two seconds, and a message comes a little early
LAG = timedelta(seconds=3)  # at most: what comes a little late is in time for it, and more are looked at together
CLAIMED_WITHIN = timedelta(seconds=2.7)  # from the instant for which a mail has waited in hand, by a slow storage
MINUTE = 60_000  # milliseconds
_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Grid:
    """The slots of a mailbox that may send `rate` mails a minute. A position counts slots since 1970."""

    rate: int

    @property
    def per_minute(self) -> int:
        """A twentieth below the rate, or more: what buys the lead and the tolerance."""
        return _slots(self.rate)

    @property
    def width(self) -> timedelta:
        """From one slot to the next."""
        return timedelta(minutes=1) / self.per_minute

    @property
    def lead(self) -> timedelta:
        """How long before its slot a mail may leave that is not bulk."""
        return self.width + SAFE

    @property
    def tolerance(self) -> timedelta:
        """How long after the start of its slot a mail may still leave."""
        return _tolerance(self.rate, self.per_minute)

    @property
    def lag(self) -> timedelta:
        """How long after its slot's start a bulk mail leaves that has waited, so that a look tells of more of them."""
        return max(min(LAG, self.tolerance - CLAIMED_WITHIN), timedelta())

    def position(self, at: datetime) -> int:
        """The slot that this instant lies in."""
        minute, within = divmod((at - _EPOCH) // _MILLISECOND, MINUTE)
        return minute * self.per_minute + within * self.per_minute // MINUTE

    def first(self, at: datetime) -> int:
        """The first slot in which a mail may leave at this instant or later."""
        position = self.position(at)
        return position + (at - self.start(position) > self.tolerance)

    def following(self, at: datetime) -> int:
        """The first slot that begins at this instant or later."""
        position = self.position(at)
        return position + (self.start(position) < at)

    def start(self, position: int) -> datetime:
        """When the slot begins."""
        minute, index = divmod(position, self.per_minute)
        return _EPOCH + (minute * MINUTE - (-index * MINUTE // self.per_minute)) * _MILLISECOND

    def opens(self, position: int, priority: Priority) -> datetime:
        """When a mail that has the slot may leave."""
        return self.start(position) - (timedelta() if priority is Priority.BULK else self.lead)


@functools.cache
def _slots(rate: int) -> int:
    """So many a minute, one less where they were too tight for a mail that comes as late as a queue delivers."""
    slots = max(1, rate - max(1, rate // 20))
    return slots - (_tolerance(rate, slots) < LEAST_TOLERANCE)


def _tolerance(rate: int, slots: int) -> timedelta:
    lead = timedelta(minutes=1) / slots + SAFE
    spans = timedelta(minutes=rate * 11 // 10) / slots
    left = spans - timedelta(minutes=1) - lead - _MILLISECOND  # to which a slot's beginning is rounded
    return left if rate >= BOUNDED else max(left, LEAST_TOLERANCE)
