"""What is due soon lies on the queue; what is due later waits in the table, by the minute in which it is due.

The host's scaler counts messages that nobody can see yet, so a queue full of next week's mails would start instances
for nothing. The life of a mail that waits for its slot; a word is a call of storage, in brackets one for several mails:

    [slots] ─┬─ received, due within seconds: stays in the worker's hand, and has no record yet
             └─ [record] ─┬─ due before the next release is over ── [message], delayed
                          └─ due later ── [row by its minute] ── release, each minute: [rows read] ── [message] ──
                                          [rows deleted, if they are still as they were read]
    message ── its mails in hand, each until its instant ── [look at slots] ── claim ── (Graph) ── outcome ── [deletion]

What is written in the same moment is written together (gather.py). A message comes up to a second early, and its mails
wait for their instant in the worker's hand (deliver.py). A crash between message and deletion leaves a row that is
released once more, and then a message that finds nothing to do. A mail moved or canceled has its row taken back; where
that fails, its message comes too early or too late, and the record says what to do. Rows of the same mail and minute
are one row.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from mailer.delivery.envelope import Envelope
from mailer.delivery.message import MAX_BYTES, MOST_TOGETHER, SOON, write_message, write_together
from mailer.errors import TryLater
from mailer.gather import Company, Gather
from mailer.request.members import Priority

log = logging.getLogger("mailer.later")

AHEAD = timedelta(minutes=1)  # below SOON by the minute that a row's key is coarse
RELEASED_EVERY = timedelta(minutes=1)
RELIED_UPON = timedelta(seconds=15)  # after a full minute its release is over, or soon will be
WRITTEN_WITHIN = timedelta(seconds=2)  # a row, which waits for others: a release that begins meanwhile may not see it
TOGETHER = 200  # rows
SPAN = timedelta(seconds=8.4)  # of a released message's mails, which wait for their instant in hand: five slots of 30
SHORT_SPAN = timedelta(seconds=4.2)  # of one that is put while a burst comes in, which needs the worker's threads
IN_VAIN = 2  # so many times none of them, and the queue is away
RELEASED_WITHIN = timedelta(seconds=100)  # of one run; the next one goes on


_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A message that waits for its hour, with its content unless that lies in a blob.

    `version` is the row's, as it was read.
    """

    mail: str
    due: datetime
    envelope: Envelope
    content: bytes | None = field(default=None, repr=False)
    version: str | None = None


Message = tuple[Waiting, str]
"""With its text."""


class Queue(Protocol):
    """The queue of mails to send; raises TryLater."""

    def send(self, text: str, *, after: timedelta) -> None: ...


class Rows(Protocol):
    """The messages that wait, by their minute. Each call may raise TryLater."""

    def put(self, waiting: Waiting, /) -> None: ...
    def get(self, mail: str, due: datetime, /) -> Waiting | None: ...
    def take_back(self, mail: str, due: datetime, /) -> None: ...
    def pages(self, until: datetime, /) -> Iterator[Sequence[Waiting]]: ...
    def delete(self, rows: Sequence[Waiting], /) -> None: ...


@dataclass(slots=True)
class Group:
    """The rows and texts of one message that is due in a while."""

    left: timedelta
    span: timedelta
    rows: list[Waiting] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    size: int = 100  # bytes, with what holds the texts together

    def has_room(self, text: str, left: timedelta) -> bool:
        """Whether this mail can travel with the others."""
        fits = len(self.rows) < MOST_TOGETHER and self.size + len(text.encode()) < MAX_BYTES
        return fits and left - self.left <= self.span

    def add(self, row: Waiting, text: str) -> None:
        """Take this mail into the message."""
        self.rows.append(row)
        self.texts.append(text)
        self.size += len(text.encode()) + 1

    def apart(self) -> "Iterator[Group]":
        """Each mail by itself."""
        return (Group(self.left, self.span, [row], [text]) for row, text in zip(self.rows, self.texts, strict=True))


Spread = Callable[[Callable[[Group], Sequence[Waiting]], Iterable[Group]], Iterable[Sequence[Waiting]]]
"""As `map`, several at a time."""


class Later:
    """The Outbox over queue and table. What the threads of a company put at about the same time are one message."""

    def __init__(
        self, *, queue: Queue, rows: Rows, clock: Callable[[], datetime], company: Company | None = None
    ) -> None:
        self._queue = queue
        self._rows = rows
        self._clock = clock
        self._gather: Gather[Message, bool] = Gather(self._sent, most=MOST_TOGETHER, company=company)

    def put(self, envelope: Envelope, content: bytes | None, *, due: datetime) -> None:
        """See that this message is delivered when it is due; without content, that lies in a blob."""
        left = due - (now := self._clock())
        waiting = Waiting(mail=envelope.id, due=due, envelope=envelope, content=content)
        if due > reached(now):
            try:
                return self._rows.put(waiting)
            except TryLater:  # a message can still carry what the table does not take
                if left > SOON:
                    raise
        text = write_message(content or b"{}", envelope)
        may_wait = left > timedelta() and envelope.priority is not Priority.URGENT
        if may_wait and self._gather.bring("", (waiting, text)):
            return None
        return self._queue.send(text, after=max(due - self._clock(), timedelta()))  # it may have waited for others

    def _sent(self, messages: Sequence[Message]) -> Sequence[bool]:
        """Which of them the queue has taken, those together that are due within seconds."""
        taken: set[int] = set()
        with suppress(TryLater):  # each of the others is put alone
            for group in self._groups(messages, SHORT_SPAN):
                self._queue.send(write_together(group.texts), after=group.left)
                taken |= {id(row) for row in group.rows}
        return [id(waiting) in taken for waiting, _ in messages]

    def move(self, envelope: Envelope, *, old: datetime, due: datetime) -> None:
        """Put the message that waits for the old hour, with its content, anew for this one, if it still waits."""
        if waiting := self._rows.get(envelope.id, old):
            self.put(envelope.model_copy(update={"stored": waiting.content is None}), waiting.content, due=due)

    def take_back(self, mail: str, due: datetime, *, kept: datetime | None = None) -> None:
        """Forget the message that waits for this hour, if it still does and is not the one that is kept."""
        if kept is None or _minute(kept) != _minute(due):
            self._rows.take_back(mail, due)

    def release(self, spread: Spread) -> int:
        """Put onto the queue what is due within the next minutes, and all that is overdue; returns how many.

        What the queue does not take stays where it is and holds up nothing else. Raises TryLater once all of it fails.
        """
        began, released, in_vain = self._clock(), 0, 0
        for some in self._due(began + AHEAD):
            sent = [row for rows in spread(self._send, self._groups(self._readable(some), SPAN)) for row in rows]
            self._rows.delete(sent)
            released += len(sent)
            in_vain += not sent
            if in_vain == IN_VAIN:
                raise TryLater("The queue takes no message.", code="storage_unavailable")
            if self._clock() - began > RELEASED_WITHIN:
                log.warning("release_goes_on released=%d", released)
                break
        if released:
            log.info("released mails=%d", released)
        return released

    def _due(self, until: datetime) -> Iterator[Sequence[Waiting]]:
        for page in self._rows.pages(until):
            yield from (page[start : start + TOGETHER] for start in range(0, len(page), TOGETHER))

    def _readable(self, some: Sequence[Waiting]) -> Iterator[Message]:
        for waiting in some:
            try:
                yield waiting, write_message(waiting.content or b"{}", waiting.envelope)
            except UnicodeDecodeError as unreadable:
                log.error("not_released id=%s due=%s: %s", waiting.mail, waiting.due, unreadable)  # noqa: TRY400 - no bug

    def _groups(self, some: Iterable[Message], span: timedelta) -> Iterator[Group]:
        """The messages whose mails are due within seconds, as few as hold them."""
        now, group = self._clock(), Group(timedelta(), span)
        for waiting, text in sorted(some, key=lambda message: message[0].due):
            left = max(waiting.due - now, timedelta())
            if group.rows and not group.has_room(text, left):
                yield group
                group = Group(left, span)
            group.left = group.left if group.rows else left
            group.add(waiting, text)
        if group.rows:
            yield group

    def _send(self, group: Group) -> Sequence[Waiting]:
        """The rows whose message the queue has taken; where it does not take several mails at once, one by one."""
        try:
            self._queue.send(write_together(group.texts), after=group.left)
        except TryLater as refused:
            if len(group.rows) > 1:
                return [row for one in group.apart() for row in self._send(one)]
            log.error("not_released id=%s due=%s: %s", group.rows[0].mail, group.rows[0].due, refused)  # noqa: TRY400 - no bug
            return []
        return group.rows


def reached(now: datetime) -> datetime:
    """What is due up to then is not left to the next release."""
    written = now + WRITTEN_WITHIN
    return written - (written - _EPOCH) % RELEASED_EVERY + RELEASED_EVERY + RELIED_UPON


def _minute(instant: datetime) -> datetime:
    """Rows of the same mail and minute are one row."""
    return instant.replace(second=0, microsecond=0)
