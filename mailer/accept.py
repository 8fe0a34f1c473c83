"""MailRequest to Receipt: record the mail, then queue it. Whoever gets a receipt can rely on the mail."""

import contextlib
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
        recorded = ledger.write(record)
    except TryLater:
        if not request.idempotency_key:  # with a key, the record may be that of the same request beside this one
            with contextlib.suppress(TryLater):
                ledger.withdraw(record)
        raise
    try:
        _queue(request, recorded, put=put)
    except TryLater:
        with contextlib.suppress(Conflict):  # it was queued after all, and is already on its way
            ledger.withdraw(recorded)
            raise
    log.info("mail_accepted id=%s recipients=%d", recorded.id, request.recipients)


def _accept_again(request: MailRequest, mail: str, *, ledger: Ledger, put: Put) -> None:
    """The first answer once more, having done what a crash during the first one may have left undone."""
    record = ledger.read(mail)
    if record and record.status is Status.QUEUED and not record.attempts:
        # Perhaps its message was never written. If it was, there are two now, and one claim.
        _queue(request, record, put=put)


def _queue(request: MailRequest, record: MailRecord, *, put: Put) -> None:
    put(request, Envelope(id=record.id, version=record.version, attempts=record.attempts))
