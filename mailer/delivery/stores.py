"""Where a mail is kept: its record, its request, and what makes it come back. Each call may raise TryLater."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from mailer.delivery.envelope import Envelope
from mailer.delivery.record import KeyOwner, MailRecord
from mailer.gather import Company


class Ledger(Protocol):
    """Where records are kept. Every write is conditional; there is no other lock. Each call may raise TryLater."""

    def write(self, record: MailRecord) -> MailRecord:
        """Insert the record (no version) or change it (as it was at its version); raises Conflict."""

    def postpone(self, record: MailRecord, *, within: timedelta) -> MailRecord:
        """Write the record of a mail that goes on waiting: not at once, so that others' go together with it."""

    def read(self, mail_id: str) -> MailRecord | None:
        """The record, or None."""

    def withdraw(self, record: MailRecord) -> None:
        """Take back a record, if it is as it was at its version; raises Conflict."""

    def own_key(self, key: str, owner: KeyOwner, *, now: datetime) -> KeyOwner:
        """Give the key to this mail unless it belongs to another one; returns whose it is."""


class Requests(Protocol):
    """The requests that lie outside of a message, by the id of their mail."""

    def put(self, mail: str, content: bytes, /) -> None: ...
    def get(self, mail: str, /) -> bytes | None: ...
    def delete(self, mail: str, /) -> None: ...


class Outbox(Protocol):
    """The messages of mails, on the queue or waiting for their hour."""

    def put(self, envelope: Envelope, content: bytes | None, *, due: datetime) -> None:
        """See that this message is delivered when it is due; without content, that lies in a blob."""

    def move(self, envelope: Envelope, *, old: datetime, due: datetime) -> None:
        """Put the message that waits for the old hour, with its content, anew for this one, if it still waits."""

    def take_back(self, mail: str, due: datetime, *, kept: datetime | None = None) -> None:
        """Forget the message that waits for this hour, if it still does and is not the one that is kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stores:
    """The three together, and the threads that write to them."""

    ledger: Ledger
    requests: Requests
    outbox: Outbox
    company: Company = field(default_factory=Company)
