"""What only a person can mend is told once for each cause, and seen by the health page of every instance."""

from datetime import timedelta
from uuid import uuid4

import pytest
from azure.data.tables import TableClient

from mailer.storage.alarms import REPEAT, STANDS, Alarm, TableAlarms
from tests.fakes import Clock

SHOP, ALERTS = "shop@contoso.com", "alerts@contoso.com"
DENIED = Alarm(code="ErrorAccessDenied", text="Grant Mail.Send.")


class Instances:
    """Two workers of one app: the one that sends and the one that shows its health."""

    def __init__(self, table):
        self.clock = Clock()
        self.sending, self.showing = (TableAlarms(table, clock=self.clock) for _ in range(2))


@pytest.fixture
def app(storage):
    with TableClient.from_connection_string(storage.connection_string, f"t{uuid4().hex}") as table:
        yield Instances(table)


def test_where_nothing_is_wrong_nothing_stands(app):
    assert app.showing.standing() == []


def test_an_alarm_of_one_instance_is_seen_by_another(app):
    app.sending.sound(SHOP, DENIED.code, DENIED.text)

    assert app.showing.standing() == [DENIED]


def test_one_cause_is_one_line_in_the_log_however_many_mails_it_holds_up(app, caplog):
    for _ in range(100):
        app.sending.sound(SHOP, DENIED.code, DENIED.text)

    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert line.getMessage() == "needs_mending code=ErrorAccessDenied: Grant Mail.Send."
    assert SHOP not in caplog.text


def test_a_cause_that_stays_is_told_again_after_a_while(app, caplog):
    app.sending.sound(SHOP, DENIED.code, DENIED.text)
    app.clock.advance(seconds=REPEAT.total_seconds())
    app.sending.sound(SHOP, DENIED.code, DENIED.text)

    assert caplog.text.count("needs_mending") == 2


def test_a_sent_mail_ends_the_alarms_of_its_mailbox_alone(app):
    app.sending.sound(SHOP, DENIED.code, DENIED.text)
    app.sending.sound(ALERTS, "ErrorInvalidUser", "Check MAILER_SENDERS.")

    app.sending.over(SHOP)

    assert [alarm.code for alarm in app.showing.standing()] == ["ErrorInvalidUser"]


def test_an_alarm_that_nobody_repeats_is_no_longer_believed(app):
    app.sending.sound(SHOP, DENIED.code, DENIED.text)
    app.clock.advance(seconds=(STANDS + timedelta(seconds=1)).total_seconds())

    assert app.showing.standing() == []
