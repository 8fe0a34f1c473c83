"""What the calls about failures by cause answer."""

from typing import Annotated, Self

from pydantic import Field

from mailer.delivery import jobs
from mailer.delivery.record import Action, Status
from mailer.doors.answer import Answer, Code, Instant, MailId


class Failure(Answer):
    """The mails of one cause and status, the oldest and the newest by when they came to it."""

    code: Code
    status: Status
    count: int
    oldest: Instant
    newest: Instant
    ids: Annotated[list[MailId], Field(description="Three of them at most, the newest first.")]
    message: Annotated[str, Field(description="What happened to the newest of them.")]
    cure: Annotated[str, Field(description="What to do.")]
    may_double: Annotated[int, Field(description="How many would perhaps arrive twice if they were sent again.")]


class Job(Answer):
    """A replay or retry of all mails of a cause, while it goes on and for a day afterwards."""

    id: str
    action: Action
    code: Code
    by: Annotated[str | None, Field(description="The caller, where callers have names.")]
    asked_at: Instant
    since: Instant | None
    until: Instant | None
    status: Annotated[jobs.State, Field(description="`given_up` after two days without an end.")]
    count: Annotated[int, Field(description="How many mails it was about when it was asked for.")]
    partial: Annotated[bool, Field(description="Whether there were older ones that were not counted.")]
    done: Annotated[int, Field(description="How many mails have been queued again, or let go, so far.")]
    left_out: Annotated[int, Field(description="For how many it could not be done; the log says why.")]
    ended_at: Instant | None

    @classmethod
    def of(cls, job: jobs.Job) -> Self:
        """The job as callers see it."""
        same = ("id", "action", "code", "by", "asked_at", "since", "until", "count", "partial", "left_out", "ended_at")
        return cls(status=job.state, done=job.acted, **{name: getattr(job, name) for name in same})


class Failures(Answer):
    """Failures by cause, the latest first."""

    value: list[Failure]
    partial: Annotated[bool, Field(description="Whether there are older mails that were not looked at.")]
    jobs: Annotated[list[Job], Field(description="Replays and retries by cause, twenty at most; to who may operate.")]


class CauseAnswer(Answer):
    """How many mails it is about."""

    code: Code
    count: int
    may_double: Annotated[int, Field(description="How many of them may arrive twice.")]
    dry_run: Annotated[bool, Field(description="Whether they were counted and nothing more.")]
    partial: Annotated[bool, Field(description="Whether there are older ones that were not counted.")]
    job: Annotated[Job | None, Field(description="What was begun; GET /failures tells how far it has come.")]
