"""What several threads bring at about the same time, handled at once by one of them.

For mails that wait anyway, which the host hands over several at a time: who comes first waits for others, until nobody
has come for a moment.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

QUIET = 0.015  # seconds; of mails under way at the same time each takes a few milliseconds of the processor


@dataclass(slots=True)
class _Group(Generic[T, R]):
    items: list[T] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    results: Sequence[R | None] = ()
    failed: BaseException | None = None


class Gather(Generic[T, R]):
    """Thread-safe. `handle` gives a result for each of two to `most` items, or raises for all of them."""

    def __init__(self, handle: Callable[[Sequence[T]], Sequence[R | None]], *, most: int) -> None:
        self._handle = handle
        self._most = most
        self._groups: dict[str, _Group[T, R]] = {}
        self._lock = threading.Lock()

    def bring(self, key: str, item: T) -> R | None:
        """Its result, handled with others of this key; None if it came alone. Raises what handling them has raised."""
        with self._lock:
            group = self._groups.get(key)
            first = group is None
            if group is None:
                group = self._groups[key] = _Group()
            place = len(group.items)
            group.items.append(item)
            group.came.set()
            if len(group.items) == self._most:
                del self._groups[key]
        if first:
            self._lead(key, group)
        group.done.wait()
        if group.failed:
            raise group.failed
        return group.results[place]

    def _lead(self, key: str, group: _Group[T, R]) -> None:
        while len(group.items) < self._most and group.came.wait(QUIET):
            group.came.clear()
        with self._lock:
            if self._groups.get(key) is group:
                del self._groups[key]
        try:
            group.results = self._handle(group.items) if len(group.items) > 1 else [None]
        except BaseException as failed:  # noqa: BLE001 - each of the threads raises it
            group.failed = failed
        finally:
            group.done.set()
