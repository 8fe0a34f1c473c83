"""MailRequest to Receipt: record the mail, then put its message. Whoever gets a receipt can rely on the mail."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailer import telemetry
from mailer.delivery.envelope import Envelope
from mailer.delivery.message import fits, write_message, write_request
from mailer.delivery.record import Conflict, KeyOwner, MailRecord, Receipt, Status
from mailer.delivery.stores import Stores
from mailer.errors import InvalidRequest, KeyReused, Problem, TryLater
from mailer.request.mail_id import mail_id
from mailer.request.model import ADVANCE, ONE_CALL, MailRequest

log = logging.getLogger("mailer.accept")


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """The receipt, and the text of the mail's message; none where the mail waits for another day, or is further on."""

    receipt: Receipt
    message: str | None = None


def accept(
    request: MailRequest, *, stores: Stores, clock: Callable[[], datetime], head_start: timedelta = timedelta()
) -> Accepted:
    """Take the mail on; its message comes after `head_start`.

    Raises InvalidRequest, KeyReused, and TryLater having left nothing behind.
    """
    with telemetry.accepting("http"):
        return _accept(request, stores, clock(), head_start)


def _accept(request: MailRequest, stores: Stores, now: datetime, head_start: timedelta) -> Accepted:
    check_limits(request, now)
    record = MailRecord.of(request, mail=mail_id(now, os.urandom(10)), now=now)
    if request.idempotency_key and record.digest:
        claimant = KeyOwner(id=record.id, digest=record.digest)
        owner = stores.ledger.own_key(request.idempotency_key, claimant, now=now)
        if owner.digest != claimant.digest:
            raise KeyReused
        record = replace(record, id=owner.id)
    step = _Acceptance(request, write_request(request), stores, now + head_start)
    try:
        return step.take(record)
    except Conflict:
        return step.take_again(record.id)


def check_limits(request: MailRequest, now: datetime) -> None:
    """Raises InvalidRequest for a request that is too large, or scheduled too far ahead."""
    size = len(write_request(request.model_copy(update={"attachments": ()})))
    if size > ONE_CALL:
        message = f"The request has {size} bytes beside its attachments; Graph takes {ONE_CALL}. Shorten the content."
        raise InvalidRequest([Problem(code="request_too_large", message=message)])
    if request.scheduled_at and request.scheduled_at > now + ADVANCE:
        message = f"`scheduled_at` may be {ADVANCE.days} days ahead at most."
        raise InvalidRequest([Problem(code="validation_error", message=message, target="scheduled_at")])


@dataclass(frozen=True, slots=True)
class _Acceptance:
    request: MailRequest
    content: bytes
    stores: Stores
    due: datetime

    def take(self, record: MailRecord) -> Accepted:
        """Raises Conflict if the record is there already, TryLater."""
        stored = self._is_stored(record)
        if stored:
            self.stores.requests.put(record.id, self.content)
        message = None
        try:
            record = self.stores.ledger.write(record)
            message = self._put(record)
        except TryLater:
            # With a key, the record may have been promised to a repetition already, and the next one goes on with it.
            if self.request.idempotency_key is not None or self._taken_back(record, stored=stored):
                raise
        telemetry.count_accepted("http")
        log.info("mail_accepted id=%s status=%s recipients=%d", record.id, record.status, record.recipients or 0)
        return Accepted(receipt=Receipt(id=record.id, status=record.status), message=message)

    def take_again(self, mail: str) -> Accepted:
        """The first answer once more, having done what a crash during the first one may have left undone."""
        record = self.stores.ledger.read(mail)
        if record is None:
            raise TryLater("The same request is being accepted at this moment.", code="accepting")
        if record.status.waiting and not record.attempts:
            # Perhaps its message was never written. If it was, there are two now, and one claim.
            self._put(record)
        first = Status.SCHEDULED if Status.SCHEDULED in record.times else Status.QUEUED
        return Accepted(receipt=Receipt(id=record.id, status=first))

    def _is_stored(self, record: MailRecord) -> bool:
        """Whether a blob holds the request: one too large for a message, or one whose message may be replaced."""
        return record.due_at is not None or not fits(self.content)

    def _put(self, record: MailRecord) -> str | None:
        stored = self._is_stored(record)
        envelope, content = (
            Envelope.of(record, stored=stored, trace=telemetry.traceparent()),
            None if stored else self.content,
        )
        self.stores.outbox.put(envelope, content, due=record.due_at or self.due)
        return None if record.due_at else write_message(content or b"{}", envelope)

    def _taken_back(self, record: MailRecord, *, stored: bool) -> bool:
        """Whether nothing is left of the mail; it may have been queued although that seemed to fail."""
        try:
            self.stores.ledger.withdraw(record)
            if stored:
                self.stores.requests.delete(record.id)
        except Conflict:
            return False
        except TryLater:
            log.warning("record_left_behind id=%s", record.id)
        return True
