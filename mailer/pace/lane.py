"""What an instance knows of a mailbox's slots, and where it takes the next one."""

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from mailer.request.members import Priority

MOST = 8  # slots taken at once for mails that will ask for them, but for a batch


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
    takes: deque[datetime] = field(default_factory=lambda: deque(maxlen=8 * MOST))

    def enter(self, minute: int) -> None:
        """Go on in this minute."""
        if minute != self.minute:
            self.minute, self.looked = minute, False


@dataclass(slots=True)
class KnownMailbox:
    """What this instance knows of a mailbox's slots; its threads take turns."""

    holders: dict[Row, Holder] = field(default_factory=dict)  # by position
    lanes: dict[tuple[Priority, int], Lane] = field(default_factory=dict)
    crowded_until: datetime | None = None  # others take slots of it too, as far as was found
    lock: threading.Lock = field(default_factory=threading.Lock)
