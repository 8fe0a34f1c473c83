"""How many recipients a mailbox reaches in any 24 hours: Exchange takes 10,000 and refuses the rest.

Each instance counts by itself, by the hour in which its mails are due, in rows of its own that nobody else writes. From
time to time it writes its counts and reads those of all others; the less is left, and the more recipients a mail has,
the more often, so that two hundred instances together exceed little what one may.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from mailer.errors import TryLater

DAY = 24
INSTANCES = 200  # of which each may use its part of what is left before it looks again
LOOKS_EVERY = timedelta(hours=2)  # while nothing is used; a mailbox's pace fills a third of what is left until the next
FIRST_LOOK = timedelta(minutes=1)  # so that one mail alone costs nothing
WARNED_AT = 0.8
_EPOCH = datetime.fromtimestamp(0, UTC)
_HOUR = timedelta(hours=1)


class CountRows(Protocol):
    """The counts, by mailbox and hour since 1970. Each call may raise TryLater."""

    def put(self, mailbox: str, own: Mapping[int, int], /) -> None:
        """Keep this instance's own counts of these hours."""

    def all(self, mailbox: str, since: int, /) -> Mapping[int, int]:
        """Those of all instances together, from this hour on."""


@dataclass(slots=True)
class _Tally:
    own: Counter[int] = field(default_factory=Counter)
    all: Counter[int] = field(default_factory=Counter)  # as last read, with what this instance has added since
    changed: set[int] = field(default_factory=set)
    unwritten: int = 0
    looked_at: datetime | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Quota:
    """The counts of all mailboxes; thread-safe, one for a worker."""

    def __init__(self, limit: int, rows: CountRows, *, clock: Callable[[], datetime]) -> None:
        self.limit = limit
        self._rows = rows
        self._clock = clock
        self._tallies: dict[str, _Tally] = {}
        self._lock = threading.Lock()

    def opens(self, mailbox: str, earliest: datetime, recipients: int) -> datetime:
        """From when on the mailbox may reach so many more; raises TryLater."""
        tally = self._tally(mailbox)
        with tally.lock:
            self._look(mailbox, tally, recipients)
            hour = first = _hour(earliest)
            wanted = min(recipients, self.limit)
            while self._most(tally, hour) + wanted > self.limit:
                hour += 1
        return earliest if hour == first else _EPOCH + hour * _HOUR

    def count(self, mailbox: str, due: datetime, recipients: int) -> None:
        """The mailbox reaches so many more at this time."""
        tally, hour = self._tally(mailbox), _hour(due)
        with tally.lock:
            self._add(mailbox, tally, hour, recipients)

    def count_within(self, mailbox: str, at: datetime, recipients: int) -> bool:
        """Count so many more at this time, unless they would exceed the limit; raises TryLater.

        A fresh instance looks before its first one, so that a limit which is used up lets nothing through.
        """
        tally, hour = self._tally(mailbox), _hour(at)
        with tally.lock:
            tally.looked_at = tally.looked_at or at - LOOKS_EVERY
            self._look(mailbox, tally, recipients)
            if self._most(tally, hour) + recipients > self.limit:
                return False
            self._add(mailbox, tally, hour, recipients)
            return True

    def used(self, mailbox: str) -> float:
        """Which part of the limit the mailbox uses in the fullest 24 hours from now on; raises TryLater."""
        now = _hour(self._clock())
        counts = self._rows.all(mailbox, now - DAY)
        return max(sum(counts.get(end - back, 0) for back in range(DAY)) for end in (now, now + DAY)) / self.limit

    def _add(self, mailbox: str, tally: _Tally, hour: int, recipients: int) -> None:
        """More than this instance's part is told at once: its next mail, which would tell it, may be long in coming."""
        tally.own[hour] += recipients
        tally.all[hour] += recipients
        tally.changed.add(hour)
        tally.unwritten += recipients
        if tally.unwritten > self._left(tally) // INSTANCES:
            with suppress(TryLater):  # then before the next look
                self._write(mailbox, tally)

    def _write(self, mailbox: str, tally: _Tally) -> None:
        self._rows.put(mailbox, {hour: tally.own[hour] for hour in tally.changed})
        tally.changed, tally.unwritten = set(), 0

    def _left(self, tally: _Tally) -> int:
        return self.limit - self._most(tally, _hour(self._clock()))

    def _tally(self, mailbox: str) -> _Tally:
        with self._lock:
            return self._tallies.setdefault(mailbox, _Tally())

    def _look(self, mailbox: str, tally: _Tally, recipients: int) -> None:
        now = self._clock()
        tally.looked_at = tally.looked_at or now - LOOKS_EVERY + FIRST_LOOK
        left = self._left(tally)
        fresh = now - tally.looked_at < LOOKS_EVERY * max(left, 0) / max(self.limit * recipients, 1)
        if fresh and tally.unwritten + recipients <= left // INSTANCES:
            return
        if tally.changed:
            self._write(mailbox, tally)
        tally.all = Counter(self._rows.all(mailbox, _hour(now) - DAY))
        tally.looked_at = now
        for past in [hour for hour in tally.own if hour < _hour(now) - DAY]:
            del tally.own[past]

    def _most(self, tally: _Tally, hour: int) -> int:
        """The most in any 24 hours that this hour is one of."""
        counts = tally.all
        window = sum(counts[hour - back] for back in range(DAY))
        most = window
        for end in range(hour + 1, hour + DAY):
            window += counts[end] - counts[end - DAY]
            most = max(most, window)
        return most


def _hour(at: datetime) -> int:
    return (at - _EPOCH) // _HOUR
