"""What can still be done to an accepted mail: send it again, move it to another day, cancel it.

A new message always comes before the change of the record. A crash between the two leaves a message that finds nothing
to do, never a mail without a message.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailer.delivery.accept import Put
from mailer.delivery.record import Conflict, Ledger, MailRecord, Status
from mailer.delivery.settle import Requests
from mailer.errors import TryLater, UnknownMail, WrongStatus
from mailer.request.model import Envelope

log = logging.getLogger("mailer.amend")

REPLAYABLE = (Status.FAILED, Status.UNCERTAIN)
HEAD_START = timedelta(seconds=5)  # for the record, before the message comes


@dataclass(frozen=True, kw_only=True)
class Amendment:
    """Changes to accepted mails, with the parts they use. Each raises UnknownMail, WrongStatus, TryLater."""

    ledger: Ledger
    requests: Requests
    put: Put
    unearth: Callable[[str], None]
    clock: Callable[[], datetime]

    def replay(self, mail: str) -> MailRecord:
        """Send a failed or uncertain mail again, under the same id."""
        record = self._read(mail)
        if record.status not in REPLAYABLE:
            raise WrongStatus(f"The mail is {record.status}; only a failed or an uncertain one can be sent again.")
        if self.requests.get(mail) is None:
            raise WrongStatus("The mail's request is not there any more, or never was one; send it anew.")
        now = self.clock()
        envelope = Envelope(id=mail, stored=True, since=round(now.timestamp()))
        self.put(None, envelope, after=HEAD_START)
        resent = (record.resent or 0) + (record.status is Status.UNCERTAIN)
        queued = replace(record.queued(now=now, due_at=now), attempts=0, resent=resent, grave="")
        replayed = self._write(queued)
        if record.grave:
            with suppress(TryLater):
                self.unearth(record.grave)
        log.info("mail_replayed id=%s", mail)
        return replayed

    def reschedule(self, mail: str, due_at: datetime) -> MailRecord:
        """Move a scheduled mail to another instant."""
        record, now = self._read(mail), self.clock()
        if record.status is not Status.SCHEDULED:
            raise WrongStatus(f"The mail is {record.status}; only a scheduled one can be moved.")
        due = round(due_at.timestamp())
        envelope = Envelope(id=mail, stored=True, not_before=due, since=due)
        self.put(None, envelope, after=max(due_at - now, HEAD_START))
        moved = self._write(replace(record, due_at=due_at))
        log.info("mail_rescheduled id=%s", mail)
        return moved

    def cancel(self, mail: str) -> MailRecord:
        """See that a mail is not sent which nobody has begun to send."""
        record = self._read(mail)
        if record.status is Status.CANCELED:
            return record
        if not record.status.waiting:
            raise WrongStatus(f"The mail is {record.status}; only one that waits can be canceled.")
        canceled = self._write(record.settled(Status.CANCELED, now=self.clock()))
        with suppress(TryLater):  # the sweep finds what is left
            self.requests.delete(mail)
        log.info("mail_canceled id=%s", mail)
        return canceled

    def _read(self, mail: str) -> MailRecord:
        record = self.ledger.read(mail)
        if record is None:
            raise UnknownMail
        return record

    def _write(self, record: MailRecord) -> MailRecord:
        try:
            return self.ledger.write(record)
        except Conflict:
            raise WrongStatus("The mail has moved on just now; look at its status.") from None
