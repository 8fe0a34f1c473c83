"""A queued mail to its status: compose, screen, claim, send, record.

All that can fail without Graph comes before the claim, so that a crash there leaves nothing to doubt. A mail that has
to wait goes back as a new message with a delay: a function never sleeps.
"""

import hashlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from mailer.delivery.accept import Put, check_limits
from mailer.delivery.claim import NotOurs, Stray, claim, suppress
from mailer.delivery.doubt import Doubts
from mailer.delivery.gate import Passed
from mailer.delivery.message import read_message, write_request
from mailer.delivery.record import LEASE, Conflict, KeyOwner, Ledger, MailRecord, Status
from mailer.delivery.settle import Alarms, Mail, Requests, Settlement, backoff
from mailer.errors import (
    GiveUp,
    InvalidRequest,
    KeyReused,
    Misconfigured,
    Problem,
    Refusal,
    Suppressed,
    Throttled,
    TryLater,
    Uncertain,
)
from mailer.request.address import Address
from mailer.request.mail_id import mail_id
from mailer.request.model import Content, Envelope, MailRequest, RenderedMail
from mailer.request.parse import Rules, read_object, read_request
from mailer.settings import OnUncertain

log = logging.getLogger("mailer.deliver")

MENDING_WAIT = timedelta(minutes=15)  # how often to look whether somebody has mended the configuration
AFTER_LEASE = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedMessage:
    """One message as the trigger hands it over. A producer's own `id` member overwrites the queue's id of it."""

    body: bytes
    id: str
    inserted_at: datetime | None


class Compose(Protocol):
    """Makes the mail of this id; raises InvalidRequest, TryLater."""

    def __call__(self, request: MailRequest, *, mail: str) -> RenderedMail: ...


class SendLarge(Protocol):
    """Sends what one call cannot carry; calls `leaving` when the mail is about to leave. Raises Refusal."""

    def __call__(self, mail: RenderedMail, token: str, /, *, leaving: Callable[[], None]) -> object: ...


class Throttle(Protocol):
    """Places for requests to a mailbox, and pauses."""

    def place(self, mailbox: str) -> AbstractContextManager[None]: ...
    def pause(self, mailbox: str, after: timedelta | None) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The step from a queued message to a status, with the parts it uses."""

    rules: Rules
    ledger: Ledger
    requests: Requests
    compose: Compose
    screen: Callable[[RenderedMail], Passed]
    authorize: Callable[[], str]
    send: Callable[[RenderedMail, str], object]
    send_large: SendLarge
    clear_drafts: Callable[[RenderedMail, str], object]
    is_sent: Callable[[str, Address, str], bool]
    throttle: Throttle
    alarms: Alarms
    put: Put
    bury: Callable[[str], str]
    on_uncertain: Callable[[MailRequest], OnUncertain]
    clock: Callable[[], datetime]
    max_age: timedelta

    @property
    def _settlement(self) -> Settlement:
        return Settlement(
            ledger=self.ledger,
            requests=self.requests,
            alarms=self.alarms,
            put=self.put,
            bury=self.bury,
            clock=self.clock,
        )

    @property
    def _doubts(self) -> Doubts:
        return Doubts(
            settlement=self._settlement,
            ledger=self.ledger,
            authorize=self.authorize,
            is_sent=self.is_sent,
            on_uncertain=self.on_uncertain,
            clock=self.clock,
            max_age=self.max_age,
        )

    def deliver(self, message: QueuedMessage) -> Status:
        """Bring the mail to its next status. Raises TryLater if storage does not answer; the host then tries again."""
        record = own = MailRecord(id=id_of(message))
        members = None
        try:
            members, envelope = read_message(message.body)
            if envelope:
                record = MailRecord(id=envelope.id, version=envelope.version, attempts=envelope.attempts)
                if envelope.stored:
                    if self._is_early(envelope):
                        return Status.SCHEDULED
                    members = self._stored(envelope)
            request = read_request(members, rules=self.rules)
            check_limits(request, self.clock())
            if not envelope:
                record = MailRecord.of(request, mail=self._owner(request, record.id), now=self.clock())
                envelope = Envelope(id=record.id)
            elif not record.version:
                record = _anew(request, record)
        except (InvalidRequest, KeyReused) as refused:
            blamed = self._blamed(record, own)
            return self._settlement.fail(blamed, members, message.body, refused.code, str(refused))
        except NotOurs as over:
            return over.record.status
        return self._next(Mail(request=request, record=record, envelope=envelope), own=own)

    def _next(self, mail: Mail, *, own: MailRecord) -> Status:
        """Bring a mail to its next status; `own` is the record of its message, should the mail's be missing."""
        try:
            if mail.record.status is Status.SCHEDULED:
                return self._schedule(mail)
            return self._look(mail) if mail.envelope.check else self._attempt(mail)
        except InvalidRequest as refused:
            blamed = self._blamed(mail.record, own, mail.request.digest())
            return self._fail(mail.at(blamed), refused.code, str(refused))
        except Stray as stray:
            return self._settlement.fail(own, mail.request.as_json(), b"", "record_missing", str(stray))

    def _fail(self, mail: Mail, code: str, text: str) -> Status:
        """Given up for good; a draft that an attempt may have left in the mailbox goes, or the record tells of it."""
        kept = self.ledger.read(mail.id)
        if kept and kept.drafting and (kept.status.waiting or kept.claim == mail.record.claim):
            content = Content(subject="", body="", content_type="text")
            try:
                self.clear_drafts(RenderedMail(id=mail.id, request=mail.request, content=content), self.authorize())
            except Refusal as left:
                text += f" A draft of it may be left in the mailbox's Drafts ({left.code})."
        return self._settlement.fail(mail.record, mail.request.as_json(), b"", code, text)

    def _blamed(self, record: MailRecord, own: MailRecord, digest: str = "") -> MailRecord:
        """Whose failure a wrong message is: a producer can write any mail's name on it, not its state or content."""
        kept = self.ledger.read(record.id) if record.id != own.id else None
        named = kept and (kept.version == record.version or kept.digest == digest)
        return record if kept is None or named else own

    def _is_early(self, envelope: Envelope) -> bool:
        """Whether the mail's day has not come; it then goes back for as long as one message can wait."""
        left = timedelta(seconds=(envelope.not_before or 0) - self.clock().timestamp())
        if left > timedelta():
            self.put(None, envelope, after=left)
        return left > timedelta()

    def _stored(self, envelope: Envelope) -> dict[str, Any]:
        """The request's members out of their blob. Raises NotOurs if the mail is done with and the blob gone."""
        body = self.requests.get(envelope.id)
        if body is not None:
            return read_object(body)
        kept = self.ledger.read(envelope.id)
        if kept and kept.status.final:
            raise NotOurs(kept)
        problem = Problem(code="content_missing", message="The blob with the mail's request is gone.")
        raise InvalidRequest([problem])

    def _owner(self, request: MailRequest, own_id: str) -> str:
        """The id of a mail straight from a producer: its own, or that of the mail its key belongs to."""
        if request.idempotency_key is None:
            return own_id
        claimant = KeyOwner(id=own_id, digest=request.digest())
        owner = self.ledger.own_key(request.idempotency_key, claimant, now=self.clock())
        if owner.digest != claimant.digest:
            raise KeyReused
        return owner.id

    def _attempt(self, mail: Mail) -> Status:
        """Raises InvalidRequest, Stray."""
        record = mail.record

        def leaving() -> None:
            nonlocal record
            try:
                record = self.ledger.write(replace(record, drafting=False, leased_until=self.clock() + LEASE))
            except Conflict:
                raise NotOurs(self.ledger.read(record.id) or record) from None

        try:
            passed = self.screen(self.compose(mail.request, mail=mail.id))
            with self.throttle.place(mail.mailbox):
                token = self.authorize()
                record = claim(mail, passed, ledger=self.ledger, now=self.clock())
                if passed.mail.large:
                    self.send_large(passed.mail, token, leaving=leaving)
                else:
                    self.send(passed.mail, token)
        except Suppressed as held:
            return self._suppress(mail, held)
        except NotOurs as other:
            return self._stand_back(mail.at(other.record))
        except TryLater as later:
            if isinstance(later, Throttled):
                self.throttle.pause(mail.mailbox, later.after)
            return self._wait(mail.at(record), later)
        except Uncertain as doubt:
            return self._doubts.arise(mail.at(record), doubt)
        except GiveUp as refused:
            return self._settlement.fail(record, mail.request.as_json(), b"", refused.code, str(refused))
        return self._settlement.sent(mail.at(record))

    def _schedule(self, mail: Mail) -> Status:
        """A producer's mail for another day: record it, and let it wait as one that came by HTTP does.

        Raises InvalidRequest: what cannot be composed today is not promised for tomorrow.
        """
        self.compose(mail.request, mail=mail.id)
        self.requests.put(mail.id, write_request(mail.request))
        try:
            record = self.ledger.write(mail.record)
        except Conflict:
            record = replace(mail.record, version=None)
        due = round((mail.record.due_at or self.clock()).timestamp())
        envelope = Envelope(id=mail.id, version=record.version, stored=True, not_before=due, since=due)
        self.put(None, envelope, after=max(timedelta(), (mail.record.due_at or self.clock()) - self.clock()))
        return Status.SCHEDULED

    def _suppress(self, mail: Mail, held: Suppressed) -> Status:
        """The gate lets the mail reach nobody, and nothing is left to keep. Raises Stray."""
        try:
            record = suppress(mail, held, ledger=self.ledger, now=self.clock())
        except NotOurs as other:
            return self._stand_back(mail.at(other.record))
        log.info("mail_suppressed id=%s code=%s", mail.id, held.code)
        self._settlement.forget(mail)
        return record.status

    def _stand_back(self, mail: Mail) -> Status:
        """What is left to do for a mail that is not ours now: nothing, look again later, or admit the doubt."""
        now, kept = self.clock(), mail.record
        if kept.status.final:
            log.info("mail_done_before id=%s status=%s", kept.id, kept.status)
            return kept.status
        left = AFTER_LEASE
        if kept.status is Status.SENDING and kept.leased_until:
            if kept.leased_until <= now and kept.drafting:
                text = "The worker that was uploading this mail's attachments never came back. Nothing was sent."
                return self._wait(mail, TryLater(text, code="upload_interrupted"))
            if kept.leased_until <= now:
                text = "The worker that was sending this mail never came back, so nobody knows whether it was sent."
                return self._doubts.arise(mail, Uncertain(text, code="lease_expired"))
            left += kept.leased_until - now
        elif kept.due_at and kept.due_at > now:
            left = kept.due_at - now
        # Without a version, so that the record is looked at again: a claim at this one would overrule the other's.
        self._settlement.put_back(mail, Envelope(id=kept.id, since=mail.envelope.since), after=left)
        return kept.status

    def _look(self, mail: Mail) -> Status:
        """A doubt whose next look into Sent Items is due. Raises Stray."""
        kept = self.ledger.read(mail.id)
        if kept is None or kept.digest != mail.request.digest():
            raise Stray(mail.id)
        if kept.status is not Status.UNCERTAIN:
            return self._stand_back(mail.at(kept))
        return self._doubts.look(mail.at(kept))

    def _wait(self, mail: Mail, later: TryLater) -> Status:
        """Back onto the queue with a delay, unless the mail is too old for it."""
        now, record = self.clock(), mail.record
        if isinstance(later, Misconfigured):
            self.alarms.sound(mail.mailbox, later.code, str(later))
        if now - mail.since > self.max_age:
            text = f"Given up after {self.max_age}: {later}"
            return self._fail(mail, later.code, text)
        if record.status is not Status.SENDING:  # failed before its claim, which would have counted the attempt
            record = replace(record, attempts=record.attempts + 1)
        after = later.after or (MENDING_WAIT if isinstance(later, Misconfigured) else backoff(record.attempts))
        log.info("mail_waits id=%s code=%s seconds=%.1f", record.id, later.code, after.total_seconds())
        waiting = record.queued(now=now, due_at=now + after, code=later.code, message=str(later))
        try:
            version = self.ledger.write(waiting).version
        except (Conflict, TryLater):
            version = None  # written by another delivery, or not at all: the next one has to look
        envelope = Envelope(id=record.id, version=version, attempts=waiting.attempts, since=mail.envelope.since)
        self._settlement.put_back(mail, envelope, after=after)
        return Status.QUEUED


def _anew(request: MailRequest, record: MailRecord) -> MailRecord:
    """The whole record of a mail that may not have been written yet, and whose day has come."""
    new = MailRecord.of(request, mail=record.id, now=record.accepted_at)
    times = {Status.QUEUED: record.accepted_at}
    return replace(new, status=Status.QUEUED, due_at=None, times=times, attempts=record.attempts)


def id_of(message: QueuedMessage) -> str:
    """The id of a mail straight from a producer: made of the message, so that a redelivery has the same."""
    inserted_at = message.inserted_at or datetime.fromtimestamp(0, UTC)
    seed = f"{message.id} {inserted_at.timestamp():.0f} ".encode() + message.body
    return mail_id(inserted_at, hashlib.sha256(seed).digest())
