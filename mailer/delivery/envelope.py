"""What mailer writes beside a request on the queue: whose record it belongs to, and that record's state then. No I/O.

Anybody may put a message with an envelope there. The record's version, known to who has written it, lets a mail be
claimed without a look at the record; without it the record's `proof` has to be the same, or else the content's digest.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field

from mailer.delivery.event import Event, What
from mailer.delivery.record import MailRecord
from mailer.request.mail_id import is_mail_id
from mailer.request.members import Priority
from mailer.request.value import Value

# What a later version has added is left alone, so that a step back to this one burns no mail that waits.
_OF_ANY_VERSION = ConfigDict(extra="ignore")
_EPOCH = datetime.fromtimestamp(0, UTC)
Seconds = Annotated[int, Field(ge=0, le=253_402_300_799)]  # of the epoch, up to the year 9999
Milliseconds = Annotated[int, Field(ge=0, le=253_402_300_799_000)]


def _known_id(text: str) -> str:
    if not is_mail_id(text):
        message = "is no id of a mail"
        raise ValueError(message)
    return text


class Outcome(Value):
    """How an attempt ended, which the ledger did not take: for the holder of this claim, and for nobody else."""

    model_config = _OF_ANY_VERSION

    claim: Annotated[str, Field(min_length=32, max_length=32)]
    what: Annotated[What, Field(strict=False)]
    code: Annotated[str, Field(max_length=64)] = ""
    text: Annotated[str, Field(max_length=300)] = ""
    after: Annotated[float, Field(ge=0, le=86_400)] | None = None  # seconds
    request_id: Annotated[str, Field(max_length=64)] = ""

    @classmethod
    def of(cls, event: Event, claim: str) -> Self:
        """The outcome in the form that travels."""
        after = event.after.total_seconds() if event.after is not None else None
        code, text, request_id = event.code[:64], event.text[:300], event.request_id[:64]
        return cls(claim=claim, what=event.what, code=code, text=text, after=after, request_id=request_id)

    @property
    def event(self) -> Event:
        after = None if self.after is None else timedelta(seconds=self.after)
        return Event(what=self.what, code=self.code, text=self.text, after=after, request_id=self.request_id)


class Envelope(Value):
    """Whose message this is. `stored`: the request is in a blob. `new`: a producer's mail without a record yet.

    `caller`, `sender`, `priority`, `slot` and `ticket` are the record's, and `due` if it had to wait for its turn.
    `trace` is the traceparent of the span that wrote it.
    """

    model_config = _OF_ANY_VERSION

    id: Annotated[str, AfterValidator(_known_id)]
    version: Annotated[str, Field(pattern=r"^W/\"datetime'[0-9A-Za-z:%.-]+'\"$")] | None = None
    proof: Annotated[str, Field(max_length=32)] | None = None
    attempts: Annotated[int, Field(ge=0, le=100_000)] = 0
    resent: Annotated[int, Field(ge=0, le=100_000)] = 0
    since: Seconds | None = None
    caller: Annotated[str, Field(max_length=32)] | None = None
    sender: Annotated[str, Field(max_length=320)] | None = None
    priority: Annotated[Priority, Field(strict=False)] | None = None
    slot: Milliseconds | None = None
    ticket: Annotated[str, Field(max_length=16)] = ""
    due: Milliseconds | None = None
    stored: bool = False
    new: bool = False
    outcome: Outcome | None = None
    trace: Annotated[str, Field(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")] | None = None

    @classmethod
    def of(cls, record: MailRecord, *, stored: bool, trace: str | None = None) -> Self:
        """The envelope of a mail in this state; only one that waits may be claimed at its version."""
        if not record.status.waiting:
            return cls(id=record.id, proof=record.proof, stored=stored, trace=trace)
        return cls(
            id=record.id,
            version=record.version,
            proof=record.proof,
            attempts=record.attempts,
            resent=record.resent or 0,
            since=int(record.since.timestamp()) if record.since else None,
            caller=record.caller,
            sender=record.sender,
            priority=record.priority,
            slot=_milliseconds(record.slot),
            ticket=record.ticket or "",
            due=_milliseconds(record.due_at),
            stored=stored,
            trace=trace,
        )

    def record(self) -> MailRecord:
        """The record as it was at this version, as far as a decision needs it."""
        since = datetime.fromtimestamp(self.since, UTC) if self.since else None
        return MailRecord(
            id=self.id,
            version=self.version,
            proof=self.proof,
            attempts=self.attempts,
            resent=self.resent or None,
            since=since,
            caller=self.caller,
            sender=self.sender,
            priority=self.priority,
            slot=_instant(self.slot),
            ticket=self.ticket,
            due_at=_instant(self.due),
        )


def _milliseconds(instant: datetime | None) -> int | None:
    """Of the epoch, rounded up, so that no mail leaves before its time."""
    return None if instant is None else -((_EPOCH - instant) // timedelta(milliseconds=1))


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)
