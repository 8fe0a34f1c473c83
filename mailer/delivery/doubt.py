"""What to do with a mail that may or may not have left: hold it, send it again, or look it up in Sent Items."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailer.delivery.record import Conflict, Ledger, Status
from mailer.delivery.settle import Mail, Settlement, backoff
from mailer.errors import CannotLook, TryLater, Uncertain
from mailer.request.address import Address
from mailer.request.model import Envelope, MailRequest
from mailer.settings import OnUncertain

log = logging.getLogger("mailer.doubt")

LOOKS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))  # a copy reaches Sent Items with a lag


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubts:
    """The ways out of a doubt, with the parts they use. Each raises TryLater if storage does not answer."""

    settlement: Settlement
    ledger: Ledger
    authorize: Callable[[], str]
    is_sent: Callable[[str, Address, str], bool]
    on_uncertain: Callable[[MailRequest], OnUncertain]
    clock: Callable[[], datetime]
    max_age: timedelta

    def arise(self, mail: Mail, doubt: Uncertain) -> Status:
        """Graph may have the mail or not: what to do is the setting's to say, or the template's."""
        log.warning("mail_uncertain id=%s code=%s: %s", mail.id, doubt.code, doubt)
        policy = self.on_uncertain(mail.request)
        if self.clock() - mail.since > self.max_age:
            return self.settlement.hold(mail, doubt.code, f"{doubt} It is not sent again after {self.max_age}.")
        if policy is OnUncertain.RESEND:
            return self._again(mail, doubt.code, f"{doubt} It is sent again.", after=backoff(mail.record.attempts))
        if policy is OnUncertain.VERIFY and mail.request.save_to_sent_items:
            self.settlement.put_back(mail, Envelope(id=mail.id, since=mail.envelope.since, check=1), after=LOOKS[0])
            return self.settlement.record(mail.record, Status.UNCERTAIN, doubt.code, str(doubt))
        return self.settlement.hold(mail, doubt.code, str(doubt))

    def look(self, mail: Mail) -> Status:
        """Settle a doubt by what lies in Sent Items; the record is the one that is kept now."""
        kept = mail.record
        try:
            found = self.is_sent(mail.id, mail.request.mailbox, self.authorize())
        except CannotLook as blind:
            return self.settlement.hold(mail, kept.error_code, f"{kept.error_message} {blind}")
        except TryLater as later:
            return self._look_later(mail, later.after or LOOKS[0], check=mail.envelope.check)
        if found:
            log.info("mail_found_in_sent_items id=%s", mail.id)
            return self.settlement.sent(mail)
        if mail.envelope.check < len(LOOKS):
            return self._look_later(mail, LOOKS[mail.envelope.check], check=mail.envelope.check + 1)
        return self._again(mail, kept.error_code, f"{kept.error_message} It is not in Sent Items and is sent again.")

    def _look_later(self, mail: Mail, after: timedelta, *, check: int) -> Status:
        if self.clock() - mail.since > self.max_age:
            return self.settlement.hold(
                mail, mail.record.error_code, f"{mail.record.error_message} It could not be verified."
            )
        self.settlement.put_back(mail, Envelope(id=mail.id, since=mail.envelope.since, check=check), after=after)
        return Status.UNCERTAIN

    def _again(self, mail: Mail, code: str, text: str, *, after: timedelta = timedelta()) -> Status:
        """Send once more what may have been sent, and say so in the record."""
        kept, now = self.ledger.read(mail.id), self.clock()
        if kept is None or kept.status not in {Status.SENDING, Status.UNCERTAIN}:
            return kept.status if kept else Status.UNCERTAIN
        again = kept.queued(now=now, due_at=now + after, code=code, message=text)
        try:
            written = self.ledger.write(replace(again, resent=(kept.resent or 0) + 1))
        except Conflict:
            return Status.UNCERTAIN  # another delivery is settling the same doubt
        log.warning("mail_sent_again id=%s code=%s", mail.id, code)
        envelope = Envelope(id=mail.id, version=written.version, attempts=written.attempts, since=mail.envelope.since)
        self.settlement.put_back(mail, envelope, after=after)
        return Status.QUEUED
