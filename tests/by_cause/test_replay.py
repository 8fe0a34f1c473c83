"""All mails of a cause are sent again, each once, whatever happens on the way."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailer.delivery import by_cause
from mailer.delivery.by_cause import GIVEN_UP_AFTER
from mailer.delivery.jobs import CauseRequest, checked_code, read_cause_request
from mailer.delivery.record import Action, Conflict, Status
from mailer.delivery.search import Position
from mailer.errors import InvalidRequest
from tests.by_cause.given import CrashingLedger, replay
from tests.post import DOWN, NO_ANSWER, REFUSED, Crash, raising


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
