"""The one conditional write by which a worker takes a waiting mail further: of any number of workers, one succeeds."""

import uuid
from collections.abc import Callable
from datetime import datetime

from mailer.delivery.gate import Passed
from mailer.delivery.message import ENVELOPE
from mailer.delivery.record import Conflict, Ledger, MailRecord, Status
from mailer.delivery.settle import Mail
from mailer.errors import Suppressed


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


def claim(mail: Mail, passed: Passed, *, ledger: Ledger, now: datetime) -> MailRecord:
    """The record of the mail that this worker may send now, and no other. Raises Stray, NotOurs, TryLater."""
    token = uuid.uuid4().hex

    def claimed(record: MailRecord) -> MailRecord:
        return record.claimed(claim=token, now=now, drafting=passed.mail.large, gate=passed.note)

    return _move(mail, claimed, ledger, now)


def suppress(mail: Mail, held: Suppressed, *, ledger: Ledger, now: datetime) -> MailRecord:
    """The record of the mail that the gate held back. Raises Stray, NotOurs, TryLater."""

    def suppressed(record: MailRecord) -> MailRecord:
        return record.settled(Status.SUPPRESSED, now=now, code=held.code, message=str(held))

    return _move(mail, suppressed, ledger, now)


def _move(mail: Mail, move: Callable[[MailRecord], MailRecord], ledger: Ledger, now: datetime) -> MailRecord:
    try:
        return ledger.write(move(mail.record))
    except Conflict:
        kept = ledger.read(mail.id)
    if kept is None or kept.digest != mail.request.digest():
        raise Stray(mail.id)
    if not kept.status.waiting or (kept.due_at and kept.due_at > now):
        raise NotOurs(kept)
    try:
        return ledger.write(move(kept))
    except Conflict:
        raise NotOurs(kept) from None
