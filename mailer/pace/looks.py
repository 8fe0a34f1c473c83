"""Whether a slot still is its mail's: one call for all mailboxes, so that mails which come together share it.

Nobody takes a slot less than SAFE before its mail may leave: a look is good for a moment, and one that was made less
than that before a slot begins tells of it for certain (see grid.py).
"""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

GOOD_FOR = timedelta(seconds=1.5)  # of the 2 s in which nobody takes the slot; the rest is for slow writes
CLOCKS = timedelta(seconds=0.5)  # less than which those of instances differ, so that a write in time comes later here
LEARNT_WITHIN = timedelta(seconds=5)  # a pause, which takes slots whenever it comes
FEW = 100  # mailboxes, whose slots of a minute are a page or a few


class SlotRows(Protocol):
    """The rows, by mailbox, minute since 1970, and place in the minute. Each call may raise TryLater."""

    def ticket(self, mailbox: str, minute: int, place: int, /) -> str | None:
        """The ticket in this place."""

    def preferred(self, minute: int, /) -> Mapping[tuple[str, int], str]:
        """The tickets of mails that are not bulk, of all mailboxes, by the mailbox's key and place."""

    def key(self, mailbox: str, /) -> str:
        """The mailbox's key."""


class Looks:
    """The looks of a worker; thread-safe."""

    def __init__(self, rows: SlotRows, *, clock: Callable[[], datetime]) -> None:
        self._rows = rows
        self._clock = clock
        self._mailboxes: set[str] = set()
        self._seen: dict[int, tuple[datetime, Mapping[tuple[str, int], str]]] = {}  # by minute
        self._lock = threading.Lock()

    def holds(self, mailbox: str, minute: int, place: int, ticket: str, *, start: datetime) -> bool:
        """Whether the place, which begins then, still has this ticket, or that of no mail which may have taken it."""
        with self._lock:
            self._mailboxes.add(mailbox)
            if len(self._mailboxes) <= FEW:
                now = self._clock()
                read_at, seen = self._seen.get(minute, (None, {}))
                if read_at is None or not _tells(read_at, start, now):
                    seen = self._rows.preferred(minute)
                    self._seen = {each: kept for each, kept in self._seen.items() if abs(each - minute) == 1}
                    self._seen[minute] = now, seen
                return seen.get((self._rows.key(mailbox), place), ticket) == ticket
        return self._rows.ticket(mailbox, minute, place) == ticket


def _tells(read_at: datetime, start: datetime, now: datetime) -> bool:
    """Whether a look of then is good now; it is not if the clock was set back."""
    recent = timedelta() <= now - read_at <= LEARNT_WITHIN
    return recent and read_at >= min(start, now) - (GOOD_FOR - CLOCKS)
