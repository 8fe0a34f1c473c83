"""Which mailboxes have been told to wait: one row each, for all instances. All are read at once, and kept for 5 s."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

FRESH_FOR = timedelta(seconds=5)
PAUSE = timedelta(seconds=10)  # where Graph names no time


class PauseRows(Protocol):
    """The rows, by mailbox. Each call may raise TryLater."""

    def put(self, mailbox: str, until: datetime, /) -> None: ...
    def standing(self, now: datetime, /) -> Mapping[str, datetime]: ...
    def key(self, mailbox: str, /) -> str: ...


class Pauses:
    """The pauses of all mailboxes; thread-safe, one for a worker. Without rows they hold for this worker alone."""

    def __init__(self, rows: PauseRows | None = None, *, clock: Callable[[], datetime]) -> None:
        self._rows = rows
        self._clock = clock
        self._until: dict[str, datetime] = {}
        self._read_at: datetime | None = None
        self._lock = threading.Lock()

    def pause(self, mailbox: str, after: timedelta | None) -> datetime | None:
        """Let nothing of this mailbox go for a while: until when, if nobody has said so before.

        Raises TryLater where only this worker has learnt of it.
        """
        until = self._clock() + (after or PAUSE)
        key = self._key(mailbox)
        with self._lock:
            if self._until.get(key, until) > until:
                return None
            self._until[key] = until
        if self._rows:
            self._rows.put(mailbox, until)
        return until

    def known(self, mailbox: str) -> timedelta:
        """How long the mailbox is still to wait, as far as this worker knows."""
        with self._lock:
            until = self._until.get(self._key(mailbox))
        return max(until - self._clock(), timedelta()) if until else timedelta()

    def left(self, mailbox: str) -> timedelta:
        """How long the mailbox is still to wait; raises TryLater."""
        if self._rows:
            self._read(self._rows)
        return self.known(mailbox)

    def _read(self, rows: PauseRows) -> None:
        now = self._clock()
        with self._lock:
            if self._read_at and now - self._read_at < FRESH_FOR:
                return
            # The others go on with what is known while this thread reads.
            before, self._read_at = self._read_at, now
        try:
            standing = rows.standing(now)
        except BaseException:
            self._read_at = before
            raise
        with self._lock:
            for key, until in standing.items():
                self._until[key] = max(until, self._until.get(key, until))

    def _key(self, mailbox: str) -> str:
        return self._rows.key(mailbox) if self._rows else mailbox
