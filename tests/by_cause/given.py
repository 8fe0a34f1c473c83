"""mailer's steps over a table, and failures to mend."""

from datetime import timedelta

from mailer.delivery.by_cause import ByCause
from mailer.delivery.failures import failures
from mailer.delivery.jobs import CauseRequest, Job
from mailer.delivery.record import Action, Status
from mailer.delivery.search import Search, Wanted
from mailer.graph.verdicts import MEND
from mailer.storage.job_rows import TableJobs
from mailer.storage.record_pages import RecordPages
from mailer.storage.records import TableLedger
from tests.post import REFUSED, Crash, Post, raising

TO_MEND = Wanted(statuses=(Status.FAILED, Status.UNCERTAIN), mending=True)


class Desk(Post):
    """mailer's steps over a table."""

    def __init__(self, table):
        super().__init__()
        self.table = table
        self.ledger = TableLedger(table, key_window=timedelta(hours=24))
        self.ledger.ping()
        self.search = Search(table=RecordPages(table, None), clock=self.clock)
        self.jobs = TableJobs(table)

    def by_cause(self, **kept):
        return ByCause(
            search=self.search, amendment=self.amendment(**kept), jobs=self.jobs, spread=map, clock=self.clock
        )

    def job(self, action, code, *, by="ops", **bounds):
        return Job.of(action, code, CauseRequest(**bounds), by=by, now=self.clock())

    def begin(self, action, code, *, by_cause=None, **bounds):
        by_cause, job = by_cause or self.by_cause(), self.job(action, code, **bounds)
        return by_cause.begin(job, by_cause.count(job))

    @property
    def going(self):
        """The jobs that have not ended."""
        return [job for job in self.jobs.all() if not job.ended_at]

    def ended(self, error, **changes):
        """A mail whose first attempt ended so; returns its id."""
        message = self.by_queue(**changes)
        self.deliver(message, send=raising(error))
        self.clock.advance(seconds=1)
        return message.mail_id

    def groups(self, wanted=TO_MEND):
        told, partial = failures(self.search, wanted, remedies={*MEND.values()})
        assert not partial
        return {(group.code, group.status): group for group in told}

    def deliver_due(self, *, seconds):
        """What comes within this time."""
        until = self.clock.now + timedelta(seconds=seconds)
        while self.queue and min(self.queue)[0] <= until:
            self.deliver(self.take())

    def status(self, mail):
        return self.ledger.read(mail).status


def replay(desk, code=REFUSED.code, **bounds):
    return desk.begin(Action.REPLAY, code, **bounds)


class CrashingLedger:
    """The process ends at one of its writes."""

    def __init__(self, ledger, *, after):
        self._ledger, self._after = ledger, after

    def write(self, record):
        if not self._after:
            raise Crash
        self._after -= 1
        return self._ledger.write(record)

    def __getattr__(self, name):
        return getattr(self._ledger, name)
