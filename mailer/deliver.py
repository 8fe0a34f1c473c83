"""A queued mail to its status: render, claim, send, record.

All that can fail without Graph comes before the claim, so that a crash there leaves nothing to doubt. A mail that has
to wait goes back as a new message with a delay: a function never sleeps.
"""

import hashlib
import logging
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from mailer.errors import GiveUp, InvalidRequest, KeyReused, Misconfigured, TryLater, Uncertain
from mailer.lifecycle import Conflict, KeyOwner, Ledger, MailRecord, Status
from mailer.mail import Content, Envelope, MailRequest, RenderedMail
from mailer.mail_id import mail_id
from mailer.message import ENVELOPE, check_size, grave, read_message
from mailer.parse import Rules, read_request

log = logging.getLogger("mailer.deliver")

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)
MENDING_WAIT = timedelta(minutes=15)  # how often to look whether somebody has mended the configuration
AFTER_LEASE = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedMessage:
    """One message as the trigger hands it over. A producer's own `id` member overwrites the queue's id of it."""

    body: bytes
    id: str
    inserted_at: datetime | None


class Put(Protocol):
    """Puts a mail back on the queue; raises TryLater."""

    def __call__(self, request: MailRequest, envelope: Envelope, /, *, after: timedelta) -> None: ...


class Stray(Exception):
    """A message that names a mail which is not there, or another one than it holds."""

    def __init__(self, mail: str) -> None:
        super().__init__(
            f"The message names the mail {mail}, and the records have none like it: its acceptance was taken back, "
            f"its record is past its retention, or a producer made `{ENVELOPE}` up."
        )


class NotOurs(Exception):
    """Another delivery has this mail, or had it."""

    def __init__(self, record: MailRecord) -> None:
        self.record = record
        super().__init__(record.id)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The step from a queued message to a status, with the parts it uses."""

    rules: Rules
    ledger: Ledger
    render: Callable[[MailRequest], Content]
    authorize: Callable[[], str]
    send: Callable[[RenderedMail, str], object]
    put: Put
    bury: Callable[[str], None]
    clock: Callable[[], datetime]
    max_age: timedelta

    def deliver(self, message: QueuedMessage) -> Status:
        """Bring the mail to its next status. Raises TryLater if storage does not answer; the host then tries again."""
        record = own = MailRecord(id=id_of(message))
        try:
            members, envelope = read_message(message.body)
            if envelope:
                record = MailRecord(id=envelope.id, version=envelope.version, attempts=envelope.attempts)
            request = read_request(members, rules=self.rules)
            check_size(request)
            if not envelope:
                record = self._own(request, record)
            if not record.version:
                record = _anew(request, record)
            mail = RenderedMail(id=record.id, request=request, content=self.render(request))
        except (InvalidRequest, KeyReused) as refused:
            return self._fail(record, message, refused.code, str(refused))
        try:
            return self._attempt(mail, record, message)
        except Stray as stray:
            return self._fail(own, message, "record_missing", str(stray))

    def _attempt(self, mail: RenderedMail, record: MailRecord, message: QueuedMessage) -> Status:
        try:
            token = self.authorize()
            record = self._claim(record, mail.request)
            self.send(mail, token)
        except NotOurs as other:
            return self._stand_back(other.record, mail.request, message)
        except TryLater as later:
            return self._wait(record, mail.request, message, later)
        except Uncertain as doubt:
            return self._doubt(record, message, doubt.code, str(doubt))
        except GiveUp as refused:
            return self._fail(record, message, refused.code, str(refused))
        status = self._record(record, Status.SENT)
        log.info("mail_sent id=%s attempt=%d", record.id, record.attempts)
        return status

    def _own(self, request: MailRequest, record: MailRecord) -> MailRecord:
        """A mail straight from a producer has its own record, or that of the mail its key belongs to."""
        if request.idempotency_key is None:
            return record
        claimant = KeyOwner(id=record.id, digest=request.digest())
        owner = self.ledger.own_key(request.idempotency_key, claimant, now=self.clock())
        if owner.digest != claimant.digest:
            raise KeyReused
        return replace(record, id=owner.id)

    def _claim(self, record: MailRecord, request: MailRequest) -> MailRecord:
        """The one conditional write that lets one worker go on. Raises Stray, NotOurs, TryLater."""
        claim = uuid.uuid4().hex
        try:
            return self.ledger.write(record.claimed(claim=claim, now=self.clock()))
        except Conflict:
            kept = self.ledger.read(record.id)
        if kept is None or kept.digest != request.digest():
            raise Stray(record.id)
        if kept.status is not Status.QUEUED:
            raise NotOurs(kept)
        try:
            return self.ledger.write(kept.claimed(claim=claim, now=self.clock()))
        except Conflict:
            raise NotOurs(kept) from None

    def _stand_back(self, kept: MailRecord, request: MailRequest, message: QueuedMessage) -> Status:
        """What is left to do for a mail that another delivery has claimed: nothing, look again, or admit the doubt."""
        if kept.status.final:
            log.info("mail_done_before id=%s status=%s", kept.id, kept.status)
            return kept.status
        left = (kept.leased_until or self.clock()) - self.clock()
        if kept.status is Status.SENDING and left <= timedelta():
            text = "The worker that was sending this mail never came back, so nobody knows whether it was sent."
            return self._doubt(kept, message, "lease_expired", text)
        # Without a version, so that the record is looked at again: a claim at this one would overrule the other's.
        self.put(request, Envelope(id=kept.id), after=max(left, timedelta()) + AFTER_LEASE)
        return kept.status

    def _wait(self, record: MailRecord, request: MailRequest, message: QueuedMessage, later: TryLater) -> Status:
        """Back onto the queue with a delay, unless the mail is too old for it."""
        now = self.clock()
        if now - record.accepted_at > self.max_age:
            return self._fail(record, message, later.code, f"Given up after {self.max_age}: {later}")
        if record.status is not Status.SENDING:  # failed before its claim, which would have counted the attempt
            record = replace(record, attempts=record.attempts + 1)
        after = later.after or (MENDING_WAIT if isinstance(later, Misconfigured) else _backoff(record.attempts))
        level = logging.ERROR if isinstance(later, Misconfigured) else logging.WARNING
        log.log(level, "mail_waits id=%s code=%s seconds=%.1f: %s", record.id, later.code, after.total_seconds(), later)
        waiting = record.settled(Status.QUEUED, now=now, code=later.code, message=str(later))
        try:
            version = self.ledger.write(waiting).version
        except (Conflict, TryLater):
            version = None  # written by another delivery, or not at all: the next one has to look
        self.put(request, Envelope(id=record.id, version=version, attempts=waiting.attempts), after=after)
        return Status.QUEUED

    def _doubt(self, record: MailRecord, message: QueuedMessage, code: str, text: str) -> Status:
        log.warning("mail_uncertain id=%s code=%s: %s", record.id, code, text)
        self._bury(record, message, Status.UNCERTAIN, code, text)
        return self._record(record, Status.UNCERTAIN, code, text)

    def _fail(self, record: MailRecord, message: QueuedMessage, code: str, text: str) -> Status:
        kept = self.ledger.read(record.id) if record.claim is None else None
        if kept and kept.status.final:
            return kept.status
        log.warning("mail_failed id=%s code=%s: %s", record.id, code, text)
        self._bury(record, message, Status.FAILED, code, text)
        return self._record(record, Status.FAILED, code, text)

    def _record(self, record: MailRecord, status: Status, code: str = "", text: str = "") -> Status:
        """Write how the attempt ended. Only a mail known to be sent overrules what another delivery has written."""
        try:
            return self.ledger.write(record.settled(status, now=self.clock(), code=code, message=text)).status
        except Conflict:
            kept = self.ledger.read(record.id) or replace(record, version=None)
        if kept.version and kept.status is not Status.QUEUED and status is not Status.SENT:
            return kept.status
        return self.ledger.write(kept.settled(status, now=self.clock(), code=code, message=text)).status

    def _bury(self, record: MailRecord, message: QueuedMessage, status: Status, code: str, text: str) -> None:
        """Keep the mail on the poison queue, with the reason beside it."""
        self.bury(grave(message.body, {"id": record.id, "status": status, "code": code, "message": text[:500]}))


def _anew(request: MailRequest, record: MailRecord) -> MailRecord:
    """The whole record of a mail that may not have been written yet."""
    return replace(MailRecord.of(request, mail=record.id, now=record.accepted_at), attempts=record.attempts)


def _backoff(attempts: int) -> timedelta:
    """Exponential, with full jitter, so that mails which failed together do not come back together."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts, 10))
    return longest * random.uniform(0.1, 1)  # noqa: S311 - no secret


def id_of(message: QueuedMessage) -> str:
    """The id of a mail straight from a producer: made of the message, so that a redelivery has the same."""
    inserted_at = message.inserted_at or datetime.fromtimestamp(0, UTC)
    seed = f"{message.id} {inserted_at.timestamp():.0f} ".encode() + message.body
    return mail_id(inserted_at, hashlib.sha256(seed).digest())
