"""How far a replay or a retry has come, and how it ended."""

from datetime import timedelta

import pytest

from mailer.delivery import by_cause
from mailer.delivery.jobs import KEPT, MOST_KEPT
from mailer.delivery.record import Action
from tests.by_cause.given import CrashingLedger, replay
from tests.post import DENIED, REFUSED, Crash, raising


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
