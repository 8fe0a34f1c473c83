"""What a person can still do to an accepted mail: send it again, move it to another hour, cancel it.

A new message comes before the change of the record. A crash between the two leaves a message that finds nothing to do,
never a mail without a message.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from mailer.delivery.decide import Do, Next, Policy, decide
from mailer.delivery.envelope import Envelope
from mailer.delivery.event import Event, What
from mailer.delivery.record import Conflict, MailRecord
from mailer.delivery.stores import Stores
from mailer.errors import TryLater, UnknownMail, WrongStatus

log = logging.getLogger("mailer.amend")


@dataclass(frozen=True, kw_only=True)
class Amendment:
    """Changes to accepted mails, with the parts they use. Each raises UnknownMail, WrongStatus, TryLater."""

    stores: Stores
    policy: Policy
    clock: Callable[[], datetime]

    def replay(self, mail: str) -> MailRecord:
        """Send a failed or uncertain mail again, under the same id."""
        record, step = self._decided(mail, Event(what=What.REPLAYED), "only a failed or an uncertain one is sent again")
        if self.stores.requests.get(mail) is None:
            raise WrongStatus("The mail's request is not there any more, or never was one; send it anew.")
        return self._done("replayed", record, step, stored=True)

    def reschedule(self, mail: str, due_at: datetime) -> MailRecord:
        """Move a mail that waits to another instant."""
        record, step = self._decided(mail, Event(what=What.MOVED, to=due_at), "only one that waits can be moved")
        # A mail that was never put aside has its content in its message, which finds the new hour in the record.
        moved = self._done("moved", record, step, stored=self.stores.requests.get(mail) is not None)
        if record.due_at and record.due_at != due_at:
            self._take_back(mail, record.due_at)
        return moved

    def cancel(self, mail: str) -> MailRecord:
        """See that a mail is not sent which nobody has begun to send."""
        record, step = self._decided(mail, Event(what=What.CANCELED), "only one that waits can be canceled")
        canceled = self._done("canceled", record, step, stored=False)
        if record.due_at:
            self._take_back(mail, record.due_at)
        with suppress(TryLater):  # the clean-up finds what is left
            self.stores.requests.delete(mail)
        return canceled

    def _decided(self, mail: str, event: Event, rule: str) -> tuple[MailRecord, Next]:
        record = self.stores.ledger.read(mail)
        if record is None:
            raise UnknownMail
        step = decide(event, record, policy=self.policy, now=self.clock())
        if step.do is Do.REFUSE:
            raise WrongStatus(f"The mail is {record.status}; {rule}.")
        return record, step

    def _done(self, what: str, record: MailRecord, step: Next, *, stored: bool) -> MailRecord:
        if step.record is None:
            return record
        envelope = Envelope(id=record.id, stored=True)
        if step.due and stored:
            self.stores.outbox.put(envelope, None, due=step.due)
        try:
            done = self.stores.ledger.write(step.record)
        except Conflict:
            raise WrongStatus("The mail has moved on just now; look at its status.") from None
        if step.due and stored and self.clock() >= step.due:
            # The write took long, so that the message may have come before it, and found nothing to do.
            self.stores.outbox.put(envelope, None, due=step.due)
        log.info("mail_%s id=%s", what, record.id)
        return done

    def _take_back(self, mail: str, due: datetime) -> None:
        """Forget the old hour's message; one that comes all the same finds nothing to do."""
        with suppress(TryLater):
            self.stores.outbox.take_back(mail, due)
