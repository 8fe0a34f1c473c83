"""A replay or retry of all mails of a cause, as its row keeps it: what was asked for, and how far it has come."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal, Protocol, Self

from pydantic import ConfigDict, Field

from mailer.delivery.record import Action, MailRecord, Status
from mailer.delivery.search import Position, Since, Wanted, read_parameters
from mailer.errors import InvalidRequest
from mailer.request.json_object import read_object
from mailer.request.value import Value
from mailer.request.wording import validation

Kind = Literal[Action.REPLAY, Action.RETRY]
State = Literal["running", "done", "given_up"]
CODE = "^[!-~]{1,128}$"
KEPT = timedelta(days=1)  # after its end, so that whoever asked for it can see how it ended
MOST_KEPT = 20  # of those that have ended, and that are shown


class CauseRequest(Value):
    """What to do with the mails of a cause: count them, or begin; those accepted within these bounds."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"dry_run": True, "since": "2026-12-01T00:00:00Z"}]})

    dry_run: Annotated[bool, Field(description="Count the mails, and do nothing.")] = True
    since: Annotated[Since | None, Field(description="Only mails accepted at this instant or later.")] = None
    until: Annotated[Since | None, Field(description="Only mails accepted before this instant.")] = None


def read_cause_request(body: bytes) -> CauseRequest:
    """The request in this body, or the one that an empty one stands for. Raises InvalidRequest."""
    return read_parameters(CauseRequest, read_object(body) if body.strip() else {})


def checked_code(text: str) -> str:
    """An error's code as it stands in a path. Raises InvalidRequest."""
    if not re.fullmatch(CODE, text):
        message = "`code` must be the code of an error, such as ErrorAccessDenied: 1 to 128 characters, no blank in it."
        raise InvalidRequest([validation(message, target="code")])
    return text


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What was asked for, by whom and when; how far it has come, and until when a run has it to itself.

    `count` is how many mails it was about at that time, `partial` whether there were more. `version` is the row's, as
    it was read.
    """

    id: str
    action: Kind
    code: str
    by: str | None
    asked_at: datetime
    since: datetime | None = None
    until: datetime | None = None
    count: int = 0
    partial: bool = False
    #: The mails under way, noted before anything is done for one; where the next ones are; whether there are none.
    page: Sequence[str] = ()
    position: Position | None = None
    is_last: bool = False
    taken_until: datetime | None = None
    acted: int = 0
    left_out: int = 0
    ended_at: datetime | None = None
    version: str | None = None

    @classmethod
    def of(cls, action: Kind, code: str, request: CauseRequest, *, by: str | None, now: datetime) -> Self:
        """A job that has just been asked for."""
        job = f"{now:%Y%m%dT%H%M%S.%f}-{uuid.uuid4().hex[:8]}"
        return cls(id=job, action=action, code=code, by=by, asked_at=now, since=request.since, until=request.until)

    @property
    def state(self) -> State:
        """Whether it goes on, or how it ended."""
        if self.ended_at is None:
            return "running"
        return "done" if self.is_last else "given_up"

    @property
    def wanted(self) -> Wanted:
        """The mails that it is about."""
        statuses = (Status.FAILED, Status.UNCERTAIN, Status.SUPPRESSED) if self.action is Action.REPLAY else ()
        mending = self.action is Action.RETRY
        return Wanted(statuses=statuses, mending=mending, error=self.code, since=self.since, until=self.until)

    def has_done(self, record: MailRecord) -> bool:
        """Whether the mail has had its turn: nothing is done for one twice by one job."""
        return any(one.action is self.action and one.at >= self.asked_at for one in record.done or ())

    def is_about(self, record: MailRecord) -> bool:
        """Whether the mail came to its status before the job was asked for, and has not had its turn."""
        return record.times.get(record.status, record.accepted_at) < self.asked_at and not self.has_done(record)


class Jobs(Protocol):
    """The rows of jobs. Each call may raise TryLater."""

    def all(self) -> Sequence[Job]: ...
    def write(self, job: Job, /) -> Job:
        """Insert the job (no version) or change it (as it was at its version); raises Conflict."""

    def delete(self, job: Job, /) -> None: ...


def latest(jobs: Sequence[Job]) -> Sequence[Job]:
    """Those to show: what goes on, then what has ended, each the latest first."""
    return sorted(jobs, key=lambda job: (job.ended_at is None, job.asked_at), reverse=True)[:MOST_KEPT]


def outdated(jobs: Sequence[Job], *, now: datetime) -> Sequence[Job]:
    """Those that nobody needs any more: ended long ago, or so many of them."""
    ended = sorted(((job.ended_at, job.id, job) for job in jobs if job.ended_at), reverse=True)
    return [job for place, (at, _, job) in enumerate(ended) if place >= MOST_KEPT or now - at > KEPT]
