"""What several threads bring at about the same time, handled at once by one of them.

For mails that wait anyway, which the host hands over several at a time. Whoever has to answer takes along those who
keep nobody waiting. Who comes first waits until all threads of the company have come too, or have gone elsewhere; and,
where nobody waits for an answer, until a few have come:

    member ─┬─ brings ── waits for the others ── handled with them ─┬─ brings ...
            └─ elsewhere: at Graph, or until its mail's turn       ─┴─ leaves
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

QUIET = 0.004  # seconds in which nobody comes or goes: time for a thread to begin
LONGEST = 0.1  # seconds that anybody waits for one that is held up
PATIENCE = 1.0  # seconds that those wait for others for whom nobody waits, and whose mail waits longer than twice that
LONG_PATIENCE = 10.0  # where few come, and what is written is not missed before
FEW = 4  # are enough for them, as many as the host takes from a queue at once, if no more come
POLL = 0.1  # seconds in which the host does that again
MANY = 12  # are enough at once: the host gives no more while so many are under way (newBatchThreshold)


class Company:
    """The threads of a worker that may still bring something."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.members = 0
        self.waiting = 0
        self._own = threading.local()

    @contextmanager
    def member(self, *, patient: bool = False) -> Iterator[None]:
        """Who is inside may bring something; `patient` who keeps nobody waiting."""
        self._own.patient = patient
        self._count(1)
        try:
            yield
        finally:
            self._own.patient = False
            self._count(-1)

    @property
    def is_patient(self) -> bool:
        """Whether this thread is."""
        return getattr(self._own, "patient", False)

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """A member inside brings nothing meanwhile."""
        self._count(-1)
        try:
            yield
        finally:
            self._count(1)

    def sleep(self, seconds: float) -> None:
        """Sleep, as a member."""
        with self.elsewhere():
            time.sleep(seconds)

    def _count(self, one: int) -> None:
        with self.changed:
            self.members += one
            self.changed.notify_all()


@dataclass(slots=True)
class _Group(Generic[T, R]):
    until: float = float("inf")  # of time.monotonic(), when one of them has waited long enough
    patient: bool = True  # all of them
    items: list[T] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    results: Sequence[R | None] = ()
    failed: BaseException | None = None


class Gather(Generic[T, R]):
    """Thread-safe. `handle` gives a result for each of two to `most` items, or raises for all of them.

    Without a company, or as its only member, a thread is alone.
    """

    def __init__(
        self, handle: Callable[[Sequence[T]], Sequence[R | None]], *, most: int, company: Company | None
    ) -> None:
        self._handle = handle
        self._most = most
        self._company = company
        self._groups: dict[str, _Group[T, R]] = {}

    def bring(self, key: str, item: T, *, patience: float | None = None) -> R | None:
        """Its result, handled with others of this key; None if it came alone. Raises what handling them has raised.

        `patience` in seconds is that of a thread which keeps nobody waiting; 0 for none.
        """
        company = self._company
        patience = PATIENCE if patience is None else patience
        patient = company is not None and company.is_patient and patience > 0
        if company is None or (company.members <= 1 and not patient):
            return None
        with company.changed:
            group = self._groups.setdefault(key, _Group())
            group.patient &= patient
            group.until = min(group.until, time.monotonic() + (patience if patient else LONGEST))
            place = len(group.items)
            group.items.append(item)
            company.waiting += 1
            if company.waiting >= FEW:  # longer than PATIENCE waits only who has little company
                group.until = min(group.until, time.monotonic() + PATIENCE)
            if len(group.items) == self._most:
                self._close(key, company)
            company.changed.notify_all()
        if place == 0:
            self._lead(key, group, company)
        group.done.wait()
        if group.failed:
            raise group.failed
        return group.results[place]

    def _wait(self, key: str, group: _Group[T, R], company: Company) -> None:
        with company.changed:
            try:
                while self._groups.get(key) is group:
                    left = group.until - time.monotonic()
                    all_here = company.waiting >= max(company.members, FEW if group.patient else 0)
                    quiet = POLL if group.patient and company.waiting < MANY else QUIET
                    if left <= 0 or not company.changed.wait(min(left, quiet) if all_here else left):
                        break
            finally:  # whatever happens, nobody comes to a group that nobody leads
                if self._groups.get(key) is group:
                    self._close(key, company)

    def _close(self, key: str, company: Company) -> None:
        company.waiting -= len(self._groups.pop(key).items)

    def _lead(self, key: str, group: _Group[T, R], company: Company) -> None:
        try:
            self._wait(key, group, company)
            group.results = self._handle(group.items) if len(group.items) > 1 else [None]
        except BaseException as failed:  # noqa: BLE001 - each of the threads raises it
            group.failed = failed
        finally:
            group.done.set()
