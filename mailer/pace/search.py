"""The search for a slot that is free, by few calls.

Who goes before bulk takes the next slot that bulk may lose, in which it leaves at once: unseen, for that is a row of
its own. Else an instance goes on where it took its last slot, so that a slot costs one call at most while nobody else
takes any; and where slots are minutes away, it takes as many at once as it will use before long. Who finds a slot taken
is in a crowd: it reads how far the others are, and that minute, and takes some of the free ones at random, so that a
hundred instances do not all try the next one. A full minute is left by galloping: 1, 2, 4 ... minutes on, then halving.
"""

import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from mailer.pace import looks
from mailer.pace.fronts import Fronts
from mailer.pace.grid import SAFE, Grid
from mailer.pace.lane import Holder, KnownMailbox, Lane, Row
from mailer.request.members import Priority

NEAR = 16  # slots among which an instance chooses at random where others take some too
CROWDED = timedelta(minutes=30)  # how long it does so after it found one taken
FRESH = timedelta(seconds=2)  # so long what was read is not read again, and a slot is good that was taken to leave now
MOST_AT_ONCE = 50  # slots reserved by one transaction, which holds a hundred rows
FAR = timedelta(minutes=2)  # what is to leave later is looked for on its own
LANES = 1000
BY_LEVEL = tuple(Priority)


class SlotRows(looks.SlotRows, Protocol):
    """The rows, by mailbox, minute since 1970, and place in the minute. Each call may raise TryLater."""

    def take(
        self, mailbox: str, minute: int, rows: Mapping[Row, Holder | None], /, *, level: int, ticket: str
    ) -> Mapping[Row, str] | None:
        """Put the ticket into all these rows, and tell their versions; none if one is not as it is told here."""

    def minute(self, mailbox: str, minute: int, /) -> Mapping[Row, Holder]:
        """Who has which row."""

    def free(self, mailbox: str, minute: int, place: int, ticket: str, /) -> None:
        """Give the place up, if it still holds this ticket."""


class Search:
    """One look for a slot, with what the instance knows."""

    def __init__(
        self,
        grid: Grid,
        rows: SlotRows,
        fronts: Fronts,
        clock: Callable[[], datetime],
        mailbox: str,
        known: KnownMailbox,
        priority: Priority,
        earliest: datetime,
    ) -> None:
        self._grid, self._rows, self._mailbox, self._known = grid, rows, mailbox, known
        self._priority, self._clock, self._fronts, self._now = priority, clock, fronts, clock()
        self._earliest = max(earliest, self._now)
        if len(known.lanes) > LANES:
            known.forget_lanes(before=grid.first(self._now) // grid.per_minute)
        near, first = known.lanes.setdefault((priority, 0), Lane(far=False)), grid.first(self._earliest)
        far = earliest - self._now > FAR
        # Also one that is to leave in a while, where others may leave before: they would all go on behind it.
        self._apart = far or first > max(near.position, grid.first(self._now))
        self._lane = known.lanes.setdefault((priority, first // grid.per_minute), Lane(far)) if self._apart else near

    @property
    def first(self) -> int:
        """The first position that may be free, or is at hand, as far as known."""
        earliest = self._grid.first(self._earliest)
        at_hand = [position for position, *_ in tuple(self._lane.spare) if position >= earliest]
        return min(at_hand) if at_hand else max(self._lane.position, earliest)

    def spare(self) -> tuple[int, str] | None:
        """A slot taken beforehand: its mail looks at it before it leaves, unless nobody could take it away any more."""
        self._lane.takes.append(self._now)
        soonest, first = max(self._earliest, self._now + SAFE), self._grid.first(self._now)
        while self._lane.spare:
            position, ticket, taken_at = self._lane.spare.popleft()
            opens = self._grid.opens(position, self._priority)
            if opens > soonest or (position >= first and opens <= taken_at + SAFE and self._now - taken_at < FRESH):
                return position, ticket
        return None

    def reserve(self, number: int) -> None:
        """Take so many slots by few calls, for mails that are about to ask for them."""
        while (left := number - len(self._lane.spare)) > 0:
            self._lane.spare.extend((*each, self._now) for each in self._taken(None, min(left, MOST_AT_ONCE)))

    def take(self, limit: datetime | None) -> tuple[int, str] | None:
        """A position and its ticket; None if there is none up to the limit."""
        taken = self._unseen(limit) or self._taken(limit, 1)
        self._lane.spare.extend((*each, self._now) for each in taken[1:])
        return taken[0] if taken else None

    def _unseen(self, limit: datetime | None) -> list[tuple[int, str]]:
        """The first position in which the mail could leave, if nobody is known to have it."""
        grid, lane = self._grid, self._lane
        if self._is_crowded(max(lane.position, grid.first(self._earliest))):
            return []
        position = grid.first(self._earliest)
        if self._priority is not Priority.BULK:
            position = max(position, grid.following(self._now + SAFE))
        within = limit is None or grid.opens(position, self._priority) <= limit
        if not within or not self._can_be_had(position, self._clock() + SAFE):
            return []
        minute, place = divmod(position, grid.per_minute)
        lane.enter(minute)
        taken = self._put([place])
        if taken is None:
            self._meet_others()
        return taken or []

    def _taken(self, limit: datetime | None, number: int) -> list[tuple[int, str]]:
        """So many positions of one minute with their ticket, or fewer, or more in a crowd; none up to the limit."""
        grid, lane = self._grid, self._lane
        position = max(lane.position, grid.first(self._earliest))
        if self._is_crowded(position) or (self._has_company() and self._priority is Priority.BULK):
            position = max(position, self._front() * grid.per_minute)
            lane.looked = False
        while limit is None or grid.opens(position, self._priority) <= limit:
            minute, place = divmod(position, grid.per_minute)
            lane.enter(minute)
            crowded = self._is_crowded(position)
            if self._has_company() and not (lane.looked and lane.looked_at and self._now - lane.looked_at < FRESH):
                self._look(minute)
            free = self._free(place)
            if not free:
                position = self._after()
                continue
            wanted = max(number, lane.needs(self._now, ahead=grid.start(position) - self._now))
            chosen = self._chosen(free, wanted) if crowded else free[:wanted]
            taken = self._put(chosen)
            if taken:
                left = [each for each in free if each not in chosen]
                lane.position = minute * grid.per_minute + (left[0] if left else grid.per_minute)
                front = lane.position // grid.per_minute
                if crowded and not self._apart and front > lane.front:
                    self._fronts.move(self._mailbox, self._priority.level, front)
                    lane.front = front
                return taken
            if taken is None:
                self._meet_others()
                self._look(minute)
        lane.position = position
        return []

    def _put(self, chosen: Sequence[int]) -> list[tuple[int, str]] | None:
        """The positions in the lane's minute that have the ticket now and in time; None if none has it."""
        ticket, level, base = secrets.token_hex(4), self._priority.level, self._lane.minute * self._grid.per_minute
        preferred, safe = self._priority is not Priority.BULK, self._clock() + SAFE
        rows: dict[Row, Holder | None] = {}
        for place in chosen:
            rows[Row(place, preferred)] = self._known.holders.get(Row(base + place, preferred))
            if self._grid.start(base + place) < safe:  # nobody can lose it any more, so that it is to be nobody's yet
                rows[Row(place, not preferred)] = None
        versions = self._rows.take(self._mailbox, self._lane.minute, rows, level=level, ticket=ticket)
        if versions is None:
            return None
        self._known.forget(before=self._grid.first(self._now))
        for row, version in versions.items():
            self._known.holders[row._replace(place=base + row.place)] = Holder(level, ticket, version)
        seen = self._clock() + looks.GOOD_FOR
        return [(base + place, ticket) for place in chosen if not self._was_late(base + place, safe, seen)]

    def _was_late(self, position: int, safe: datetime, seen: datetime) -> bool:
        """Whether, while a slow storage wrote, whoever may have the slot too may have looked for the last time."""
        leave = self._grid.start(position), self._grid.opens(position, self._priority)
        return any(safe <= at < seen for at in leave)

    def _look(self, minute: int) -> None:
        """Read who has the places of this minute, and forget what is known of others that do not matter soon."""
        base, known = minute * self._grid.per_minute, self._known
        self._lane.enter(minute)
        soon = self._grid.first(self._now), self._grid.position(self._now + FAR)
        others = {
            row: each
            for row, each in known.holders.items()
            if soon[0] <= row.place <= soon[1] and row.place // self._grid.per_minute != minute
        }
        read = self._rows.minute(self._mailbox, minute)
        seen = {row._replace(place=base + row.place): holder for row, holder in read.items()}
        if any(known.holders.get(row) != holder for row, holder in seen.items()):
            self._meet_others()
        known.holders = others | seen
        self._lane.looked, self._lane.looked_at = True, self._now

    def _is_crowded(self, position: int) -> bool:
        """Whether others take slots too, further ahead than a mail that can leave about now needs to care."""
        near = self._grid.opens(position, self._priority) <= self._now + 2 * self._grid.width
        return self._has_company() and not near

    def _meet_others(self) -> None:
        self._known.crowded_until = self._now + CROWDED

    def _has_company(self) -> bool:
        return self._known.crowded_until is not None and self._known.crowded_until > self._now

    def _front(self) -> int:
        if not self._lane.far:
            self._lane.front = self._fronts.of(self._mailbox, self._priority.level)
        return self._lane.front

    def _free(self, first: int) -> list[int]:
        """The places of the lane's minute that can be had, as far as is known."""
        safe, base = self._clock() + SAFE, self._lane.minute * self._grid.per_minute
        return [place for place in range(first, self._grid.per_minute) if self._can_be_had(base + place, safe)]

    def _can_be_had(self, position: int, safe: datetime) -> bool:
        """Whether nobody is known to have it who may leave before this instant, or has no lower priority."""
        holders = self._known.holders
        has_it = holders.get(Row(position, preferred=True)) or holders.get(Row(position, preferred=False))
        if has_it is None:
            return True
        lower = has_it.level > self._priority.level
        return lower and self._grid.opens(position, BY_LEVEL[has_it.level]) >= safe

    def _chosen(self, free: Sequence[int], number: int) -> list[int]:
        """In a crowd: some of the next ones at random."""
        many = min(len(free), number)
        return sorted(random.sample(free[: max(NEAR, 2 * many)], many))

    def _after(self) -> int:
        """The first position after the lane's minute in which there may be a free one."""
        full, step = self._lane.minute, 1
        if not self._lane.looked:  # this instance has filled it itself, and the next one is as good as empty
            return (full + 1) * self._grid.per_minute
        front = self._front()
        if front > full:
            if not self._is_full(front):
                return front * self._grid.per_minute
            full = front
        while self._is_full(full + step):
            full, step = full + step, step * 2
        free = full + step
        while free - full > 1:
            middle = (full + free) // 2
            if self._is_full(middle):
                full = middle
            else:
                free = middle
        return free * self._grid.per_minute

    def _is_full(self, minute: int) -> bool:
        self._look(minute)
        return not self._free(0)
