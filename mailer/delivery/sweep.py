"""What crashes leave behind, and what is past its time: run by a timer."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from mailer.delivery.record import Conflict, MailRecord, Status

log = logging.getLogger("mailer.sweep")

ORPHANED_AFTER = timedelta(days=1)

_NEVER_BACK = "The worker that was sending this mail never came back, so nobody knows whether it was sent."
_NEVER_LEFT = "The worker that was uploading this mail's attachments never came back. Nothing was sent; send it again."
_NO_MESSAGE = (
    "The mail has no message on the queue: a worker stopped while it accepted the mail, and nobody got a receipt."
)


class Ledger(Protocol):
    """The records, as clean-up sees them. Each call may raise TryLater."""

    def stuck(self, *, now: datetime) -> Iterator[MailRecord]: ...
    def write(self, record: MailRecord) -> MailRecord: ...
    def read(self, mail_id: str) -> MailRecord | None: ...
    def forget(self, *, before: datetime, now: datetime) -> int: ...


class Requests(Protocol):
    """The requests that lie in blobs. Each call may raise TryLater."""

    def before(self, instant: datetime) -> Iterator[str]: ...
    def delete(self, mail: str) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Swept:
    """How much a sweep has found."""

    settled: int
    requests: int
    rows: int


def sweep(*, ledger: Ledger, requests: Requests, retention: timedelta, now: datetime) -> Swept:
    """Settle records that nobody will move, delete blobs that nobody needs, forget what is past its retention."""
    settled = sum(_settle(record, ledger, now) for record in ledger.stuck(now=now))
    rows = ledger.forget(before=now - retention, now=now)
    needless = [mail for mail in requests.before(now - ORPHANED_AFTER) if _is_needless(ledger.read(mail))]
    for mail in needless:
        requests.delete(mail)
    swept = Swept(settled=settled, requests=len(needless), rows=rows)
    log.info("swept settled=%d requests=%d rows=%d", swept.settled, swept.requests, swept.rows)
    return swept


def _settle(record: MailRecord, ledger: Ledger, now: datetime) -> bool:
    if record.status is Status.SENDING and record.drafting:
        settled = record.settled(Status.FAILED, now=now, code="upload_interrupted", message=_NEVER_LEFT)
    elif record.status is Status.SENDING:
        settled = record.settled(Status.UNCERTAIN, now=now, code="lease_expired", message=_NEVER_BACK)
    else:
        settled = record.settled(Status.FAILED, now=now, code="message_missing", message=_NO_MESSAGE)
    try:
        ledger.write(settled)
    except Conflict:
        return False  # somebody has moved it after all
    log.warning("mail_settled id=%s status=%s code=%s", record.id, settled.status, settled.error_code)
    return True


def _is_needless(record: MailRecord | None) -> bool:
    """A replay needs the request of a mail that failed or is uncertain, and a delivery that of one that waits."""
    return record is None or record.status in {Status.SENT, Status.CANCELED, Status.SUPPRESSED}
