"""When a mail may go, and from which of its mailboxes: pauses, the day's recipients, and slots together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer.delivery.turns import Turn
from mailer.pace.pauses import Pauses
from mailer.pace.quota import WARNED_AT, Quota
from mailer.pace.slots import Slots
from mailer.request.members import Priority

USEFUL = timedelta(seconds=10)  # ahead, for a slot that somebody else may still take
SOON = timedelta(minutes=1)  # for a turn in which a pause of another instance may matter


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """The pace of all mailboxes. Without slots and quota only pauses hold anything up. Each call may raise TryLater."""

    pauses: Pauses
    slots: Slots | None = None
    quota: Quota | None = None
    clock: Callable[[], datetime]

    def take(self, mailboxes: Sequence[str], priority: Priority, recipients: int, *, earliest: datetime) -> Turn:
        """The earliest turn of any of these mailboxes; whoever is paused, or has reached enough people, comes later."""
        opens = {mailbox: self._opens(mailbox, earliest, recipients) for mailbox in mailboxes}
        while self.slots:
            expected = {each: self.slots.expected(each, priority, opens[each]) for each in mailboxes}
            mailbox, *others = sorted(mailboxes, key=expected.__getitem__)
            limit = expected[others[0]][0] if others else None
            slot = self.slots.take(mailbox, priority, opens[mailbox], limit=limit)
            if slot is None:
                continue  # it is busier than was known, and another one may be first
            later = self._opens(mailbox, slot.due, recipients, look=True)
            if later <= slot.due:
                return self._counted(
                    Turn(mailbox=mailbox, due=slot.due, slot=slot.start, ticket=slot.ticket), recipients
                )
            self.slots.free(mailbox, slot.start, slot.ticket)
            opens[mailbox] = later
        opens = {mailbox: self._opens(mailbox, earliest, recipients, look=True) for mailbox in mailboxes}
        mailbox = min(opens, key=opens.__getitem__)
        return self._counted(Turn(mailbox=mailbox, due=opens[mailbox]), recipients)

    def reserve(self, mailboxes: Sequence[str], priority: Priority, number: int) -> None:
        """Have slots at hand for so many mails that are about to ask for them, spread over these mailboxes."""
        if self.slots:
            for mailbox in mailboxes:
                opens = self._opens(mailbox, self.clock(), 1)
                self.slots.reserve(mailbox, priority, opens, -(-number // len(mailboxes)))

    def may_go(self, turn: Turn, *, look: bool) -> bool:
        """Whether a mail may leave now in its turn; `look` whether its slot may have been taken from it by now."""
        if self.slots is None:
            return not self.pauses.left(turn.mailbox)
        if turn.slot is None or self.slots.is_late(turn.slot, self.clock()) or self.pauses.known(turn.mailbox):
            return False
        if not look:
            return not self.pauses.left(turn.mailbox)
        held = self.slots.holds(turn.mailbox, turn.slot, turn.ticket)
        return held and not self.slots.is_late(turn.slot, self.clock())  # a look takes as long as storage does

    def leaves(self, turn: Turn, priority: Priority) -> datetime:
        """When a mail leaves that has waited for its turn."""
        if self.slots is None or turn.slot is None:
            return turn.due
        return max(turn.due, self.slots.leaves(turn.slot, priority))

    def is_over(self, turn: Turn) -> bool:
        """Whether it is too late for this turn; one without a slot is never known to be in time."""
        return self.slots is None or turn.slot is None or self.slots.is_late(turn.slot, self.clock())

    def give_back(self, turn: Turn, recipients: int) -> None:
        """Take back what a mail was counted for, and free its slot where somebody may still use that."""
        if self.quota:
            self.quota.count(turn.mailbox, turn.due, -recipients)
        if self.slots and turn.slot and turn.slot > self.clock() + USEFUL:
            self.slots.free(turn.mailbox, turn.slot, turn.ticket)

    def warnings(self, mailboxes: Sequence[str]) -> list[str]:
        """Which of these mailboxes reach, in some 24 hours from now on, most of the recipients that they may."""
        if self.quota is None:
            return []
        used = {mailbox: self.quota.used(mailbox) for mailbox in mailboxes}
        return [
            f"The mailbox {mailbox} uses {part:.0%} of MAILER_MAILBOX_DAILY, the recipients that it reaches in 24 "
            "hours; what exceeds it waits for the next day. Spread mails over a pool of mailboxes (MAILER_POOLS)."
            for mailbox, part in used.items()
            if part >= WARNED_AT
        ]

    def _opens(self, mailbox: str, earliest: datetime, recipients: int, *, look: bool = False) -> datetime:
        """From when on; `look` whether another instance has been told to wait meanwhile."""
        now = self.clock()
        # The slots of a paused mailbox are left empty. Without slots: a pause is over before long, and who comes later
        # looks again then.
        looks = look and self.slots is None and earliest - now < SOON
        left = self.pauses.left(mailbox) if looks else self.pauses.known(mailbox)
        opens = max(earliest, now + left) if left else earliest
        return self.quota.opens(mailbox, opens, recipients) if self.quota else opens

    def _counted(self, turn: Turn, recipients: int) -> Turn:
        if self.quota:
            self.quota.count(turn.mailbox, turn.due, recipients)
        return turn
