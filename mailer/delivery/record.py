"""The life of a mail: its statuses, its record, the lease of whoever is sending it, and how a Ledger keeps it.

    scheduled -> queued -> sending -> sent
                                   -> failed, uncertain, and from both back to queued by a replay
    scheduled, queued -> canceled
    queued -> suppressed

A claim is the one conditional write that moves a record to `sending`: of any number of workers one succeeds. The
claim holds for LEASE. When a lease has run out on a mail still `sending`, nobody knows whether Graph was asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, Self

from mailer.request.mail_id import instant_of
from mailer.request.model import MailRequest

LEASE = timedelta(minutes=5)  # far above the longest call to Graph, under the host's 10 minutes of invisibility
LOST_AFTER = timedelta(days=9)  # longer than any delay of a message, and than the queue keeps one by default
LONGEST_MESSAGE = 2000  # characters of an error that a record keeps


class Status(StrEnum):
    """Where a mail is."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELED = "canceled"
    SUPPRESSED = "suppressed"
    UNCERTAIN = "uncertain"

    @property
    def final(self) -> bool:
        """Nothing more happens to the mail by itself."""
        return self not in {Status.SCHEDULED, Status.QUEUED, Status.SENDING}

    @property
    def waiting(self) -> bool:
        """Nobody has begun to send the mail."""
        return self in {Status.SCHEDULED, Status.QUEUED}


@dataclass(frozen=True, kw_only=True, slots=True)
class MailRecord:
    """What is kept of a mail: never its content, never an address.

    `version` is the ledger's mark of the state that this value was read or written in; None before the first write.
    What is None is not known here, and a write leaves it as it was. `due_at` is when a waiting mail may be claimed;
    `drafting` says that the holder of the claim has not come to where the mail may leave. `resent` is how often it was
    sent again in doubt, `gate` what the gate did to it, `grave` where it lies on the poison queue.
    """

    id: str
    version: str | None = None
    status: Status = Status.QUEUED
    digest: str | None = None
    template: str | None = None
    recipients: int | None = None
    tags: Mapping[str, str] | None = None
    attempts: int = 0
    claim: str | None = None
    leased_until: datetime | None = None
    drafting: bool | None = None
    due_at: datetime | None = None
    gate: str | None = None
    resent: int | None = None
    grave: str | None = None
    error_code: str = ""
    error_message: str = ""
    times: Mapping[Status, datetime] = field(default_factory=dict)

    @classmethod
    def of(cls, request: MailRequest, *, mail: str, now: datetime) -> Self:
        """The record of a mail that was just accepted."""
        due_at = request.scheduled_at if request.scheduled_at and request.scheduled_at > now else None
        status = Status.SCHEDULED if due_at else Status.QUEUED
        return cls(
            id=mail,
            status=status,
            due_at=due_at,
            digest=request.digest(),
            template=request.template.id if request.template else None,
            recipients=request.recipients,
            tags=request.tags,
            times={status: now},
        )

    @property
    def accepted_at(self) -> datetime:
        """The instant that the id carries."""
        return instant_of(self.id)

    def claimed(self, *, claim: str, now: datetime, drafting: bool = False, gate: str = "") -> Self:
        """The record while the holder of `claim` sends the mail."""
        return replace(
            self._moved(Status.SENDING, now),
            claim=claim,
            leased_until=now + LEASE,
            attempts=self.attempts + 1,
            drafting=drafting,
            gate=gate,
        )

    def queued(self, *, now: datetime, due_at: datetime, code: str = "", message: str = "") -> Self:
        """The record while the mail waits for its next attempt, which is due at this instant."""
        return replace(self.settled(Status.QUEUED, now=now, code=code, message=message), due_at=due_at)

    def settled(self, status: Status, *, now: datetime, code: str = "", message: str = "") -> Self:
        """The record after an attempt; `code` and `message` say what went wrong, if anything did."""
        return replace(self._moved(status, now), error_code=code, error_message=message[:LONGEST_MESSAGE])

    def _moved(self, status: Status, now: datetime) -> Self:
        return replace(self, status=status, times={**self.times, status: now})


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What a caller gets for an accepted mail."""

    id: str
    status: Status


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyOwner:
    """The mail that an idempotency key belongs to."""

    id: str
    digest: str


class Conflict(Exception):
    """The record is not in the state that the write was made for: somebody else has written it."""


class Ledger(Protocol):
    """Where records are kept. Every write is conditional; there is no other lock."""

    def write(self, record: MailRecord) -> MailRecord:
        """Insert the record (no version) or change it (as it was at its version); raises Conflict, TryLater."""

    def read(self, mail_id: str) -> MailRecord | None:
        """The record, or None."""

    def withdraw(self, record: MailRecord) -> None:
        """Take back a record, if it is as it was at its version; raises Conflict, TryLater."""

    def own_key(self, key: str, owner: KeyOwner, *, now: datetime) -> KeyOwner:
        """Give the key to this mail unless it belongs to another one; returns whose it is."""
