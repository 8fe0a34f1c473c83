"""How many requests a mailbox may have under way, and who has been told to wait. In memory, for one worker.

Graph allows four at once for app and mailbox, and counts those it refuses;
https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from mailer.errors import TryLater

PATIENCE = 2.0  # seconds that a thread waits for a place; a call takes a fraction of one
BUSY = timedelta(seconds=2)  # and after which a mail that found none comes back
PAUSE = timedelta(seconds=10)  # where Graph names no time


class Throttle:
    """Places for each mailbox, and pauses that hold for all threads. No thread waits one out."""

    def __init__(self, places: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._places: defaultdict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(places))
        self._paused_until: dict[str, float] = {}
        self._clock = clock
        self._lock = threading.Lock()

    @contextmanager
    def place(self, mailbox: str) -> Iterator[None]:
        """A place for one request of this mailbox; raises TryLater while there is none or the mailbox is paused."""
        with self._lock:
            left = self._paused_until.get(mailbox, 0.0) - self._clock()
            places = self._places[mailbox]
        if left > 0:
            raise TryLater(
                "Graph has asked this mailbox to wait.", code="mailbox_paused", after=timedelta(seconds=left)
            )
        if not places.acquire(timeout=PATIENCE):
            raise TryLater("The mailbox has as many requests under way as it may.", code="mailbox_busy", after=BUSY)
        try:
            yield
        finally:
            places.release()

    def pause(self, mailbox: str, after: timedelta | None) -> None:
        """Let nothing of this mailbox go for a while."""
        until = self._clock() + (after or PAUSE).total_seconds()
        with self._lock:
            self._paused_until[mailbox] = max(until, self._paused_until.get(mailbox, 0.0))
