"""Who gets no mail any more: a list of keyed hashes of addresses, for all instances, until somebody lifts an entry.

A mail to many recipients must not cost a call for each, so that every worker keeps a copy of the hashes. Each change
has a number; a look asks for the buckets of hashes that have changed since the number that the copy has:

    written ── a worker's next look, FRESH_FOR after its last one at most ── in force at its claims
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from mailer.errors import Unreadable
from mailer.feedback.hashes import Hashes

log = logging.getLogger("mailer.suppressions")

FRESH_FOR = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Suppression:
    """An address that gets no mail, by its keyed hash in hexadecimal; why, since when, and by whom if that is known."""

    hash: str
    since: datetime
    by: str | None = None
    reason: str | None = None


class Mark(NamedTuple):
    """How far a copy has come: in which list, for one that was emptied is another, and up to which change."""

    made: str = ""
    number: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """The buckets that have changed, each of them whole, and how far that reaches; `all`: there are no others."""

    mark: Mark
    buckets: Mapping[int, Hashes | Unreadable]
    all: bool


class SuppressionRows(Protocol):
    """The list. Each call may raise TryLater; `changes` and `hash` Misconfigured, where the hashes' key is lost."""

    def put(self, address: str, /, *, reason: str | None, by: str | None, now: datetime) -> tuple[Suppression, bool]:
        """Suppress the address: its entry, the first one where it has one, and whether it is new."""

    def lift(self, address: str, /) -> bool:
        """Let the address get mail again: whether it was suppressed."""

    def find(self, address: str, /) -> Suppression | None:
        """The address's entry."""

    def page(self, most: int, /, *, after: str) -> tuple[Sequence[Suppression], str | None]:
        """At most so many entries, in the order of their hashes, and after which one the next page begins, if any."""

    def changes(self, since: Mark, /) -> Changes:
        """What has changed since then."""

    def hash(self, address: str, /) -> bytes: ...


class Suppressions:
    """The list as a worker uses it; thread-safe, one for a worker."""

    def __init__(self, rows: SuppressionRows, *, clock: Callable[[], datetime]) -> None:
        self._rows = rows
        self._clock = clock
        self._lock = threading.Lock()
        self._mark = Mark()
        self._buckets: dict[int, Hashes | Unreadable] = {}
        self._read_at: datetime | None = None

    def among(self, addresses: Iterable[str]) -> frozenset[str]:
        """Those of these addresses that get no mail. Raises TryLater."""
        with self._lock:
            self._refresh()
            return frozenset(filter(self._holds, addresses)) if self._buckets else frozenset()

    def suppress(self, address: str, *, reason: str | None = None, by: str | None = None) -> tuple[Suppression, bool]:
        """Send this address nothing more: its entry, the first one where it has one, and whether it is new.

        Raises TryLater.
        """
        entry, new = self._rows.put(address, reason=reason, by=by, now=self._clock())
        self._look_anew()
        if new:
            log.info("address_suppressed hash=%s by=%s", entry.hash, by)
        return entry, new

    def lift(self, address: str, *, by: str | None = None) -> bool:
        """Let this address get mail again: whether it was suppressed. Raises TryLater."""
        lifted = self._rows.lift(address)
        self._look_anew()
        if lifted:
            log.info("suppression_lifted hash=%s by=%s", self._rows.hash(address).hex(), by)
        return lifted

    def find(self, address: str) -> Suppression | None:
        """The address's entry, as it is now. Raises TryLater."""
        return self._rows.find(address)

    def page(self, most: int, *, after: str = "") -> tuple[Sequence[Suppression], str | None]:
        """At most so many entries, and after which one the next page begins, if there is one. Raises TryLater."""
        return self._rows.page(most, after=after)

    def _look_anew(self) -> None:
        with self._lock:
            self._read_at = None

    def _refresh(self) -> None:
        """The others wait meanwhile, for a copy that has not been read says nothing."""
        now = self._clock()
        if self._read_at and now - self._read_at < FRESH_FOR:
            return
        changes = self._rows.changes(self._mark)
        self._buckets = {**({} if changes.all else self._buckets), **changes.buckets}
        self._mark, self._read_at = changes.mark, now

    def _holds(self, address: str) -> bool:
        one = self._rows.hash(address)
        bucket = self._buckets.get(one[0], Hashes())
        if isinstance(bucket, Unreadable):
            raise bucket
        return one in bucket
