"""MailRequest to Receipt: record the mail, then queue it. Whoever gets a receipt can rely on the mail."""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from mailer.delivery.message import fits, write_request
from mailer.delivery.record import Conflict, KeyOwner, Ledger, MailRecord, Receipt
from mailer.errors import InvalidRequest, KeyReused, Problem, TryLater
from mailer.request.mail_id import mail_id
from mailer.request.model import ADVANCE, ONE_CALL, Envelope, MailRequest

log = logging.getLogger("mailer.accept")


class Put(Protocol):
    """Puts a mail on the queue; raises TryLater."""

    def __call__(self, request: MailRequest | None, envelope: Envelope, *, after: timedelta) -> None: ...


class Store(Protocol):
    """Keeps a request outside of its message; raises TryLater."""

    def __call__(self, mail: str, body: bytes, /) -> None: ...


def accept(request: MailRequest, *, ledger: Ledger, put: Put, store: Store, clock: Callable[[], datetime]) -> Receipt:
    """Take the mail on. Raises InvalidRequest, KeyReused, and TryLater having left nothing behind."""
    now = clock()
    check_limits(request, now)
    record = MailRecord.of(request, mail=mail_id(now, os.urandom(10)), now=now)
    if request.idempotency_key:
        claimant = KeyOwner(id=record.id, digest=request.digest())
        owner = ledger.own_key(request.idempotency_key, claimant, now=now)
        if owner.digest != claimant.digest:
            raise KeyReused
        record = replace(record, id=owner.id)
    try:
        _accept_new(request, record, ledger=ledger, put=put, store=store)
    except Conflict:
        _accept_again(request, record.id, ledger=ledger, put=put, now=now)
    return Receipt(id=record.id, status=record.status)


def check_limits(request: MailRequest, now: datetime) -> None:
    """Raises InvalidRequest for a request that is too large, or scheduled too far ahead."""
    size = len(write_request(request.model_copy(update={"attachments": ()})))
    if size > ONE_CALL:
        message = f"The request has {size} bytes beside its attachments; Graph takes {ONE_CALL}. Shorten the content."
        raise InvalidRequest([Problem(code="request_too_large", message=message)])
    if request.scheduled_at and request.scheduled_at > now + ADVANCE:
        message = f"`scheduled_at` may be {ADVANCE.days} days ahead at most."
        raise InvalidRequest([Problem(code="validation_error", message=message, target="scheduled_at")])


def is_stored(request: MailRequest, record: MailRecord) -> bool:
    """Whether a blob holds the request: one too large for a message, or one whose message may have to be replaced."""
    return record.due_at is not None or not fits(request)


def _accept_new(request: MailRequest, record: MailRecord, *, ledger: Ledger, put: Put, store: Store) -> None:
    if is_stored(request, record):
        store(record.id, write_request(request))
    try:
        record = ledger.write(record)
        _queue(request, record, put=put, now=record.accepted_at)
    except TryLater:
        # With a key, the record may have been promised to a repetition already, and the next one goes on with it.
        if request.idempotency_key is not None or _taken_back(record, ledger):
            raise
    log.info("mail_accepted id=%s status=%s recipients=%d", record.id, record.status, request.recipients)


def _taken_back(record: MailRecord, ledger: Ledger) -> bool:
    """Whether nothing is left of the mail; it may have been queued although that seemed to fail, and be on its way."""
    try:
        ledger.withdraw(record)
    except Conflict:
        return False
    except TryLater:
        log.warning("record_left_behind id=%s", record.id)
    return True


def _accept_again(request: MailRequest, mail: str, *, ledger: Ledger, put: Put, now: datetime) -> None:
    """The first answer once more, having done what a crash during the first one may have left undone."""
    record = ledger.read(mail)
    if record is None:
        raise TryLater("The same request is being accepted at this moment.", code="accepting")
    if record.status.waiting and not record.attempts:
        # Perhaps its message was never written. If it was, there are two now, and one claim.
        _queue(request, record, put=put, now=now)


def _queue(request: MailRequest, record: MailRecord, *, put: Put, now: datetime) -> None:
    stored = is_stored(request, record)
    envelope = Envelope(id=record.id, version=record.version, attempts=record.attempts, stored=stored)
    wait = timedelta()
    if record.due_at:
        due = round(record.due_at.timestamp())
        envelope, wait = envelope.model_copy(update={"not_before": due, "since": due}), record.due_at - now
    put(None if stored else request, envelope, after=max(wait, timedelta()))
