"""One mail in delivery: what was asked for, its record, and whether the two belong together."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from mailer.delivery.event import Event
from mailer.delivery.message import ENVELOPE
from mailer.delivery.record import MailRecord
from mailer.errors import MailerError
from mailer.request.mail_id import instant_of, mail_id
from mailer.request.model import MailRequest


class RecordMismatch(MailerError):
    """A message that names a mail which is not there, or another one than it holds."""

    code = "record_mismatch"

    def __init__(self, mail: str) -> None:
        super().__init__(
            f"The message names the mail {mail}, and the records have none like it: its acceptance was taken back, "
            f"or a producer made the member `{ENVELOPE}` up, which is kept for mailer's own messages."
        )


class AlreadyClaimed(Exception):
    """Another worker has taken the mail over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedMessage:
    """One message as the trigger hands it over. A producer's own `id` member overwrites the queue's id of it."""

    body: bytes
    id: str
    inserted_at: datetime | None

    @property
    def proof(self) -> str:
        """What only those know who have seen this very message."""
        return hashlib.sha256(f"{self.id} {self._inserted_at.timestamp():.0f} ".encode() + self.body).hexdigest()[:32]

    @property
    def mail_id(self) -> str:
        """The id of a mail straight from a producer: made of the message, so that a redelivery has the same."""
        return _made_of(self.proof, self._inserted_at)

    @property
    def _inserted_at(self) -> datetime:
        return self.inserted_at or datetime.fromtimestamp(0, UTC)


def is_made_of(mail: str, proof: str | None) -> bool:
    """Whether the mail's id was made of the message that has this proof, so that nobody else can have a say in it."""
    return proof is not None and _made_of(proof, instant_of(mail)) == mail


def _made_of(proof: str, at: datetime) -> str:
    return mail_id(at, hashlib.sha256(proof.encode()).digest())


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """`stored`: its content lies in a blob. `proven`: the message is the record's, which may be written.

    `refused`: why it cannot be sent as the settings are now, which says nothing of one that is with Graph, or was.
    """

    record: MailRecord
    content: bytes = field(repr=False)
    request: MailRequest | None = None
    refused: Event | None = None
    stored: bool = False
    proven: bool = False

    def at(self, record: MailRecord) -> "Mail":
        """The mail with its record as it is now."""
        return replace(self, record=record, proven=True)

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def asked(self) -> MailRequest:
        """The request, which has been read: only such a mail is sent or looked up."""
        if self.request is None:
            message = "a mail without a request is refused before"
            raise AssertionError(message)
        return self.request.sent_by(self.record.sender)

    @property
    def mailbox(self) -> str:
        """Whose turn it is: the sender's address, or nobody's where the request cannot be read."""
        return self.record.sender or (self.request.mailbox.address.lower() if self.request else "")
