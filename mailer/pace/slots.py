"""One slot for each mail, by rows that are only inserted: no lock, no counter, all instances alike.

Each slot has two rows, bulk's and that of mails which go before bulk:

    bulk's row inserted ── the mail's ─┬─ no other row stands beside it at its look ── leaves
                                       └─ else it takes another slot
    the other inserted ─── the mail's, unless an urgent one puts its ticket into it, SAFE before a normal one may leave

Whoever comes first inserts; the others get 409. From SAFE before the slot on, both rows are inserted at once, or none.
While a mailbox is to wait, its slots are nobody's: a ticket of no mail stands in the other row of each.
"""

import itertools
import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from mailer.pace.fronts import FrontRows, Fronts
from mailer.pace.grid import Grid
from mailer.pace.lane import PAUSED, KnownMailbox, Row
from mailer.pace.looks import Looks
from mailer.pace.search import Search, SlotRows
from mailer.request.members import Priority

EMPTY = 15  # minutes that are left empty at most; who does not know of a longer pause asks Graph then
IN_ONE_CALL = 100  # rows
TRIES = 10  # where others take a slot at the same moment


class Slot(NamedTuple):
    """A slot taken: when it begins, when its mail may leave, and the ticket that proves it."""

    start: datetime
    due: datetime
    ticket: str


class Rows(SlotRows, FrontRows, Protocol):
    """All rows that slots rest on."""


class Slots:
    """The slots of all mailboxes; thread-safe, one for a worker."""

    def __init__(self, grid: Grid, rows: Rows, *, clock: Callable[[], datetime]) -> None:
        self._grid = grid
        self._rows = rows
        self._clock = clock
        self._mailboxes: defaultdict[str, KnownMailbox] = defaultdict(KnownMailbox)
        self._lock = threading.Lock()
        self._looks = Looks(rows, clock=clock)
        self._fronts = Fronts(rows, clock=clock)

    def take(
        self, mailbox: str, priority: Priority, earliest: datetime, *, limit: datetime | None = None
    ) -> Slot | None:
        """The first slot from this instant on that can be had; None if there is none up to the limit."""
        with self._lock:
            known = self._mailboxes[mailbox]
        with known.lock:
            search = self._search(mailbox, known, priority, earliest)
            taken = search.spare() or search.take(limit)
        if taken is None:
            return None
        position, ticket = taken
        due = max(earliest, self._grid.opens(position, priority))
        return Slot(self._grid.start(position), due, ticket)

    def reserve(self, mailbox: str, priority: Priority, earliest: datetime, number: int) -> None:
        """Have so many slots at hand for mails that are about to ask for them, by fewer calls than they would need."""
        with self._lock:
            known = self._mailboxes[mailbox]
        with known.lock:
            self._search(mailbox, known, priority, earliest).reserve(number)

    def expected(self, mailbox: str, priority: Priority, earliest: datetime) -> tuple[datetime, int]:
        """When the next slot would open, as far as this instance knows, and which one that is."""
        with self._lock:
            known = self._mailboxes[mailbox]
        search = self._search(mailbox, known, priority, earliest)
        return max(earliest, self._grid.opens(search.first, priority)), search.first

    def holds(self, mailbox: str, start: datetime, ticket: str) -> bool:
        """Whether the slot still is this ticket's."""
        return self._looks.holds(mailbox, *self._place(start), ticket, start=start)

    def leaves(self, start: datetime, priority: Priority) -> datetime:
        """When a mail that has waited leaves in this slot, if it comes in time."""
        return start + self._grid.lag if priority is Priority.BULK else start - self._grid.lead

    def free(self, mailbox: str, start: datetime, ticket: str) -> None:
        """Give a slot up that was not used."""
        with self._lock:
            known = self._mailboxes[mailbox]
        with known.lock:
            for preferred in (False, True):
                known.holders.pop(Row(self._grid.position(start), preferred), None)
        self._rows.free(mailbox, *self._place(start), ticket)

    def leave_empty(self, mailbox: str, until: datetime) -> None:
        """Take all slots in which a mail could leave before then, whoever has them: each mail finds out at its look."""
        first = self._grid.following(self._clock() - self._grid.tolerance)  # bulk leaves a little after its slot begins
        end = self._grid.following(until + self._grid.lead)
        positions = range(first, min(end, first + EMPTY * self._grid.per_minute))
        for minute, several in itertools.groupby(positions, key=lambda position: position // self._grid.per_minute):
            places = [position % self._grid.per_minute for position in several]
            for start in range(0, len(places), IN_ONE_CALL):
                self._leave_places_empty(mailbox, minute, places[start : start + IN_ONE_CALL])

    def _leave_places_empty(self, mailbox: str, minute: int, places: Sequence[int]) -> None:
        for _ in range(TRIES):
            seen = self._rows.minute(mailbox, minute)
            held = {row: seen.get(row) for row in (Row(place, preferred=True) for place in places)}
            rows = {row: holder for row, holder in held.items() if holder is None or holder.level > PAUSED}
            if not rows or self._rows.take(mailbox, minute, rows, level=PAUSED, ticket=secrets.token_hex(4)):
                return

    def is_late(self, start: datetime, now: datetime) -> bool:
        """Whether it is too late to leave in this slot."""
        return now - start > self._grid.tolerance

    def _search(self, mailbox: str, known: KnownMailbox, priority: Priority, earliest: datetime) -> Search:
        return Search(self._grid, self._rows, self._fronts, self._clock, mailbox, known, priority, earliest)

    def _place(self, start: datetime) -> tuple[int, int]:
        return divmod(self._grid.position(start), self._grid.per_minute)
