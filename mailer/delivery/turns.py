"""Whose turn it is: a mail's mailbox, priority and slot, as its record keeps them.

The life of a turn, which every wait of a mail takes anew that ends in sending it:

    taken at acceptance ── due at once ── goes
                        └─ due later ── comes when it is due ── still its own, in time, no pause ── goes
                                                             └─ else: another turn is taken; it goes, or waits again
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from mailer.delivery.record import MailRecord
from mailer.errors import TryLater
from mailer.request.members import Priority
from mailer.request.model import MailRequest

PUSHED = timedelta(hours=1)  # a mail that its mailbox holds up longer has its age counted from its turn


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """From which mailbox a mail may leave, and when; the slot's beginning and the ticket prove it."""

    mailbox: str
    due: datetime
    slot: datetime | None = None
    ticket: str = ""


class Pace(Protocol):
    """Gives turns. Each call may raise TryLater."""

    def take(self, mailboxes: Sequence[str], priority: Priority, recipients: int, /, *, earliest: datetime) -> Turn: ...
    def reserve(self, mailboxes: Sequence[str], priority: Priority, number: int, /) -> None: ...
    def may_go(self, turn: Turn, /, *, look: bool) -> bool: ...
    def leaves(self, turn: Turn, priority: Priority, /) -> datetime: ...
    def is_over(self, turn: Turn, /) -> bool: ...
    def give_back(self, turn: Turn, recipients: int, /) -> None: ...


class Allowances(Protocol):
    """How many recipients callers may reach. Each call may raise TryLater."""

    def admit(self, caller: str, recipients: int, /) -> bool: ...
    def take_back(self, caller: str, recipients: int, /) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Turns:
    """The turns of mails. `pools` has the mailboxes of each pool by its name."""

    pace: Pace
    pools: Mapping[str, Sequence[str]]
    priority: Callable[[MailRequest], Priority]
    clock: Callable[[], datetime]
    allowances: Allowances | None = None

    def counts(self, record: MailRecord) -> bool:
        """Whether its recipients are counted for its caller."""
        return self.allowances is not None and record.caller is not None

    def admits(self, record: MailRecord) -> bool:
        """Whether its caller may reach these recipients too today, who are counted then. Raises TryLater."""
        if self.allowances is None or record.caller is None:
            return True
        return self.allowances.admit(record.caller, record.recipients or 1)

    def discount(self, record: MailRecord) -> None:
        """Count the recipients no more of a mail that was not accepted."""
        if self.allowances and record.caller:
            self.allowances.take_back(record.caller, record.recipients or 1)

    def without_turn(self, record: MailRecord, request: MailRequest) -> MailRecord:
        """The record with what its turn will rest on, once it has one."""
        mailboxes = self._mailboxes(request)
        sender = mailboxes[0] if len(mailboxes) == 1 else None
        return replace(record, sender=sender, priority=self.priority(request))

    def take(self, record: MailRecord, request: MailRequest, *, earliest: datetime) -> MailRecord:
        """The record with a turn from then on; a new one that need not wait has no `due_at`. Raises TryLater."""
        priority = record.priority or self.priority(request)
        self._pass_up(record)
        asked = self.clock()
        turn = self.pace.take(self._mailboxes(request), priority, request.recipients, earliest=earliest)
        return self._given(record, turn, priority, asked)

    def reserve(self, requests: Iterable[MailRequest]) -> None:
        """Have turns at hand for all of these that are due at once, by fewer calls than they would need each.

        Raises TryLater.
        """
        wanted = Counter(
            (tuple(self._mailboxes(each)), self.priority(each)) for each in requests if each.scheduled_at is None
        )
        for (mailboxes, priority), number in wanted.items():
            if number > 1:
                self.pace.reserve(mailboxes, priority, number)

    def move(self, record: MailRecord, *, earliest: datetime) -> MailRecord:
        """The same for a mail whose request is not at hand; one that never had a turn gets none. Raises TryLater."""
        if record.sender is None or record.priority is None:
            return record
        asked = self.clock()
        turn = self.pace.take((record.sender,), record.priority, record.recipients or 1, earliest=earliest)
        return self._given(record, turn, record.priority, asked)

    def has_come(self, record: MailRecord, request: MailRequest) -> bool:
        """Whether the mail may leave now in the turn that it has. Raises TryLater."""
        if record.sender is None or record.sender not in self._mailboxes(request):
            return False
        return self.pace.may_go(_turn(record, self.clock()), look=record.due_at is not None)

    def leaves(self, record: MailRecord) -> datetime | None:
        """When the mail leaves if it comes in time, for one that waits; a little after it is due, if it is bulk."""
        if record.due_at is None or record.priority is None:
            return record.due_at
        return self.pace.leaves(_turn(record, record.due_at), record.priority)

    def is_new(self, record: MailRecord) -> bool:
        """Whether the mail, as its message tells, was never tried, and its turn is not over: it cannot be sent yet."""
        is_over = self.pace.is_over(_turn(record, self.clock()))
        return not record.attempts and record.sender is not None and not is_over

    def give_back(self, record: MailRecord) -> None:
        """Free the turn of a mail that will not use it, as far as storage lets us."""
        with suppress(TryLater):
            self._pass_up(record)

    def _pass_up(self, record: MailRecord) -> None:
        if record.sender and record.slot:
            self.pace.give_back(_turn(record, record.slot), record.recipients or 1)

    def _mailboxes(self, request: MailRequest) -> Sequence[str]:
        return self.pools.get(request.pool or "") or (request.mailbox.address.lower(),)

    def _given(self, record: MailRecord, turn: Turn, priority: Priority, asked: datetime) -> MailRecord:
        # What has only come while storage answered may have been taken away meanwhile: its mail looks.
        at_once = turn.due <= asked and record.version is None
        held_up = not at_once and not record.attempts and turn.due - record.due_since > PUSHED
        return replace(
            record,
            priority=priority,
            sender=turn.mailbox,
            slot=turn.slot,
            ticket=turn.ticket,
            due_at=None if at_once else turn.due,
            since=turn.due if held_up else record.since,
        )


def _turn(record: MailRecord, due: datetime) -> Turn:
    return Turn(mailbox=record.sender or "", due=due, slot=record.slot, ticket=record.ticket or "")


def turn_of(record: MailRecord) -> dict[str, Any]:
    """The fields of a record that are its turn."""
    return {"sender": record.sender, "priority": record.priority, "slot": record.slot, "ticket": record.ticket}
