"""A mail's record: its statuses, and what is kept of it.

    scheduled -> queued -> sending -> sent
                                   -> queued      turned away for now, or sent again in doubt
                                   -> failed      and from there back to queued by a replay
                                   -> uncertain   likewise; under `verify` also to sent, or back to queued
    scheduled, queued -> canceled
                      -> suppressed    and from there back to queued by a replay
                      -> held          its caller's surplus, and from there back by a release, or to canceled

What moves a record from one status to the next is decided in decide.py, and nowhere else.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from mailer.request.mail_id import instant_of
from mailer.request.members import Priority
from mailer.request.model import MailRequest

LONGEST_MESSAGE = 2000  # characters of an error that a record keeps
MOST_DONE = 20  # of the things that people have done to a mail; the oldest are forgotten


class Action(StrEnum):
    """What a person can do to an accepted mail."""

    REPLAY = "replay"
    CANCEL = "cancel"
    PATCH = "patch"
    RETRY = "retry"
    RELEASE = "release"


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What was done to a mail, by which caller if that is known, and when."""

    action: Action
    by: str | None
    at: datetime


class Status(StrEnum):
    """Where a mail is."""

    #: It waits for the day that its sender has named.
    SCHEDULED = "scheduled"
    #: It waits for its first attempt, or for the next one.
    QUEUED = "queued"
    #: A worker has claimed it and asks Graph.
    SENDING = "sending"
    #: Graph has taken it.
    SENT = "sent"
    #: It was not sent; its content is kept for a replay.
    FAILED = "failed"
    #: Its sender has called it back in time.
    CANCELED = "canceled"
    #: Nobody was left whom it may reach; its content is kept for a replay.
    SUPPRESSED = "suppressed"
    #: Graph was asked and nobody knows; its content is kept for a replay.
    UNCERTAIN = "uncertain"
    #: It is more than its caller may send in a day; its content is kept for a person to let it go.
    HELD = "held"

    @property
    def final(self) -> bool:
        """Nothing more happens to the mail by itself, but that a doubt may be looked up."""
        return self not in {Status.SCHEDULED, Status.QUEUED, Status.SENDING}

    @property
    def waiting(self) -> bool:
        """Nobody has begun to send the mail."""
        return self in {Status.SCHEDULED, Status.QUEUED}

    @property
    def replayable(self) -> bool:
        """A person can send it again."""
        return self in {Status.FAILED, Status.UNCERTAIN, Status.SUPPRESSED}

    @property
    def keeps_content(self) -> bool:
        """Its content is kept for a person, who can let it be sent."""
        return self.replayable or self is Status.HELD


@dataclass(frozen=True, kw_only=True, slots=True)
class MailRecord:
    """What is kept of a mail: never its content, never an address but the sender's, which is a setting.

    What is None is not known here, and a write leaves it as it was.
    """

    id: str
    #: The ledger's mark of the state that this value was read or written in; None before the first write.
    version: str | None = None
    status: Status = Status.QUEUED
    #: Tells whether a request is this mail's.
    digest: str | None = None
    #: What mailer's own messages of it carry, and nobody else knows.
    proof: str | None = None
    template: str | None = None
    recipients: int | None = None
    #: Their addresses, until it is first written: a ledger keeps keyed hashes of them, or nothing.
    reaches: Sequence[str] | None = field(default=None, repr=False, compare=False)
    tags: Mapping[str, str] | None = None
    #: The caller's name, where callers have one.
    caller: str | None = None
    #: The pool of mailboxes that was asked for, whichever of them it has had or has by now.
    pool: str | None = None
    #: From which mailbox, how urgently, and in which of its slots, which the ticket proves.
    sender: str | None = None
    priority: Priority | None = None
    slot: datetime | None = None
    ticket: str | None = None
    #: From when its age counts, if not from its acceptance: the hour it was scheduled for, or its replay.
    since: datetime | None = None
    #: When a waiting mail may be claimed, or a doubt looked up.
    due_at: datetime | None = None
    #: Claims so far, and who has the last one, until when.
    attempts: int = 0
    claim: str | None = None
    leased_until: datetime | None = None
    #: Whether the holder of the claim still uploads, so that nothing can have left.
    drafting: bool | None = None
    #: How often it was sent again in doubt; which look into Sent Items comes next, 0 for none.
    resent: int | None = None
    look: int | None = None
    #: Whether it waits for something that only a person can mend, which `error_code` names.
    mending: bool | None = None
    #: What the gate did to it.
    gate: str | None = None
    #: Whom the last attempt left out, for they get no mail any more: their places in the request, such as to[0].
    skipped: Sequence[str] | None = None
    #: What the last attempt sent: the template's version, and a hash of subject and body that this mail's proof keys.
    template_version: str | None = None
    content_hash: str | None = None
    #: Graph's name of the request that it accepted, for Microsoft's support.
    request_id: str | None = None
    #: What people have done to it, the oldest first.
    done: Sequence[Done] | None = None
    error_code: str = ""
    error_message: str = ""
    times: Mapping[Status, datetime] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        request: MailRequest,
        *,
        mail: str,
        digest: str,
        now: datetime,
        caller: str | None = None,
        proof: str | None = None,
    ) -> Self:
        """The record of a mail that was just accepted."""
        due_at = request.scheduled_at if request.scheduled_at and request.scheduled_at > now else None
        status = Status.SCHEDULED if due_at else Status.QUEUED
        template = request.template.id if request.template else None
        return cls(
            id=mail,
            status=status,
            digest=digest,
            proof=proof or uuid.uuid4().hex,
            template=template,
            recipients=request.recipients,
            reaches=[each.address for each in (*request.to, *request.cc, *request.bcc)],
            tags=request.tags,
            caller=caller,
            pool=request.pool,
            due_at=due_at,
            since=due_at,
            times={status: now},
        )

    @property
    def accepted_at(self) -> datetime:
        """The instant that the id carries."""
        return instant_of(self.id)

    @property
    def due_since(self) -> datetime:
        """From when its age counts."""
        return self.since or self.accepted_at

    @property
    def waits_for_mending(self) -> bool:
        """Whether it goes on by itself once somebody has mended what `error_code` names."""
        return self.status is Status.QUEUED and bool(self.mending and self.error_code)

    def moved(self, status: Status, *, now: datetime, code: str = "", message: str = "", **changes: Any) -> Self:  # noqa: ANN401 - as dataclasses.replace
        """The record in its next status; `code` and `message` say what went wrong, if anything did."""
        times = {each: at for each, at in self.times.items() if each is not status} | {status: now}
        changes = {"mending": self.mending if code else False, **changes}
        return replace(
            self, status=status, times=times, error_code=code, error_message=message[:LONGEST_MESSAGE], **changes
        )

    def acted(self, action: Action, by: str | None, *, now: datetime) -> Self:
        """The record with what somebody has done to the mail."""
        return replace(self, done=(*(self.done or ()), Done(action=action, by=by, at=now))[-MOST_DONE:])


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What a caller gets for an accepted mail; code and message say what has gone wrong already, if anything has."""

    id: str
    status: Status
    expected_at: datetime | None = None
    error_code: str = ""
    error_message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyOwner:
    """The mail that an idempotency key belongs to."""

    id: str
    digest: str


def key_of(caller: str | None, key: str) -> str:
    """An idempotency key as its caller's: two callers who choose the same one never meet. No key has a line break."""
    return key if caller is None else f"{caller}\n{key}"


class Conflict(Exception):
    """The record is not in the state that the write was made for: somebody else has written it."""
