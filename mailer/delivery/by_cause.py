"""Replay or retry all mails of one cause: counted first, then done in pages that the timer carries on.

The life of a job, whose row says how far it has come:

    begun: row written ── a page found and noted ── taken for RUN and done ── counted, the next page noted ── …
                                                 │                       └─ the last page: the row says so, for KEPT
                                                 └─ crash or no storage: once RUN is over, the page that was noted is
                                                    gone through again, and what was done for its mails is counted

A job acts only on mails that came to their status before it was asked for, so that none is sent twice by one job.
"""

import functools
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailer.delivery.amend import Amendment
from mailer.delivery.cures import may_double
from mailer.delivery.failures import MOST_DAYS, MOST_MAILS
from mailer.delivery.jobs import Job, Jobs, latest, outdated
from mailer.delivery.record import Action, Conflict
from mailer.delivery.search import Search
from mailer.errors import TryLater, UnknownMail, Unreadable, WrongStatus

log = logging.getLogger("mailer.by_cause")

PAGE = 100  # mails between two notes of how far a job has come
RUN = timedelta(minutes=3)  # for which a run has a job to itself; more than a page takes
WITHIN = timedelta(seconds=40)  # after which a run leaves the rest to the next one
WITHIN_CALL = timedelta(seconds=5)  # the same for the call that asks for it
GIVEN_UP_AFTER = timedelta(days=2)


Spread = Callable[[Callable[[str], bool], Iterable[str]], Iterable[bool]]
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

    def begin(self, job: Job, counted: Counted) -> Job:
        """Do the job, or as much of it as fits into a call; later runs do the rest. Raises TryLater."""
        job = self.jobs.write(replace(job, count=counted.count, partial=counted.partial))
        log.info("%s_begun code=%s mails=%d", job.action, job.code, job.count)
        try:
            return self._gone_on(job, within=WITHIN_CALL)
        except (Conflict, TryLater) as left:
            log.warning("%s_left_to_the_timer code=%s: %s", job.action, job.code, left)
            return job

    def latest(self) -> Sequence[Job]:
        """What goes on, and what has ended lately. Raises TryLater."""
        return latest(self.jobs.all())

    def run(self) -> int:
        """Go on with all jobs for less than a minute; returns for how many mails something was done."""
        began, acted = self.clock(), 0
        jobs = self.jobs.all()
        for job in jobs:
            if job.ended_at:
                continue
            try:
                acted += self._gone_on(job, within=WITHIN).acted - job.acted
            except Conflict:  # another run has it
                continue
            if self.clock() - began > WITHIN:
                break
        for job in outdated(jobs, now=began):
            self.jobs.delete(job)
        return acted

    def _gone_on(self, job: Job, *, within: timedelta) -> Job:
        """Raises Conflict, TryLater."""
        began = self.clock()
        if job.taken_until and job.taken_until > began:
            raise Conflict(job.id)
        again = bool(job.page)  # it was noted by a run that has not come to the end of it
        while True:
            if not again and not job.is_last:
                job = self._turned(job)
            job = self.jobs.write(replace(job, taken_until=self.clock() + RUN))
            acted = sum(self.spread(functools.partial(self._act, job, again=again), job.page))
            left_out = job.left_out + len(job.page) - acted
            job = replace(job, page=(), acted=job.acted + acted, left_out=left_out, taken_until=None)
            again, is_late = False, self.clock() - job.asked_at > GIVEN_UP_AFTER
            if job.is_last or is_late:
                job = replace(job, ended_at=self.clock())
                log.info("%s_%s code=%s mails=%d left_out=%d", job.action, job.state, job.code, job.acted, job.left_out)
                return self.jobs.write(job)
            if self.clock() - began > within:
                return self.jobs.write(job)

    def _turned(self, job: Job) -> Job:
        """The job at its next page."""
        found = self.search.page(job.wanted, most=PAGE, begin=job.position)
        page = [record.id for record in found.records if job.is_about(record)]
        return replace(job, page=page, position=found.goes_on, is_last=found.goes_on is None)

    def _act(self, job: Job, mail: str, *, again: bool) -> bool:
        """Whether it was done for the mail, now or before a crash. Raises TryLater."""
        act = self.amendment.replay if job.action is Action.REPLAY else self.amendment.retry
        try:
            if again and (record := self.amendment.stores.ledger.read(mail)) and job.has_done(record):
                return True
            act(mail, by=job.by)
        except (UnknownMail, WrongStatus, Unreadable) as refused:
            log.warning("%s_left_out id=%s: %s", job.action, mail, refused)
            return False
        return True
