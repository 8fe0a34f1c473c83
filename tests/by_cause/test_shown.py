"""Failures are shown by their cause, with its cure."""

from datetime import timedelta

import pytest

from mailer.delivery.failures import failures, read_failure_query
from mailer.errors import InvalidRequest, Misconfigured
from mailer.graph.verdicts import GRANT
from tests.by_cause.given import TO_MEND
from tests.post import BUSY, DENIED, NO_ANSWER, REFUSED, raising


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
