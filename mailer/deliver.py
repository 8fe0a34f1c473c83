"""A queued mail to its status: render, claim, send, record.

All that can fail without Graph comes before the claim, so that a crash there leaves nothing to doubt. A mail that has
to wait goes back as a new message with a delay: a function never sleeps.
"""

import contextlib
import hashlib
import json
import logging
import random
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from mailer.accept import Put, check_limits
from mailer.errors import (
    CannotLook,
    GiveUp,
    InvalidRequest,
    KeyReused,
    Misconfigured,
    Problem,
    Throttled,
    TryLater,
    Uncertain,
)
from mailer.lifecycle import Conflict, KeyOwner, Ledger, MailRecord, OnUncertain, Status
from mailer.mail import Content, Envelope, MailRequest, RenderedMail
from mailer.mail_id import mail_id
from mailer.message import ENVELOPE, fits, grave, read_message, write_request
from mailer.parse import Rules, read_object, read_request

log = logging.getLogger("mailer.deliver")

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)
MENDING_WAIT = timedelta(minutes=15)  # how often to look whether somebody has mended the configuration
AFTER_LEASE = timedelta(seconds=5)
LOOKS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))  # a copy reaches Sent Items with a lag


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedMessage:
    """One message as the trigger hands it over. A producer's own `id` member overwrites the queue's id of it."""

    body: bytes
    id: str
    inserted_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """One mail in delivery: what to send, its record as far as it is known, and what its message said of it."""

    rendered: RenderedMail
    record: MailRecord
    envelope: Envelope

    def at(self, record: MailRecord) -> "Mail":
        """The mail with its record as it is now."""
        return replace(self, record=record)

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def request(self) -> MailRequest:
        return self.rendered.request

    @property
    def mailbox(self) -> str:
        return self.rendered.sender.address.casefold()

    @property
    def since(self) -> datetime:
        """From when the mail's age counts."""
        return datetime.fromtimestamp(self.envelope.since, UTC) if self.envelope.since else self.record.accepted_at


class Stray(Exception):
    """A message that names a mail which is not there, or another one than it holds."""

    def __init__(self, mail: str) -> None:
        super().__init__(
            f"The message names the mail {mail}, and the records have none like it: its acceptance was taken back, "
            f"its record is past its retention, or a producer made `{ENVELOPE}` up."
        )


class NotOurs(Exception):
    """Another delivery has this mail, or had it, or its time has not come."""

    def __init__(self, record: MailRecord) -> None:
        self.record = record
        super().__init__(record.id)


class Requests(Protocol):
    """The requests that lie in blobs. Each call may raise TryLater."""

    def put(self, mail: str, body: bytes) -> None: ...
    def get(self, mail: str) -> bytes | None: ...
    def delete(self, mail: str) -> None: ...


class Throttle(Protocol):
    """Places for requests to a mailbox, and pauses."""

    def place(self, mailbox: str) -> AbstractContextManager[None]: ...
    def pause(self, mailbox: str, after: timedelta | None) -> None: ...


class Alarms(Protocol):
    """Tells people, once for each cause, what only they can mend."""

    def sound(self, mailbox: str, code: str, text: str) -> None: ...
    def over(self, mailbox: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The step from a queued message to a status, with the parts it uses."""

    rules: Rules
    ledger: Ledger
    requests: Requests
    render: Callable[[MailRequest], Content]
    authorize: Callable[[], str]
    send: Callable[[RenderedMail, str], object]
    is_sent: Callable[[RenderedMail, str], bool]
    throttle: Throttle
    alarms: Alarms
    put: Put
    bury: Callable[[str], str]
    on_uncertain: Callable[[MailRequest], OnUncertain]
    clock: Callable[[], datetime]
    max_age: timedelta

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
            rendered = RenderedMail(id=record.id, request=request, content=self.render(request))
        except (InvalidRequest, KeyReused) as refused:
            return self._fail(record, members, message.body, refused.code, str(refused))
        except NotOurs as over:
            return over.record.status
        mail = Mail(rendered=rendered, record=record, envelope=envelope)
        try:
            if record.status is Status.SCHEDULED:
                return self._schedule(mail)
            return self._look(mail) if envelope.check else self._attempt(mail)
        except Stray as stray:
            return self._fail(own, members, message.body, "record_missing", str(stray))

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
        record = mail.record
        try:
            with self.throttle.place(mail.mailbox):
                token = self.authorize()
                record = self._claim(record, mail.request)
                self.send(mail.rendered, token)
        except NotOurs as other:
            return self._stand_back(mail.at(other.record))
        except Throttled as later:
            self.throttle.pause(mail.mailbox, later.after)
            return self._wait(mail.at(record), later)
        except TryLater as later:
            return self._wait(mail.at(record), later)
        except Uncertain as doubt:
            return self._doubt(mail.at(record), doubt)
        except GiveUp as refused:
            return self._fail(record, mail.request.as_json(), b"", refused.code, str(refused))
        return self._sent(mail.at(record))

    def _schedule(self, mail: Mail) -> Status:
        """A producer's mail for another day: record it, and let it wait as one that came by HTTP does."""
        self.requests.put(mail.id, write_request(mail.request))
        try:
            record = self.ledger.write(mail.record)
        except Conflict:
            record = replace(mail.record, version=None)
        due = round((mail.record.due_at or self.clock()).timestamp())
        envelope = Envelope(id=mail.id, version=record.version, stored=True, not_before=due, since=due)
        self.put(None, envelope, after=max(timedelta(), (mail.record.due_at or self.clock()) - self.clock()))
        return Status.SCHEDULED

    def _claim(self, record: MailRecord, request: MailRequest) -> MailRecord:
        """The one conditional write that lets one worker go on. Raises Stray, NotOurs, TryLater."""
        claim = uuid.uuid4().hex
        try:
            return self.ledger.write(record.claimed(claim=claim, now=self.clock()))
        except Conflict:
            kept = self.ledger.read(record.id)
        if kept is None or kept.digest != request.digest():
            raise Stray(record.id)
        if not kept.status.waiting or (kept.due_at and kept.due_at > self.clock()):
            raise NotOurs(kept)
        try:
            return self.ledger.write(kept.claimed(claim=claim, now=self.clock()))
        except Conflict:
            raise NotOurs(kept) from None

    def _stand_back(self, mail: Mail) -> Status:
        """What is left to do for a mail that is not ours now: nothing, look again later, or admit the doubt."""
        now, kept = self.clock(), mail.record
        if kept.status.final:
            log.info("mail_done_before id=%s status=%s", kept.id, kept.status)
            return kept.status
        left = AFTER_LEASE
        if kept.status is Status.SENDING and kept.leased_until:
            if kept.leased_until <= now:
                text = "The worker that was sending this mail never came back, so nobody knows whether it was sent."
                return self._doubt(mail, Uncertain(text, code="lease_expired"))
            left += kept.leased_until - now
        elif kept.due_at and kept.due_at > now:
            left = kept.due_at - now
        # Without a version, so that the record is looked at again: a claim at this one would overrule the other's.
        self._put_back(mail, Envelope(id=kept.id, since=mail.envelope.since), after=left)
        return kept.status

    def _wait(self, mail: Mail, later: TryLater) -> Status:
        """Back onto the queue with a delay, unless the mail is too old for it."""
        now, record = self.clock(), mail.record
        if isinstance(later, Misconfigured):
            self.alarms.sound(mail.mailbox, later.code, str(later))
        if now - mail.since > self.max_age:
            text = f"Given up after {self.max_age}: {later}"
            return self._fail(record, mail.request.as_json(), b"", later.code, text)
        if record.status is not Status.SENDING:  # failed before its claim, which would have counted the attempt
            record = replace(record, attempts=record.attempts + 1)
        after = later.after or (MENDING_WAIT if isinstance(later, Misconfigured) else _backoff(record.attempts))
        log.info("mail_waits id=%s code=%s seconds=%.1f", record.id, later.code, after.total_seconds())
        waiting = record.queued(now=now, due_at=now + after, code=later.code, message=str(later))
        try:
            version = self.ledger.write(waiting).version
        except (Conflict, TryLater):
            version = None  # written by another delivery, or not at all: the next one has to look
        envelope = Envelope(id=record.id, version=version, attempts=waiting.attempts, since=mail.envelope.since)
        self._put_back(mail, envelope, after=after)
        return Status.QUEUED

    def _put_back(self, mail: Mail, envelope: Envelope, *, after: timedelta) -> None:
        stored = mail.envelope.stored or not fits(mail.request)
        if stored and not mail.envelope.stored:
            self.requests.put(mail.id, write_request(mail.request))
        self.put(None if stored else mail.request, envelope.model_copy(update={"stored": stored}), after=after)

    def _doubt(self, mail: Mail, doubt: Uncertain) -> Status:
        """Graph may have the mail or not: what to do is the setting's to say, or the template's."""
        log.warning("mail_uncertain id=%s code=%s: %s", mail.id, doubt.code, doubt)
        policy = self.on_uncertain(mail.request)
        if policy is OnUncertain.RESEND:
            return self._again(mail, doubt.code, f"{doubt} It is sent again.", after=_backoff(mail.record.attempts))
        if policy is OnUncertain.VERIFY and mail.request.save_to_sent_items:
            self._put_back(mail, Envelope(id=mail.id, since=mail.envelope.since, check=1), after=LOOKS[0])
            return self._record(mail.record, Status.UNCERTAIN, doubt.code, str(doubt))
        return self._hold(mail, doubt.code, str(doubt))

    def _look(self, mail: Mail) -> Status:
        """Settle a doubt by what lies in Sent Items. Raises Stray."""
        kept = self.ledger.read(mail.id)
        if kept is None or kept.digest != mail.request.digest():
            raise Stray(mail.id)
        mail = mail.at(kept)
        if kept.status is not Status.UNCERTAIN:
            return self._stand_back(mail)
        try:
            found = self.is_sent(mail.rendered, self.authorize())
        except CannotLook as blind:
            return self._hold(mail, kept.error_code, f"{kept.error_message} {blind}")
        except TryLater as later:
            return self._look_later(mail, later.after or LOOKS[0], check=mail.envelope.check)
        if found:
            log.info("mail_found_in_sent_items id=%s", mail.id)
            return self._sent(mail)
        if mail.envelope.check < len(LOOKS):
            return self._look_later(mail, LOOKS[mail.envelope.check], check=mail.envelope.check + 1)
        return self._again(mail, kept.error_code, f"{kept.error_message} It is not in Sent Items and is sent again.")

    def _look_later(self, mail: Mail, after: timedelta, *, check: int) -> Status:
        if self.clock() - mail.since > self.max_age:
            return self._hold(mail, mail.record.error_code, f"{mail.record.error_message} It could not be verified.")
        self._put_back(mail, Envelope(id=mail.id, since=mail.envelope.since, check=check), after=after)
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
        self._put_back(mail, envelope, after=after)
        return Status.QUEUED

    def _hold(self, mail: Mail, code: str, text: str) -> Status:
        buried = self._bury(mail.id, mail.request.as_json(), b"", Status.UNCERTAIN, code, text)
        return self._record(replace(mail.record, grave=buried), Status.UNCERTAIN, code, text)

    def _fail(self, record: MailRecord, members: dict[str, Any] | None, body: bytes, code: str, text: str) -> Status:
        kept = self.ledger.read(record.id) if record.claim is None else None
        if kept and kept.status.final:
            return kept.status
        log.warning("mail_failed id=%s code=%s: %s", record.id, code, text)
        buried = self._bury(record.id, members, body, Status.FAILED, code, text)
        return self._record(replace(record, grave=buried), Status.FAILED, code, text)

    def _bury(
        self, mail: str, members: dict[str, Any] | None, body: bytes, status: Status, code: str, text: str
    ) -> str:
        """Keep the mail on the poison queue with the reason beside it, and its request where a replay finds it."""
        if members is not None:
            body = json.dumps(members, ensure_ascii=False).encode()
            self.requests.put(mail, body)
        return self.bury(grave(body, {"id": mail, "status": status, "code": code, "message": text[:500]}))

    def _sent(self, mail: Mail) -> Status:
        status = self._record(mail.record, Status.SENT)
        log.info("mail_sent id=%s attempt=%d", mail.id, mail.record.attempts)
        self.alarms.over(mail.mailbox)
        if mail.envelope.stored:
            with contextlib.suppress(TryLater):  # the sweep finds what is left
                self.requests.delete(mail.id)
        return status

    def _record(self, record: MailRecord, status: Status, code: str = "", text: str = "") -> Status:
        """Write how the attempt ended. Only a mail known to be sent overrules what another delivery has written."""
        now = self.clock()
        try:
            return self.ledger.write(record.settled(status, now=now, code=code, message=text)).status
        except Conflict:
            kept = self.ledger.read(record.id) or replace(record, version=None)
        if kept.version and not kept.status.waiting and status is not Status.SENT:
            return kept.status
        kept = replace(kept, grave=record.grave)
        return self.ledger.write(kept.settled(status, now=now, code=code, message=text)).status


def _anew(request: MailRequest, record: MailRecord) -> MailRecord:
    """The whole record of a mail that may not have been written yet, and whose day has come."""
    new = MailRecord.of(request, mail=record.id, now=record.accepted_at)
    times = {Status.QUEUED: record.accepted_at}
    return replace(new, status=Status.QUEUED, due_at=None, times=times, attempts=record.attempts)


def _backoff(attempts: int) -> timedelta:
    """Exponential, with full jitter, so that mails which failed together do not come back together."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts, 10))
    return longest * random.uniform(0.1, 1)  # noqa: S311 - no secret


def id_of(message: QueuedMessage) -> str:
    """The id of a mail straight from a producer: made of the message, so that a redelivery has the same."""
    inserted_at = message.inserted_at or datetime.fromtimestamp(0, UTC)
    seed = f"{message.id} {inserted_at.timestamp():.0f} ".encode() + message.body
    return mail_id(inserted_at, hashlib.sha256(seed).digest())
