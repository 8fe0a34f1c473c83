"""What only a person can mend is told once for each cause, and seen by the health page of every instance."""

import threading
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from azure.data.tables import TableClient, UpdateMode

from mailer.storage.alarms import KEEP, LOOK, REPEAT, STANDS, Alarm, TableAlarms, after
from mailer.storage.clients import kept_table
from tests.builders import storage_of
from tests.fakes import START, Clock

SHOP, ALERTS = "shop@contoso.com", "alerts@contoso.com"
DENIED = Alarm(mailbox=SHOP, code="ErrorAccessDenied", text="Grant Mail.Send.", since=START)
UNKNOWN = Alarm(mailbox=ALERTS, code="ErrorInvalidUser", text="Check MAILER_SENDERS.", since=START)
EXPIRED = Alarm(mailbox=ALERTS, code="AADSTS7000222", text="The client secret has expired.", since=START)


class Instances:
    """Three workers of one app: two that send and the one that shows its health."""

    def __init__(self, table):
        self.table, self.clock, self.due = table, Clock(), []
        self.sending, self.other, self.showing = (
            TableAlarms(table, clock=self.clock, after=lambda *call: self.due.append(call)) for _ in range(3)
        )

    def sound(self, alarm, *, by=None):
        (by or self.sending).sound(alarm.mailbox, alarm.code, alarm.text)

    def advance(self, duration):
        self.clock.advance(seconds=duration.total_seconds())


@pytest.fixture
def app(storage):
    with closing(kept_table(storage_of(storage), f"t{uuid4().hex}")) as table:
        yield Instances(table)


def test_where_nothing_is_wrong_nothing_stands(app):
    assert app.showing.standing() == []


def test_an_alarm_of_one_instance_is_seen_by_another_with_its_mailbox_and_since_when(app):
    app.sound(DENIED)

    assert app.showing.standing() == [DENIED]


def test_one_cause_is_one_line_in_the_log_however_many_mails_it_holds_up(app, caplog):
    for _ in range(100):
        app.sound(DENIED)

    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert line.getMessage() == f"needs_mending mailbox={SHOP} code=ErrorAccessDenied: Grant Mail.Send."


def test_a_cause_that_stays_is_told_again_after_a_while(app, caplog):
    app.sound(DENIED)
    app.advance(REPEAT)
    app.sound(DENIED)

    assert caplog.text.count("needs_mending") == 2


def test_a_cause_that_stays_stands_since_it_was_told_first_by_whichever_instance(app):
    app.sound(DENIED)
    app.advance(REPEAT)
    app.sound(DENIED, by=app.other)
    app.advance(STANDS - timedelta(seconds=1))

    assert app.showing.standing() == [DENIED]


def test_a_cause_that_comes_back_stands_since_it_came_back(app):
    app.sound(DENIED)
    app.advance(2 * STANDS)
    app.sound(DENIED)

    assert app.showing.standing() == [replace(DENIED, since=START + 2 * STANDS)]


@pytest.mark.parametrize("by", ["sending", "other", "showing"])
def test_a_sent_mail_ends_the_alarms_of_its_mailbox_alone_whoever_told_of_them(app, by):
    app.sound(DENIED)
    app.sound(UNKNOWN)

    getattr(app, by).over(SHOP)

    assert app.showing.standing() == [UNKNOWN]


@pytest.mark.parametrize("by", ["sending", "other"])
def test_any_sent_mail_ends_what_no_mail_could_be_sent_with(app, by):
    """A secret that was expired for one mailbox was so for all."""
    app.sound(EXPIRED)

    getattr(app, by).over(SHOP)

    assert app.showing.standing() == []


def test_a_cause_that_comes_back_after_another_instance_ended_it_is_seen_again(app):
    app.sound(DENIED)
    app.other.over(SHOP)
    app.advance(KEEP)
    app.sound(DENIED)

    assert [alarm.code for alarm in app.showing.standing()] == [DENIED.code]


def test_an_alarm_that_arose_between_two_sent_mails_of_another_instance_ends_with_the_next_one(app):
    app.other.over(SHOP)
    app.sound(DENIED)
    app.advance(LOOK)
    app.other.over(SHOP)

    assert app.showing.standing() == []


def test_an_alarm_that_arose_and_was_mended_within_seconds_ends_though_no_further_mail_is_sent(app):
    app.other.over(SHOP)
    app.advance(timedelta(seconds=1))
    app.sound(DENIED)
    app.other.over(SHOP)
    app.other.over(SHOP)

    ((delay, look),) = app.due
    app.advance(delay)
    look()
    assert (delay, app.showing.standing()) == (LOOK - timedelta(seconds=1), [])


def test_an_alarm_that_arose_after_the_last_sent_mail_stands(app):
    app.other.over(SHOP)
    app.advance(timedelta(seconds=1))
    app.other.over(SHOP)
    app.advance(timedelta(seconds=1))
    app.sound(DENIED)

    ((_, look),) = app.due
    look()
    assert [alarm.code for alarm in app.showing.standing()] == [DENIED.code]


def test_a_look_comes_by_itself():
    called = threading.Event()
    after(timedelta(milliseconds=1), called.set)

    assert called.wait(10)


def test_many_sent_mails_are_few_looks_at_the_table(app, storage):
    app.sound(DENIED)
    answers = []
    with TableClient.from_connection_string(
        storage.connection_string, app.table.table_name, raw_response_hook=answers.append
    ) as table:
        alarms = TableAlarms(table, clock=app.clock, after=lambda *_: None)
        for _ in range(100):
            alarms.over(SHOP)

    assert [answer.http_request.method for answer in answers] == ["GET", "DELETE"]


def test_an_alarm_that_nobody_repeats_is_no_longer_believed_and_cleaned_up(app):
    app.sound(DENIED)
    app.advance(STANDS + timedelta(seconds=1))

    assert app.showing.standing() == []
    app.other.over(ALERTS)
    assert list(app.table.list_entities()) == []


def test_an_alarm_of_an_older_version_is_shown_and_ended(app):
    """Its row tells neither the mailbox nor since when."""
    app.sound(DENIED)
    (row,) = app.table.list_entities()
    old = {name: row[name] for name in ("PartitionKey", "RowKey", "code", "text", "at")}
    app.table.upsert_entity(old, mode=UpdateMode.REPLACE)

    assert app.showing.standing() == [replace(DENIED, mailbox="")]
    app.other.over(SHOP)
    assert app.showing.standing() == []
