"""What an instance knows of a mailbox's slots, and where it takes the next one."""

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from mailer.request.members import Priority

MOST = 12  # slots taken at once for mails that will ask for them, but for a batch
SOME = 3  # half of what was used in as long, where they open after a minute: to look where others are costs more
LATELY = timedelta(seconds=8)  # of a burst: after a longer time, what is left at its end would be a tenth of the slots
PART = 8  # of what was used in a time is taken beforehand for as long a time: a twentieth is left where a burst ends

PAUSED = -1  # the level of whoever leaves a slot empty, before all priorities
OVER = 50  # slots of which is kept who had them, lest each take runs through all


class Row(NamedTuple):
    """One of a place's two rows: bulk takes the one, and who goes before bulk the other."""

    place: int  # in a minute, or in all where a minute is not at hand
    preferred: bool


class Holder(NamedTuple):
    """Who has a row: a priority's level, a ticket, and the row's version."""

    level: int
    ticket: str
    version: str


@dataclass(slots=True)
class Lane:
    """Where this instance takes slots of a mailbox at one priority."""

    far: bool  # for what leaves later than others
    position: int = 0  # the first that may be free
    minute: int = -1
    looked: bool = False  # at this minute
    looked_at: datetime | None = None
    front: int = 0  # the minute of the crowd, as last read or told
    spare: deque[tuple[int, str, datetime]] = field(default_factory=deque)  # with when it was taken
    takes: deque[datetime] = field(default_factory=lambda: deque(maxlen=PART * MOST))  # when its mails asked

    def enter(self, minute: int) -> None:
        """Go on in this minute."""
        if minute != self.minute:
            self.minute, self.looked = minute, False

    def needs(self, now: datetime, ahead: timedelta) -> int:
        """How many slots to take at once that open so far ahead: what nobody uses is lost to the mailbox."""
        if self.far:
            return 1
        used = [now - at for at in self.takes if now - at < ahead]
        burst = sum(each < LATELY for each in used)
        earlier = sum(each > ahead / 2 for each in used)
        steady = min(earlier, len(used) - earlier)  # a flow goes on for half as long
        some = min(SOME, len(used) // 2) if ahead > timedelta(minutes=1) else 1
        return min(MOST, max(1, some, burst, steady, len(used) // PART))


@dataclass(slots=True)
class KnownMailbox:
    """What this instance knows of a mailbox's slots; its threads take turns."""

    holders: dict[Row, Holder] = field(default_factory=dict)  # by position
    lanes: dict[tuple[Priority, int], Lane] = field(default_factory=dict)
    forgotten: int = 0  # is who had the slots up to here
    crowded_until: datetime | None = None  # others take slots of it too, as far as was found
    lock: threading.Lock = field(default_factory=threading.Lock)

    def forget(self, *, before: int) -> None:
        """Now and then, who had the slots that are over: an instance that is alone reads nothing anew."""
        if before - self.forgotten > OVER:
            self.forgotten = before
            self.holders = {row: holder for row, holder in self.holders.items() if row.place >= before}

    def forget_lanes(self, *, before: int) -> None:
        """Those of minutes that are over, or all if none is: what is forgotten is found out again."""
        lanes = tuple(self.lanes.items())  # at once: whoever only asks adds some without the lock
        kept = {key: lane for key, lane in lanes if not 0 < key[1] < before}
        self.lanes = kept if len(kept) < len(lanes) else {}
