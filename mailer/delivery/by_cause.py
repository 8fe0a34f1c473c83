"""Replay or retry all mails of one cause: counted first, then done in pages that the timer carries on.

The life of a job, whose row says how far it has come:

    begun: row written ── a run takes it for RUN ── a page of mails done, the row says from where to go on ── …
                                                 └─ crash or no storage: the page is done again, and finds it done
                                                 └─ the last page: row deleted

A job acts only on mails that came to their status before it was asked for, so that none is sent twice by one job.
"""

import functools
import logging
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Literal, Protocol, Self

from pydantic import ConfigDict, Field

from mailer.delivery.amend import Amendment
from mailer.delivery.cures import may_double
from mailer.delivery.failures import MOST_DAYS, MOST_MAILS
from mailer.delivery.record import Action, Conflict, MailRecord, Status
from mailer.delivery.search import Position, Search, Since, Wanted, read_parameters
from mailer.errors import InvalidRequest, TryLater, UnknownMail, Unreadable, WrongStatus
from mailer.request.json_object import read_object
from mailer.request.value import Value
from mailer.request.wording import validation

log = logging.getLogger("mailer.by_cause")

CODE = "^[!-~]{1,128}$"
Kind = Literal[Action.REPLAY, Action.RETRY]
PAGE = 100  # mails between two notes of how far a job has come
RUN = timedelta(minutes=3)  # for which a run has a job to itself; more than a page takes
WITHIN = timedelta(seconds=40)  # after which a run leaves the rest to the next one
WITHIN_CALL = timedelta(seconds=5)  # the same for the call that asks for it
GIVEN_UP_AFTER = timedelta(days=2)


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

    `version` is the row's, as it was read.
    """

    id: str
    action: Kind
    code: str
    by: str | None
    asked_at: datetime
    since: datetime | None = None
    until: datetime | None = None
    position: Position | None = None
    taken_until: datetime | None = None
    acted: int = 0
    version: str | None = None

    @classmethod
    def of(cls, action: Kind, code: str, request: CauseRequest, *, by: str | None, now: datetime) -> Self:
        """A job that has just been asked for."""
        job = f"{now:%Y%m%dT%H%M%S.%f}-{uuid.uuid4().hex[:8]}"
        return cls(id=job, action=action, code=code, by=by, asked_at=now, since=request.since, until=request.until)

    @property
    def wanted(self) -> Wanted:
        """The mails that it is about."""
        statuses = (Status.FAILED, Status.UNCERTAIN, Status.SUPPRESSED) if self.action is Action.REPLAY else ()
        mending = self.action is Action.RETRY
        return Wanted(statuses=statuses, mending=mending, error=self.code, since=self.since, until=self.until)


class Jobs(Protocol):
    """The rows of jobs. Each call may raise TryLater."""

    def all(self) -> Sequence[Job]: ...
    def write(self, job: Job, /) -> Job:
        """Insert the job (no version) or change it (as it was at its version); raises Conflict."""

    def delete(self, job: Job, /) -> None: ...


Spread = Callable[[Callable[[MailRecord], bool], Iterable[MailRecord]], Iterable[bool]]
"""As `map`, several at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """How many mails it is about, how many of them may arrive twice, and whether there are older ones not counted."""

    count: int
    may_double: int
    partial: bool


@dataclass(frozen=True, kw_only=True)
class ByCause:
    """The step, with the parts it uses."""

    search: Search
    amendment: Amendment
    jobs: Jobs
    spread: Spread
    clock: Callable[[], datetime]

    def count(self, job: Job) -> Counted:
        """The mails that a job would be about. Raises TryLater."""
        found = self.search.page(job.wanted, most=MOST_MAILS, requests=MOST_DAYS)
        partial = found.goes_on is not None
        return Counted(count=len(found.records), may_double=sum(map(may_double, found.records)), partial=partial)

    def begin(self, job: Job) -> None:
        """Do the job, or as much of it as fits into a call; later runs do the rest. Raises TryLater."""
        job = self.jobs.write(job)
        log.info("%s_begun code=%s by=%s", job.action, job.code, job.by)
        try:
            self._go_on(job, within=WITHIN_CALL)
        except (Conflict, TryLater) as left:
            log.warning("%s_left_to_the_timer code=%s: %s", job.action, job.code, left)

    def run(self) -> int:
        """Go on with all jobs for less than a minute; returns for how many mails something was done."""
        began, acted = self.clock(), 0
        for job in self.jobs.all():
            try:
                acted += self._go_on(job, within=WITHIN)
            except Conflict:  # another run has it
                continue
            if self.clock() - began > WITHIN:
                break
        return acted

    def _go_on(self, job: Job, *, within: timedelta) -> int:
        """Raises Conflict, TryLater."""
        began = self.clock()
        if job.taken_until and job.taken_until > began:
            raise Conflict(job.id)
        before = job.acted
        while True:
            job = self.jobs.write(replace(job, taken_until=self.clock() + RUN))
            page = self.search.page(job.wanted, most=PAGE, begin=job.position)
            acted = sum(self.spread(functools.partial(self._act, job), page.records))
            job = replace(job, acted=job.acted + acted, position=page.goes_on, taken_until=None)
            is_late = self.clock() - job.asked_at > GIVEN_UP_AFTER
            if page.goes_on is None or is_late:
                self.jobs.delete(job)
                log.info("%s_done code=%s mails=%d%s", job.action, job.code, job.acted, " late" if is_late else "")
                break
            if self.clock() - began > within:
                self.jobs.write(job)
                break
        return job.acted - before

    def _act(self, job: Job, record: MailRecord) -> bool:
        """Whether something was done for the mail. Raises TryLater."""
        acted = any(one.action is job.action and one.at >= job.asked_at for one in record.done or ())
        if acted or record.times.get(record.status, record.accepted_at) >= job.asked_at:
            return False  # it has had its turn already
        act = self.amendment.replay if job.action is Action.REPLAY else self.amendment.retry
        try:
            act(record.id, by=job.by)
        except (UnknownMail, WrongStatus, Unreadable) as refused:
            log.warning("%s_left_out id=%s: %s", job.action, record.id, refused)
            return False
        return True
