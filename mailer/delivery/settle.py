"""How an attempt ends: in the record, and on the queue again, or on the poison queue with the reason beside it.

What is kept on the poison queue comes before the record, so that a crash between them loses nothing.
"""

import contextlib
import json
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from mailer.delivery.accept import Put
from mailer.delivery.message import fits, grave, write_request
from mailer.delivery.record import Conflict, Ledger, MailRecord, Status
from mailer.errors import TryLater
from mailer.request.model import Envelope, MailRequest

log = logging.getLogger("mailer.settle")

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """One mail in delivery: what was asked for, its record as far as it is known, and what its message said of it."""

    request: MailRequest
    record: MailRecord
    envelope: Envelope

    def at(self, record: MailRecord) -> "Mail":
        """The mail with its record as it is now."""
        return replace(self, record=record)

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def mailbox(self) -> str:
        return self.request.mailbox.address.lower()

    @property
    def since(self) -> datetime:
        """From when the mail's age counts."""
        return datetime.fromtimestamp(self.envelope.since, UTC) if self.envelope.since else self.record.accepted_at


class Requests(Protocol):
    """The requests that lie in blobs. Each call may raise TryLater."""

    def put(self, mail: str, body: bytes) -> None: ...
    def get(self, mail: str) -> bytes | None: ...
    def delete(self, mail: str) -> None: ...


class Alarms(Protocol):
    """Tells people, once for each cause, what only they can mend."""

    def sound(self, mailbox: str, code: str, text: str) -> None: ...
    def over(self, mailbox: str) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Settlement:
    """The ends of an attempt, with the parts they use. Each raises TryLater if storage does not answer."""

    ledger: Ledger
    requests: Requests
    alarms: Alarms
    put: Put
    bury: Callable[[str], str]
    clock: Callable[[], datetime]

    def put_back(self, mail: Mail, envelope: Envelope, *, after: timedelta) -> None:
        """Back onto the queue with a delay; a request that no message can hold goes into a blob."""
        stored = mail.envelope.stored or not fits(mail.request)
        if stored and not mail.envelope.stored:
            self.requests.put(mail.id, write_request(mail.request))
        self.put(None if stored else mail.request, envelope.model_copy(update={"stored": stored}), after=after)

    def hold(self, mail: Mail, code: str, text: str) -> Status:
        """In doubt, and kept for a person."""
        buried = self._bury(mail.id, mail.request.as_json(), b"", Status.UNCERTAIN, code, text)
        return self.record(replace(mail.record, grave=buried), Status.UNCERTAIN, code, text)

    def fail(self, record: MailRecord, members: dict[str, Any] | None, body: bytes, code: str, text: str) -> Status:
        """Not sent, and kept for a person; the body of a message counts only where it holds no request's members."""
        kept = self.ledger.read(record.id) if record.claim is None else None
        if kept and not kept.status.waiting:
            return kept.status
        log.warning("mail_failed id=%s code=%s: %s", record.id, code, text)
        buried = self._bury(record.id, members, body, Status.FAILED, code, text)
        return self.record(replace(record, grave=buried), Status.FAILED, code, text)

    def _bury(
        self, mail: str, members: dict[str, Any] | None, body: bytes, status: Status, code: str, text: str
    ) -> str:
        """Keep the mail on the poison queue with the reason beside it, and its request where a replay finds it."""
        if members is not None:
            body = json.dumps(members, ensure_ascii=False).encode()
            self.requests.put(mail, body)
        return self.bury(grave(body, {"id": mail, "status": status, "code": code, "message": text[:500]}))

    def sent(self, mail: Mail) -> Status:
        """Sent, and nothing is left to keep."""
        status = self.record(mail.record, Status.SENT)
        log.info("mail_sent id=%s attempt=%d", mail.id, mail.record.attempts)
        self.alarms.over(mail.mailbox)
        self.forget(mail)
        return status

    def forget(self, mail: Mail) -> None:
        """Delete the request of a mail that is done with."""
        if mail.envelope.stored:
            with contextlib.suppress(TryLater):  # the sweep finds what is left
                self.requests.delete(mail.id)

    def record(self, record: MailRecord, status: Status, code: str = "", text: str = "") -> Status:
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


def backoff(attempts: int) -> timedelta:
    """Exponential, with full jitter, so that mails which failed together do not come back together."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts, 10))
    return longest * random.uniform(0.1, 1)  # noqa: S311 - no secret
