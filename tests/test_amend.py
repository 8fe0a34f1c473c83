"""What can still be done to an accepted mail: send it again, move it to another day, cancel it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from mailer.delivery.record import MOST_DONE, Action, Done, Status
from mailer.errors import ConfigError, UnknownMail, WrongStatus
from tests.builders import SOME_ID, a_record
from tests.fakes import START, MemoryLedger
from tests.post import BUSY, NO_ANSWER, REFUSED, Crash, Post, raising

TOMORROW = START + timedelta(days=1)


@pytest.fixture
def desk():
    return Post()


@pytest.mark.parametrize("error", [REFUSED, NO_ANSWER], ids=["failed", "uncertain"])
@pytest.mark.parametrize("door", ["by_http", "by_queue"])
def test_a_failed_or_uncertain_mail_is_sent_again_under_its_id(desk, door, error):
    desk.deliver(getattr(desk, door)(tags={"flow": "checkout"}), send=raising(error))
    first = desk.record

    replayed = desk.amendment().replay(first.id)

    assert replayed.status is Status.QUEUED
    assert desk.run() is Status.SENT
    assert desk.record.id == first.id
    assert (desk.record.status, desk.record.tags) == (Status.SENT, {"flow": "checkout"})
    assert desk.record.resent == (1 if first.status is Status.UNCERTAIN else 0)


def test_a_replay_asked_for_twice_is_one_mail(desk):
    desk.deliver(desk.by_http(), send=raising(REFUSED))
    desk.amendment().replay(desk.record.id)

    with pytest.raises(WrongStatus, match="queued"):
        desk.amendment().replay(desk.record.id)
    desk.run()
    assert len(desk.sent) == 2


def test_a_crash_between_the_message_and_the_record_of_a_replay_leaves_the_mail_failed(desk):
    desk.deliver(desk.by_http(), send=raising(REFUSED))
    ledger = type("Crashing", (), {"read": desk.ledger.read, "write": staticmethod(raising(Crash()))})()

    with pytest.raises(Crash):
        desk.amendment(ledger=ledger).replay(desk.record.id)

    assert desk.run() is Status.FAILED
    assert len(desk.sent) == 1


def test_an_old_mail_that_is_replayed_has_its_whole_time_again(desk):
    desk.deliver(desk.by_http(), send=raising(REFUSED))
    desk.clock.advance(days=20)
    desk.amendment().replay(desk.record.id)

    assert desk.deliver(desk.take(), send=raising(NO_ANSWER)) is Status.UNCERTAIN  # and not given up for its age


def test_what_was_never_a_request_fails_again_when_it_is_replayed(desk):
    desk.deliver(desk.by_queue(body=b"rubbish"))

    desk.amendment().replay(desk.record.id)

    assert desk.run() is Status.FAILED
    assert (desk.record.error_code, desk.kept) == ("validation_error", b"rubbish")


def test_a_request_that_was_refused_is_judged_anew(desk):
    """Its template may be there by now."""
    desk.deliver(desk.by_queue(body=json.dumps({"to": "ada@example.com"}).encode()))
    desk.amendment().replay(desk.record.id)

    assert desk.run() is Status.FAILED
    assert desk.kept


def test_a_scheduled_mail_is_sent_at_its_instant(desk):
    message = desk.by_http(scheduled_at=TOMORROW.isoformat())

    assert desk.clock.now == TOMORROW
    assert desk.deliver(message) is Status.SENT
    assert desk.requests.kept == {}


@pytest.mark.parametrize("days", [8, 30, 365])
def test_a_mail_for_a_far_day_waits_in_the_table_until_then(desk, days):
    due = START + timedelta(days=days)
    desk.accept(scheduled_at=due.isoformat())
    assert desk.queue == []

    assert desk.run() is Status.SENT
    assert due <= desk.clock.now < due + timedelta(seconds=2)


def test_a_producers_scheduled_mail_waits_too(desk):
    assert desk.deliver(desk.by_queue(scheduled_at=TOMORROW.isoformat())) is Status.SCHEDULED

    assert (desk.record.status, desk.record.due_at, desk.sent) == (Status.SCHEDULED, TOMORROW, [])
    assert desk.run() is Status.SENT
    assert desk.clock.now == TOMORROW


def test_a_producers_mail_whose_instant_passed_on_the_queue_is_sent_at_once(desk):
    message = desk.by_queue(scheduled_at=TOMORROW.isoformat())
    desk.clock.advance(days=2)

    assert desk.deliver(message) is Status.SENT


@pytest.mark.parametrize("stays", [False, True], ids=["", "the old row could not be taken back"])
@pytest.mark.parametrize("shift", [timedelta(hours=-12), timedelta(days=3)])
def test_a_moved_mail_is_sent_once_at_its_new_instant(desk, shift, stays):
    desk.accept(scheduled_at=TOMORROW.isoformat())
    (old,) = desk.rows.kept.values()

    moved = desk.amendment().reschedule(desk.record.id, TOMORROW + shift)

    assert moved.due_at == TOMORROW + shift
    assert [row.due for row in desk.rows.kept.values()] == [TOMORROW + shift], "its row has moved with it"
    if stays:
        desk.rows.put(old)
    assert desk.run() is Status.SENT
    assert desk.record.times[Status.SENT] == TOMORROW + shift
    assert (len(desk.sent), desk.record.status) == (1, Status.SENT)


@pytest.mark.parametrize("scheduled_at", [None, TOMORROW.isoformat()])
def test_a_canceled_mail_is_not_sent(desk, scheduled_at):
    message = desk.by_http(scheduled_at=scheduled_at)

    assert desk.amendment().cancel(desk.record.id).status is Status.CANCELED

    assert desk.deliver(message) is Status.CANCELED
    assert (desk.sent, desk.waits, desk.requests.kept) == ([], False, {})
    assert desk.amendment().cancel(desk.record.id).status is Status.CANCELED


@pytest.mark.parametrize(
    "change", [lambda desk, mail: desk.cancel(mail), lambda desk, mail: desk.reschedule(mail, START)]
)
def test_a_mail_that_is_sent_can_neither_be_canceled_nor_moved(desk, change):
    desk.deliver(desk.by_http())

    with pytest.raises(WrongStatus, match="sent"):
        change(desk.amendment(), desk.record.id)


def test_a_mail_that_waits_for_its_next_attempt_can_be_moved(desk):
    """Its content is in its message still, which finds the new hour in the record."""
    message = desk.by_http()
    desk.amendment().reschedule(desk.record.id, TOMORROW)

    assert desk.deliver(message) is Status.SCHEDULED
    assert desk.run() is Status.SENT
    assert desk.record.times[Status.SENT] == TOMORROW


def test_a_mail_moved_further_than_its_age_is_tried_again_at_its_new_hour(desk):
    desk.accept(scheduled_at=TOMORROW.isoformat())
    desk.amendment().reschedule(desk.record.id, TOMORROW + timedelta(days=30))

    assert desk.deliver(desk.take(), send=raising(BUSY)) is Status.QUEUED
    assert desk.run() is Status.SENT


def test_of_two_replays_at_once_one_is_done(desk):
    desk.deliver(desk.by_http(), send=raising(REFUSED))
    failed = desk.record

    class Stale(MemoryLedger):
        """Reads the record as it was before the other replay."""

        def read(self, _mail):
            return failed

        def write(self, record):
            return desk.ledger.write(record)

    desk.amendment().replay(failed.id)
    with pytest.raises(WrongStatus, match="moved on just now"):
        desk.amendment(ledger=Stale()).replay(failed.id)

    desk.run()
    assert len(desk.sent) == 2


def test_a_mail_that_is_being_sent_can_no_longer_be_canceled(desk):
    def meanwhile():
        with pytest.raises(WrongStatus, match="sending"):
            desk.amendment().cancel(desk.record.id)

    assert desk.deliver(desk.by_http(), send=meanwhile) is Status.SENT


def test_a_replay_whose_record_takes_longer_than_its_message_is_sent(desk):
    desk.deliver(desk.by_http(), send=raising(REFUSED))

    class Slow(MemoryLedger):
        def write(self, record):
            desk.clock.advance(seconds=8)
            assert desk.deliver(desk.take()) is Status.FAILED, "the message comes too early"
            return super().write(record)

    slow = Slow()
    slow.__dict__ = desk.ledger.__dict__
    desk.amendment(ledger=slow).replay(desk.record.id)

    assert desk.run() is Status.SENT


def test_a_mail_moved_within_its_minute_is_sent_at_its_new_second(desk):
    desk.accept(scheduled_at=TOMORROW.isoformat())
    hour = TOMORROW + timedelta(seconds=20)

    desk.amendment().reschedule(desk.record.id, hour)

    assert desk.run() is Status.SENT
    assert desk.clock.now == hour


def test_a_moved_mail_stays_where_it_is_when_its_old_message_meets_a_wrong_setting(desk):
    """The old message is on the queue already, and says when it was written that the mail may go."""
    old = desk.by_http()
    desk.requests.put(desk.record.id, b"{}")
    desk.amendment().reschedule(desk.record.id, TOMORROW)

    desk.deliver(old, compose=raising(ConfigError(["MAILER_TEMPLATES is wrong."])))

    assert (desk.record.status, desk.record.due_at) == (Status.SCHEDULED, TOMORROW)


def test_an_unknown_mail_is_named_as_such(desk):
    with pytest.raises(UnknownMail):
        desk.amendment().replay(SOME_ID)


def test_a_large_mail_leaves_no_blob_behind(desk):
    assert desk.deliver(desk.by_http(text="x" * 100_000)) is Status.SENT

    assert desk.requests.kept == {}


def test_a_large_mail_keeps_its_blob_while_it_waits_or_is_in_doubt(desk):
    desk.deliver(desk.by_http(text="x" * 100_000), send=raising(NO_ANSWER))

    assert set(desk.requests.kept) == {desk.record.id}
    desk.amendment().replay(desk.record.id)
    assert desk.run() is Status.SENT


@pytest.mark.parametrize("rate", [None, 30])
def test_a_mail_that_is_moved_to_now_is_sent_now(rate):
    desk = Post(rate=rate)
    desk.accept(scheduled_at=TOMORROW.isoformat())

    desk.amendment().reschedule(desk.record.id, START)

    assert desk.run() is Status.SENT
    assert desk.record.times[Status.SENT] - START < timedelta(seconds=5)


@pytest.mark.parametrize("rate", [None, 30])
def test_a_mail_that_is_moved_by_seconds_is_sent(rate):
    """Its row is that of the same minute."""
    desk = Post(rate=rate)
    desk.accept(scheduled_at=TOMORROW.isoformat())

    desk.amendment().reschedule(desk.record.id, TOMORROW + timedelta(seconds=20))

    assert desk.run() is Status.SENT
    assert desk.record.times[Status.SENT] >= TOMORROW + timedelta(seconds=20)


# What was done, by whom and when


def test_the_record_keeps_what_was_done_to_the_mail_by_whom_and_when(desk):
    desk.accept(scheduled_at=TOMORROW.isoformat())
    desk.amendment().reschedule(desk.record.id, TOMORROW + timedelta(days=1), by="shop")
    desk.clock.advance(hours=1)
    desk.amendment().cancel(desk.record.id)

    assert desk.record.done == (
        Done(action=Action.PATCH, by="shop", at=START),
        Done(action=Action.CANCEL, by=None, at=START + timedelta(hours=1)),
    )


def test_what_was_refused_was_not_done(desk):
    desk.deliver(desk.by_http())

    with pytest.raises(WrongStatus):
        desk.amendment().replay(desk.record.id, by="ops")
    assert desk.record.done is None


def test_an_attempt_after_a_replay_leaves_what_was_done(desk):
    desk.deliver(desk.by_http(), send=raising(REFUSED))
    desk.amendment().replay(desk.record.id, by="ops")

    desk.run()

    assert [(one.action, one.by) for one in desk.record.done] == [(Action.REPLAY, "ops")]


def test_of_what_was_done_the_last_twenty_are_kept():
    record = a_record()
    for day in range(MOST_DONE + 5):
        record = record.acted(Action.PATCH, "shop", now=START + timedelta(days=day))

    assert [one.at.day for one in record.done[:1]] == [(START + timedelta(days=5)).day]
    assert len(record.done) == MOST_DONE


@pytest.mark.parametrize("year", [1, 432, 1600, 2000])
def test_a_mail_moved_into_the_past_goes_at_once_and_its_record_can_be_kept(desk, year):
    """Table Storage keeps no instant before 1601, and one year of three digits would spoil every list with it."""
    desk.accept(scheduled_at=TOMORROW.isoformat())

    desk.amendment().reschedule(desk.record.id, datetime(year, 11, 10, tzinfo=UTC))

    assert desk.record.due_at == desk.record.since == START
    assert desk.run() is Status.SENT
