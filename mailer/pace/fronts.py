"""In which minute the crowd takes slots, of each mailbox and priority: read for all at once.

The host hands several messages over at once, and the slots of their mails are looked for at the same moment.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

GOOD_FOR = timedelta(seconds=1)  # a burst of 25 mails a second fills a minute's slots in so long


class FrontRows(Protocol):
    """The rows, by the mailbox's key and the priority's level. Each call may raise TryLater."""

    def fronts(self) -> Mapping[tuple[str, int], int]:
        """The minutes, about, of those of which anybody has told."""

    def move_front(self, mailbox: str, level: int, minute: int, /) -> None:
        """Tell it."""

    def key(self, mailbox: str, /) -> str:
        """The mailbox's key."""


class Fronts:
    """The fronts of all mailboxes; thread-safe, one for a worker."""

    def __init__(self, rows: FrontRows, *, clock: Callable[[], datetime]) -> None:
        self._rows = rows
        self._clock = clock
        self._read_at: datetime | None = None
        self._known: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()

    def of(self, mailbox: str, level: int) -> int:
        """The minute; 0 if nobody has told."""
        with self._lock:
            now = self._clock()
            if self._read_at is None or now - self._read_at > GOOD_FOR:
                self._known, self._read_at = dict(self._rows.fronts()), now
            return self._known.get((self._rows.key(mailbox), level), 0)

    def move(self, mailbox: str, level: int, minute: int) -> None:
        """Tell all that it is this one now."""
        self._rows.move_front(mailbox, level, minute)
        with self._lock:
            self._known[self._rows.key(mailbox), level] = minute
