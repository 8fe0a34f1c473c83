"""What goes wrong between the host and its storage."""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from tests.chaos.steps import Request, Service, Step


class Gate:
    """Lets requests through to the storage while it is up, and knows when the last one is out."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = True
        self._inside = 0

    @contextlib.contextmanager
    def passing(self) -> Iterator[bool]:
        """One request; gives whether it may go on."""
        with self._changed:
            may = self._open
            self._inside += may
        try:
            yield may
        finally:
            with self._changed:
                self._inside -= may
                self._changed.notify_all()

    def close(self) -> None:
        """Turn new requests away, and wait for those inside: what Azurite has answered must not be lost by its end."""
        with self._changed:
            self._open = False
            self._changed.wait_for(lambda: self._inside == 0)

    def open(self) -> None:
        with self._changed:
            self._open = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """These services are away for so many seconds from the moment when a send is recorded; 0: this request alone.

    `when`: whether that request is still carried out, and only its answer lost.
    """

    services: AbstractSet[Service]
    seconds: float = 0
    when: Literal["before", "after"] = "before"


class Mischief:
    """What goes wrong on the way of the host's requests."""

    def __init__(self, kill: Callable[[], None]) -> None:
        self._kill = kill
        self._lock = threading.Lock()
        self._armed: tuple[Step, threading.Event] | None = None
        self._dice = random.Random()
        self._loss = 0.0
        self.lost = 0
        self._cut: Cut | None = None
        self._away: AbstractSet[Service] = frozenset()
        self._away_until = 0.0
        #: The mails whose send was being recorded when the storage was cut off.
        self.cut_off: set[str] = set()
        #: The longest delay of a message on the queue, in seconds.
        self.longest_delay = 0

    def arm(self, step: Step) -> threading.Event:
        """Kill the host when it next comes to this step; the event tells that it happened."""
        struck = threading.Event()
        with self._lock:
            self._armed = (step, struck)
        return struck

    def disarm(self) -> None:
        with self._lock:
            self._armed = None

    def lose_answers(self, probability: float, seed: int) -> None:
        """From now on cut the connection instead of answering, after this share of the writes was carried out."""
        with self._lock:
            self._loss, self._dice = probability, random.Random(seed)

    def cut(self, cut: Cut | None) -> None:
        """Cut the storage off when the next send is recorded."""
        with self._lock:
            self._cut = cut

    @property
    def is_cut(self) -> bool:
        """Whether a cut is still to come, or goes on."""
        return self._cut is not None or time.monotonic() < self._away_until

    def cuts(self, when: Literal["before", "after"], request: Request) -> bool:
        """Whether the storage is cut off for this request."""
        with self._lock:
            if request.service in self._away and time.monotonic() < self._away_until:
                return True
            if self._cut is None or self._cut.when != when or not request.records("sent"):
                return False
            cut, self._cut = self._cut, None
            self._away, self._away_until = cut.services, time.monotonic() + cut.seconds
            self.cut_off.add(request.mail)
            return True

    def strikes(self, when: Literal["before", "after"], request: Request) -> bool:
        """Whether the host has just been killed here."""
        with self._lock:
            if self._armed is None or self._armed[0].when != when or not self._armed[0].is_here(request):
                return False
            (_, struck), self._armed = self._armed, None
        self._kill()
        struck.set()
        return True

    def sees(self, request: Request) -> None:
        """Note what is to be known of every request."""
        with self._lock:
            self.longest_delay = max(self.longest_delay, request.delay or 0)

    def loses_answer(self, request: Request) -> bool:
        with self._lock:
            loses = request.is_write and self._dice.random() < self._loss
            self.lost += loses
        return loses
