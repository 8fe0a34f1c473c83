"""What a person can still do to an accepted mail: send it again, move it to another hour, cancel it.

A new message comes before the change of the record. A crash between the two leaves a message that finds nothing to do,
never a mail without a message.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from mailer.delivery.decide import Do, Next, Policy, decide
from mailer.delivery.envelope import Envelope
from mailer.delivery.event import Event, What
from mailer.delivery.record import Action, Conflict, MailRecord
from mailer.delivery.stores import Stores
from mailer.delivery.turns import Turns
from mailer.errors import TryLater, UnknownMail, WrongStatus

log = logging.getLogger("mailer.amend")


@dataclass(frozen=True, kw_only=True)
class Amendment:
    """Changes to accepted mails, with the parts they use. Each raises UnknownMail, WrongStatus, TryLater.

    `by` is the caller who asks for it, as the record keeps that.
    """

    stores: Stores
    turns: Turns
    policy: Policy
    clock: Callable[[], datetime]

    def replay(self, mail: str, *, by: str | None = None) -> MailRecord:
        """Send a failed, uncertain or suppressed mail again, under the same id."""
        rule = "only a failed, an uncertain or a suppressed one can be sent again"
        return self._sent_again(mail, Event(what=What.REPLAYED), Action.REPLAY, by, rule)

    def release(self, mail: str, *, by: str | None = None) -> MailRecord:
        """Let a mail go that is held, at its own hour if that is still to come."""
        rule = "only a held one can be released"
        return self._sent_again(mail, Event(what=What.RELEASED), Action.RELEASE, by, rule)

    def _sent_again(self, mail: str, event: Event, action: Action, by: str | None, rule: str) -> MailRecord:
        record, step = self._decided(mail, event, rule)
        if self.stores.requests.get(mail) is None:
            raise WrongStatus("The mail's request is not there any more, or never was one; send it anew.")
        step = self._in_turn(step)
        envelope = Envelope(id=mail, proof=record.proof, stored=True)
        if step.due:
            self.stores.outbox.put(envelope, None, due=step.due)
        again = self._done(record, step, action, by)
        if step.due and self.clock() >= step.due:
            # The write took long, so that the message may have come before it, and found nothing to do.
            self.stores.outbox.put(envelope, None, due=step.due)
        log.info("mail_%s id=%s", event.what, mail)
        return again

    def reschedule(self, mail: str, due_at: datetime, *, by: str | None = None) -> MailRecord:
        """Move a mail that waits to another instant."""
        rule = "only one that waits can be moved"
        return self._moved(mail, Event(what=What.MOVED, to=due_at), Action.PATCH, by, rule)

    def retry(self, mail: str, *, by: str | None = None) -> MailRecord:
        """Let a mail go now, or within two minutes, that waits until somebody has mended what its error names."""
        rule = "only one that waits for something to be mended can be tried at once; a failed one can be replayed"
        return self._moved(mail, Event(what=What.RETRIED), Action.RETRY, by, rule)

    def _moved(self, mail: str, event: Event, action: Action, by: str | None, rule: str) -> MailRecord:
        record, step = self._decided(mail, event, rule)
        step = self._in_turn(step)
        # A mail that does not wait in the table has its message on the queue, which finds the new hour in the record.
        if record.due_at and step.due:
            self.stores.outbox.move(Envelope(id=mail, proof=record.proof), old=record.due_at, due=step.due)
        moved = self._done(record, step, action, by)
        log.info("mail_moved id=%s", mail)
        self._give_up(record, kept=moved.due_at)
        return moved

    def cancel(self, mail: str, *, by: str | None = None) -> MailRecord:
        """See that a mail is not sent which nobody has begun to send."""
        record, step = self._decided(mail, Event(what=What.CANCELED), "only one that waits or is held can be canceled")
        canceled = self._done(record, step, Action.CANCEL, by)
        log.info("mail_canceled id=%s", mail)
        if step.do is Do.END:
            self._give_up(record)
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

    def _in_turn(self, step: Next) -> Next:
        """The decision at its mailbox's pace."""
        if step.record is None or step.due is None:
            return step
        record = self.turns.move(step.record, earliest=step.due)
        return replace(step, record=record, due=max(step.due, record.due_at or step.due))

    def _done(self, record: MailRecord, step: Next, action: Action, by: str | None) -> MailRecord:
        if step.record is None:
            return record
        try:
            return self.stores.ledger.write(step.record.acted(action, by, now=self.clock()))
        except Conflict:
            raise WrongStatus("The mail has moved on just now; look at its status.") from None

    def _give_up(self, record: MailRecord, *, kept: datetime | None = None) -> None:
        """Forget the old hour's message and slot; a message that comes all the same finds nothing to do."""
        self.turns.give_back(record)
        if record.due_at:
            with suppress(TryLater):
                self.stores.outbox.take_back(record.id, record.due_at, kept=kept)
