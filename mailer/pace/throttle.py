"""How many requests a mailbox may have under way, in this worker; and that nothing goes while the mailbox is to wait.

Graph allows four at once for app and mailbox, and counts those it refuses;
https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from mailer.errors import TryLater
from mailer.pace.pauses import Pauses
from mailer.pace.slots import Slots

PATIENCE = 10.0  # seconds that a mail which is claimed waits for a place; a call takes a fraction of one
BUSY = timedelta(seconds=2)  # and after which it comes back if it found none


class Throttle:
    """Places for each mailbox. No thread waits a pause out; the mailbox's slots are left empty meanwhile."""

    def __init__(self, places: int, pauses: Pauses, slots: Slots | None = None) -> None:
        self._places: defaultdict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(places))
        self._pauses = pauses
        self._slots = slots
        self._lock = threading.Lock()

    @contextmanager
    def place(self, mailbox: str) -> Iterator[None]:
        """A place for one request of this mailbox; raises TryLater while there is none or the mailbox is paused."""
        with self._lock:
            places = self._places[mailbox]
        if not places.acquire(timeout=PATIENCE):
            raise TryLater("The mailbox has as many requests under way as it may.", code="mailbox_busy", after=BUSY)
        try:
            if left := self._pauses.known(mailbox):
                raise TryLater("Graph has asked this mailbox to wait.", code="mailbox_paused", after=left)
            yield
        finally:
            places.release()

    def pause(self, mailbox: str, after: timedelta | None) -> None:
        """Let nothing of this mailbox go for a while. Raises TryLater where only this worker has learnt of it."""
        until = self._pauses.pause(mailbox, after)
        if until and self._slots:
            self._slots.leave_empty(mailbox, until)
