"""MailRequest to Receipt: record the mail, then queue it. Whoever gets a receipt can rely on the mail."""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from mailer.errors import KeyReused, TryLater
from mailer.lifecycle import Conflict, KeyOwner, Ledger, MailRecord, Status
from mailer.mail import Envelope, MailRequest, Receipt
from mailer.mail_id import mail_id
from mailer.message import check_size

log = logging.getLogger("mailer.accept")


class Put(Protocol):
    """Puts a mail on the queue; raises TryLater."""

    def __call__(self, request: MailRequest, envelope: Envelope, /) -> None: ...


def accept(request: MailRequest, *, ledger: Ledger, put: Put, clock: Callable[[], datetime]) -> Receipt:
    """Take the mail on. Raises InvalidRequest, KeyReused, and TryLater having left nothing behind."""
    check_size(request)
    now = clock()
    record = MailRecord.of(request, mail=mail_id(now, os.urandom(10)), now=now)
    if request.idempotency_key:
        claimant = KeyOwner(id=record.id, digest=request.digest())
        owner = ledger.own_key(request.idempotency_key, claimant, now=now)
        if owner.digest != claimant.digest:
            raise KeyReused
        record = replace(record, id=owner.id)
    try:
        _accept_new(request, record, ledger=ledger, put=put)
    except Conflict:
        _accept_again(request, record.id, ledger=ledger, put=put)
    return Receipt(id=record.id, status=Status.QUEUED)


def _accept_new(request: MailRequest, record: MailRecord, *, ledger: Ledger, put: Put) -> None:
    try:
        record = ledger.write(record)
        _queue(request, record, put=put)
    except TryLater:
        # With a key, the record may have been promised to a repetition already, and the next one goes on with it.
        if request.idempotency_key is not None or _taken_back(record, ledger):
            raise
    log.info("mail_accepted id=%s recipients=%d", record.id, request.recipients)


def _taken_back(record: MailRecord, ledger: Ledger) -> bool:
    """Whether nothing is left of the mail; it may have been queued although that seemed to fail, and be on its way."""
    try:
        ledger.withdraw(record)
    except Conflict:
        return False
    except TryLater:
        log.warning("record_left_behind id=%s", record.id)
    return True


def _accept_again(request: MailRequest, mail: str, *, ledger: Ledger, put: Put) -> None:
    """The first answer once more, having done what a crash during the first one may have left undone."""
    record = ledger.read(mail)
    if record is None:
        raise TryLater("The same request is being accepted at this moment.", code="accepting")
    if record.status is Status.QUEUED and not record.attempts:
        # Perhaps its message was never written. If it was, there are two now, and one claim.
        _queue(request, record, put=put)


def _queue(request: MailRequest, record: MailRecord, *, put: Put) -> None:
    put(request, Envelope(id=record.id, version=record.version, attempts=record.attempts))
