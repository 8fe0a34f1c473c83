"""Failures by cause: shown with their cure, replayed and retried in pages. Records and jobs lie in Azurite."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from azure.data.tables import TableClient

from mailer.delivery import by_cause
from mailer.delivery.by_cause import GIVEN_UP_AFTER, ByCause
from mailer.delivery.failures import failures, read_failure_query
from mailer.delivery.jobs import KEPT, MOST_KEPT, CauseRequest, Job, checked_code, read_cause_request
from mailer.delivery.record import Action, Conflict, Status
from mailer.delivery.search import Position, Search, Wanted
from mailer.errors import InvalidRequest, Misconfigured
from mailer.graph.verdicts import GRANT, MEND
from mailer.storage.job_rows import TableJobs
from mailer.storage.record_pages import RecordPages
from mailer.storage.records import TableLedger
from tests.post import BUSY, DENIED, DOWN, NO_ANSWER, REFUSED, Crash, Post, raising

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


@pytest.fixture
def desk(storage):
    with ExitStack() as stack:
        name = f"t{uuid4().hex}"
        yield Desk(stack.enter_context(TableClient.from_connection_string(storage.connection_string, name)))


def replay(desk, code=REFUSED.code, **bounds):
    return desk.begin(Action.REPLAY, code, **bounds)


# What there is


def test_mails_are_grouped_by_cause_the_latest_first(desk):
    refused = [desk.ended(REFUSED) for _ in range(5)]
    doubtful = [desk.ended(NO_ANSWER) for _ in range(2)]
    desk.ended(BUSY)
    desk.deliver(desk.by_queue())

    (first, second), partial = failures(desk.search, TO_MEND, remedies=())

    assert not partial
    assert (first.code, first.status, first.count, first.ids) == (NO_ANSWER.code, "uncertain", 2, doubtful[::-1])
    assert (second.code, second.status, second.count) == (REFUSED.code, "failed", 5)
    assert second.ids == refused[::-1][:3]
    assert second.newest - second.oldest == timedelta(seconds=4)


def test_a_mail_that_waits_for_something_to_be_mended_is_one_of_them_and_one_that_waits_for_graph_is_not(desk):
    waiting = desk.ended(DENIED)
    desk.ended(BUSY)

    (group,) = desk.groups().values()
    assert (group.code, group.status, group.ids) == (DENIED.code, "queued", [waiting])


def test_a_group_tells_what_happened_and_what_health_says_to_do(desk):
    desk.ended(Misconfigured(f"Graph answered 403. {GRANT}", code="ErrorAccessDenied"))

    (group,) = desk.groups().values()
    assert group.message == "Graph answered 403."
    assert (
        group.cure == f"{GRANT} Then they go by themselves within a quarter of an hour, or at once if you retry them."
    )
    ((_, health),) = desk.alarms.standing["shop@contoso.com"]
    assert health == f"{group.message} {GRANT}"


@pytest.mark.parametrize("error", [REFUSED, NO_ANSWER, DENIED])
def test_every_group_has_a_cure(desk, error):
    desk.ended(error)

    (group,) = desk.groups().values()
    assert group.cure.endswith(".")
    assert len(group.cure) > 60


def test_a_doubtful_mail_and_one_that_was_sent_again_in_doubt_may_arrive_twice(desk):
    desk.ended(NO_ANSWER)
    desk.ended(REFUSED)
    mail = desk.ended(NO_ANSWER)
    desk.amendment().replay(mail)
    desk.deliver(desk.take(), send=raising(REFUSED))

    groups = desk.groups()

    assert groups[NO_ANSWER.code, "uncertain"].may_double == 1
    assert (groups[REFUSED.code, "failed"].count, groups[REFUSED.code, "failed"].may_double) == (2, 1)


def test_of_very_many_mails_the_newest_are_counted_and_the_rest_is_said_to_be_there(desk, monkeypatch):
    monkeypatch.setattr("mailer.delivery.failures.MOST_MAILS", 3)
    for _ in range(4):
        desk.ended(REFUSED)

    (group,), partial = failures(desk.search, TO_MEND, remedies=())

    assert (group.count, partial) == (3, True)


@pytest.mark.parametrize("parameters", [{"since": "x"}, {"status": "failed"}])
def test_a_wrong_parameter_is_named(parameters):
    with pytest.raises(InvalidRequest) as refused:
        read_failure_query(parameters)

    assert [problem.target for problem in refused.value.problems] == [*parameters]


# Replay


def test_all_mails_of_a_cause_are_sent_again_and_no_others(desk):
    refused = [desk.ended(REFUSED) for _ in range(3)]
    doubtful = desk.ended(NO_ANSWER)

    replay(desk)
    desk.run()

    assert {desk.status(mail) for mail in refused} == {Status.SENT}
    assert desk.status(doubtful) is Status.UNCERTAIN
    assert {one.by for mail in refused for one in desk.ledger.read(mail).done} == {"ops"}
    assert desk.going == []


def test_a_count_does_nothing(desk):
    desk.ended(NO_ANSWER)
    desk.ended(NO_ANSWER)

    counted = desk.by_cause().count(desk.job(Action.REPLAY, NO_ANSWER.code))

    assert (counted.count, counted.may_double, counted.partial) == (2, 2, False)
    assert (desk.jobs.all(), desk.waits) == ([], False)


def test_a_request_without_a_body_is_a_dry_run():
    assert read_cause_request(b"") == read_cause_request(b"{}") == CauseRequest(dry_run=True)
    assert not read_cause_request(b'{"dry_run": false}').dry_run


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"dry_run": "false"}', "`dry_run` must be true or false"),
        (b'{"dryrun": false}', "did you mean `dry_run`"),
        (b'{"since": "yesterday"}', "`since` must be a day such as 2026-12-01"),
        (b"[]", "object"),
    ],
)
def test_what_is_wrong_in_a_request_is_named_and_nothing_begins(body, told):
    with pytest.raises(InvalidRequest, match=told):
        read_cause_request(body)


@pytest.mark.parametrize("code", ["", "a b", "é", "x" * 129, "a\n"])
def test_a_code_that_no_error_can_have_is_refused(code):
    with pytest.raises(InvalidRequest, match="`code` must be the code of an error"):
        checked_code(code)


def test_only_mails_accepted_within_the_bounds_are_replayed(desk):
    before = desk.ended(REFUSED)
    since = desk.clock.now
    within = desk.ended(REFUSED)
    until = desk.clock.now
    after = desk.ended(REFUSED)

    replay(desk, since=since.isoformat(), until=until.isoformat())

    assert [desk.status(mail) for mail in (before, within, after)] == [Status.FAILED, Status.QUEUED, Status.FAILED]


def test_a_mail_that_fails_again_is_not_sent_once_more_by_the_same_job(desk, monkeypatch):
    monkeypatch.setattr(by_cause, "PAGE", 1)
    monkeypatch.setattr(by_cause, "WITHIN_CALL", -timedelta(seconds=1))  # a call does one page
    mails = [desk.ended(REFUSED) for _ in range(3)]
    replay(desk)
    desk.deliver(desk.take(), send=raising(REFUSED))

    for _ in range(5):
        desk.clock.advance(minutes=1)
        desk.by_cause().run()

    assert [desk.ledger.read(mail).done is not None for mail in mails] == [True, True, True]
    assert {len(desk.ledger.read(mail).done) for mail in mails} == {1}


def test_what_a_call_leaves_the_timer_carries_on(desk, monkeypatch):
    monkeypatch.setattr(by_cause, "PAGE", 2)
    monkeypatch.setattr(by_cause, "WITHIN_CALL", -timedelta(seconds=1))
    mails = [desk.ended(REFUSED) for _ in range(5)]

    replay(desk)
    assert [desk.status(mail) for mail in mails] == [Status.FAILED] * 3 + [Status.QUEUED] * 2
    assert desk.by_cause().run() == 3

    assert {desk.status(mail) for mail in mails} == {Status.QUEUED}
    assert (desk.going, desk.by_cause().run()) == ([], 0)


def test_a_run_leaves_the_rest_to_the_next_one(desk, monkeypatch):
    monkeypatch.setattr(by_cause, "PAGE", 1)
    monkeypatch.setattr(by_cause, "WITHIN", -timedelta(seconds=1))
    mails = [desk.ended(REFUSED) for _ in range(3)]
    desk.jobs.write(desk.job(Action.REPLAY, REFUSED.code))

    assert [desk.by_cause().run() for _ in mails] == [1, 1, 1]


@pytest.mark.parametrize("number", range(4))
def test_a_crash_anywhere_in_a_page_is_made_good_by_the_next_run(desk, number):
    mails = [desk.ended(REFUSED) for _ in range(4)]
    crashing = CrashingLedger(desk.ledger, after=number)
    with pytest.raises(Crash):
        desk.begin(Action.REPLAY, REFUSED.code, by_cause=desk.by_cause(ledger=crashing))
    assert [desk.status(mail) for mail in mails].count(Status.QUEUED) == number

    desk.by_cause().run()
    assert [desk.status(mail) for mail in mails].count(Status.QUEUED) == number, "the crashed run has it for a while"
    desk.clock.advance(minutes=4)
    desk.by_cause().run()

    desk.run()
    assert {desk.status(mail) for mail in mails} == {Status.SENT}
    assert sorted(desk.sent) == sorted(mails * 2), "each was sent once more"


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


def test_a_storage_that_is_away_delays_a_job_and_loses_none_of_it(desk):
    mails = [desk.ended(REFUSED) for _ in range(3)]
    away = type("Away", (), {"read": raising(DOWN)})()

    desk.begin(Action.REPLAY, REFUSED.code, by_cause=desk.by_cause(ledger=away))
    desk.clock.advance(minutes=4)
    desk.by_cause().run()

    assert {desk.status(mail) for mail in mails} == {Status.QUEUED}


def test_a_mail_whose_content_is_gone_holds_up_no_other(desk):
    mails = [desk.ended(REFUSED) for _ in range(3)]
    desk.requests.delete(mails[1])

    replay(desk)

    assert [desk.status(mail) for mail in mails] == [Status.QUEUED, Status.FAILED, Status.QUEUED]
    assert desk.going == []


def test_of_two_runs_at_once_one_has_a_job(desk):
    desk.ended(REFUSED)
    job = desk.jobs.write(desk.job(Action.REPLAY, REFUSED.code))
    desk.jobs.write(replace(job, taken_until=desk.clock.now + timedelta(minutes=1)))

    assert desk.by_cause().run() == 0
    desk.clock.advance(minutes=2)
    assert desk.by_cause().run() == 1


def test_a_job_that_cannot_come_to_its_end_is_given_up(desk, monkeypatch):
    monkeypatch.setattr(by_cause, "PAGE", 1)
    monkeypatch.setattr(by_cause, "WITHIN", -timedelta(seconds=1))
    for _ in range(3):
        desk.ended(REFUSED)
    desk.jobs.write(desk.job(Action.REPLAY, REFUSED.code))
    desk.clock.advance(seconds=GIVEN_UP_AFTER.total_seconds() + 1)

    desk.by_cause().run()

    assert [job.state for job in desk.by_cause().latest()] == ["given_up"]


def test_a_job_reads_as_it_was_written(desk):
    bounds = {"since": "0432-11-01", "until": "9999-12-31"}
    job = replace(desk.job(Action.RETRY, "a b", **bounds), acted=3, taken_until=desk.clock.now, count=7, left_out=2)
    job = replace(job, page=("m1", "m2"), partial=True, is_last=True, ended_at=desk.clock.now)
    job = replace(job, position=Position(day=desk.clock.now.date(), token={"PartitionKey": "a", "RowKey": "b"}))

    written = desk.jobs.write(job)

    assert desk.jobs.all() == [written]
    with pytest.raises(Conflict):
        desk.jobs.write(job)


# How far it has come


def figures(job):
    return job.state, job.count, job.acted, job.left_out


def test_a_job_tells_how_far_it_has_come_and_how_it_ended(desk, monkeypatch):
    monkeypatch.setattr(by_cause, "PAGE", 2)
    monkeypatch.setattr(by_cause, "WITHIN_CALL", -timedelta(seconds=1))
    monkeypatch.setattr(by_cause, "WITHIN", -timedelta(seconds=1))
    mails = [desk.ended(REFUSED) for _ in range(5)]
    desk.requests.delete(mails[0])

    told = [figures(replay(desk))]
    for _ in range(2):
        desk.by_cause().run()
        told += [figures(job) for job in desk.by_cause().latest()]

    assert told == [("running", 5, 2, 0), ("running", 5, 4, 0), ("done", 5, 4, 1)]
    (job,) = desk.by_cause().latest()
    assert (job.code, job.by, job.ended_at) == (REFUSED.code, "ops", desk.clock.now)


@pytest.mark.parametrize("number", range(4))
def test_a_crash_leaves_no_mail_uncounted(desk, number):
    for _ in range(4):
        desk.ended(REFUSED)
    with pytest.raises(Crash):
        desk.begin(
            Action.REPLAY, REFUSED.code, by_cause=desk.by_cause(ledger=CrashingLedger(desk.ledger, after=number))
        )

    desk.clock.advance(minutes=4)
    desk.by_cause().run()

    assert [figures(job) for job in desk.by_cause().latest()] == [("done", 4, 4, 0)]


def test_a_mail_that_failed_again_after_a_crash_is_not_sent_once_more(desk):
    mails = [desk.ended(REFUSED) for _ in range(2)]
    with pytest.raises(Crash):
        desk.begin(Action.REPLAY, REFUSED.code, by_cause=desk.by_cause(ledger=CrashingLedger(desk.ledger, after=1)))
    desk.deliver(desk.take(), send=raising(REFUSED))

    desk.clock.advance(minutes=4)
    desk.by_cause().run()

    assert [len(desk.ledger.read(mail).done) for mail in mails] == [1, 1]
    assert [figures(job) for job in desk.by_cause().latest()] == [("done", 2, 2, 0)]


def test_how_a_job_ended_is_told_for_a_day_and_of_twenty_at_most(desk):
    desk.ended(REFUSED)
    replay(desk)
    (first,) = desk.by_cause().latest()
    for _ in range(MOST_KEPT):
        desk.clock.advance(seconds=1)
        replay(desk)

    assert first.id not in {job.id for job in desk.by_cause().latest()}
    assert len(desk.by_cause().latest()) == MOST_KEPT
    desk.by_cause().run()
    assert len(desk.jobs.all()) == MOST_KEPT
    desk.clock.advance(seconds=KEPT.total_seconds() + 1)
    desk.by_cause().run()
    assert desk.jobs.all() == []


def test_what_goes_on_is_told_first(desk):
    desk.ended(REFUSED)
    going = desk.jobs.write(desk.job(Action.RETRY, DENIED.code))
    desk.clock.advance(seconds=1)
    ended = replay(desk)

    assert [job.id for job in desk.by_cause().latest()] == [going.id, ended.id]


# Retry


def test_all_mails_that_wait_for_a_mended_cause_go_at_once(desk):
    waiting = [desk.ended(DENIED) for _ in range(3)]
    another = desk.ended(Misconfigured("Mend it.", code="another"))

    desk.begin(Action.RETRY, DENIED.code)
    due = {mail: row.due - desk.clock.now for (_, mail), row in desk.rows.kept.items()}
    desk.deliver_due(seconds=10)

    assert {desk.status(mail) for mail in waiting} == {Status.SENT}
    assert desk.status(another) is Status.QUEUED
    assert set(due) == {another}


def test_a_retry_that_crashed_is_done_once_for_each_mail(desk):
    mails = [desk.ended(DENIED) for _ in range(3)]
    with pytest.raises(Crash):
        desk.begin(Action.RETRY, DENIED.code, by_cause=desk.by_cause(ledger=CrashingLedger(desk.ledger, after=1)))

    desk.clock.advance(minutes=4)
    desk.by_cause().run()

    assert [len(desk.ledger.read(mail).done) for mail in mails] == [1, 1, 1]


def test_a_mail_that_was_moved_waits_for_its_hour_and_for_nothing_to_be_mended(desk):
    mail = desk.ended(DENIED)

    desk.amendment().reschedule(mail, desk.clock.now + timedelta(days=1))

    assert desk.groups() == {}
    assert not desk.ledger.read(mail).mending


def test_a_retry_leaves_failed_mails_alone(desk):
    mail = desk.ended(REFUSED)

    assert desk.by_cause().count(desk.job(Action.RETRY, REFUSED.code)).count == 0
    desk.begin(Action.RETRY, REFUSED.code)

    assert desk.status(mail) is Status.FAILED
