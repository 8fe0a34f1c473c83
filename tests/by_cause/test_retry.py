"""All mails that wait for a mended cause go at once."""

from datetime import timedelta

import pytest

from mailer.delivery.record import Action, Status
from mailer.errors import Misconfigured
from tests.by_cause.given import CrashingLedger
from tests.post import DENIED, REFUSED, Crash


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
