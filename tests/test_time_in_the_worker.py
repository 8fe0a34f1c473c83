"""The promise over hours and days, through the app in Microsoft's worker library, real storage and a strict Graph.

What is proved over memory in test_doubt, deliver and sweep is shown here once with everything real but time.
"""

import json
from contextlib import ExitStack
from datetime import timedelta

import pytest

from mailer.local import programs
from mailer.local.cloud.model import Fault

pytest.importorskip("azure_functions_runtime", reason="Microsoft's worker library exists for Python 3.13 and later")

from tests.chaos.mischief import Gate
from tests.chaos.proxy import StorageProxy
from tests.moved_host import MovedHost

RAW = {"to": "ada@example.com", "subject": "Hello", "text": "Hello, Ada"}
NO_ANSWER = Fault(call="sendMail", when="after", outcome="answer", status=504)
HANGS = Fault(call="sendMail", when="after", outcome="hang", times=1)
REFUSED = Fault(call="sendMail", outcome="answer", status=400, code="ErrorInvalidRecipients")
THROTTLED = Fault(
    call="sendMail", outcome="answer", status=429, code="ApplicationThrottled", headers={"Retry-After": "30"}, times=1
)


@pytest.fixture
def cloud(control):
    """The stack's, whose own host has nothing to do."""
    return control


@pytest.fixture
def app(stack, cloud, tmp_path):
    with ExitStack() as hosts:
        yield lambda **options: hosts.enter_context(MovedHost(stack, tmp_path, **options))


def state(host, mail):
    record = host.record(mail)
    return record["status"], (record["error"] or {}).get("code")


@pytest.mark.parametrize(
    ("policy", "lag", "copies", "status"),
    [
        ("hold", 0, 1, "uncertain"),
        ("resend", 0, 2, "uncertain"),
        ("verify", 0, 1, "sent"),
        ("verify", 1e6, 2, "uncertain"),
    ],
    ids=["hold", "resend", "verify, found", "verify, never found"],
)
def test_a_graph_that_takes_every_copy_and_answers_504_for_days_gets_two_at_most(
    app, cloud, policy, lag, copies, status
):
    cloud.set(sent_items_lag=lag)
    cloud.fault(NO_ANSWER)
    host = app(MAILER_ON_UNCERTAIN=policy)
    mail = host.post()

    host.run(days=3)

    assert (len(cloud.mails()), state(host, mail)[0]) == (copies, status)
    assert [record.get("resent", 0) for record in host.records] == [copies - 1]
    if status == "uncertain":
        cloud.clear_faults()
        assert host.replay(mail)[0] == 202, "its content is kept"
        host.run()
        assert state(host, mail) == ("sent", None)


@pytest.mark.parametrize(
    ("policy", "door"), [("hold", "http"), ("hold", "queue"), ("resend", "queue"), ("verify", "http")]
)
def test_a_worker_that_dies_in_flight_before_an_hours_outage_leaves_its_mail_to_the_policy(app, cloud, policy, door):
    """The clean-up runs before the message comes again."""
    host = app(MAILER_ON_UNCERTAIN=policy)
    host.post() if door == "http" else host.lay(RAW)
    cloud.fault(HANGS)
    host.die_over_a_message(cloud.mails)
    host.now += timedelta(hours=1)
    cloud.clear_faults()
    host.start(MAILER_ON_UNCERTAIN=policy)
    host.timer("sweep")

    host.run()

    (record,) = host.records
    copies = {"hold": 1, "resend": 2, "verify": 1}[policy]
    assert (len(cloud.mails()), record["status"]) == (copies, "uncertain" if policy == "hold" else "sent")
    assert host.failures == []
    if policy == "hold":
        assert host.replay(record["id"])[0] == 202, "its content is kept"


def test_a_worker_that_dies_while_it_uploads_makes_no_doubt(app, cloud):
    host = app()
    mail = host.post(attachments=[{"filename": "a.bin", "content": "eHh4" * 1_100_000}])
    cloud.fault(Fault(call="uploadRange", outcome="hang", times=1))
    host.die_over_a_message(lambda: cloud.traffic().calls.get("uploadRange"))
    host.now += timedelta(hours=1)
    cloud.clear_faults()
    host.start()
    host.timer("sweep")

    host.run()

    assert (state(host, mail), len(cloud.mails())) == (("sent", None), 1)


def test_a_mail_scheduled_beyond_the_retention_that_fails_on_its_day_is_kept_for_its_whole_retention(app, cloud):
    host = app(MAILER_RECORD_RETENTION="2d")
    mail = host.post(scheduled_at=(host.now + timedelta(days=5)).isoformat())
    cloud.fault(REFUSED)

    host.run(days=6)
    assert state(host, mail) == ("failed", "ErrorInvalidRecipients")

    cloud.clear_faults()
    assert host.replay(mail)[0] == 202
    host.run(minutes=10)
    assert state(host, mail) == ("sent", None)
    host.run(days=3)
    assert host.record(mail) is None, "its retention is over"


def test_a_mail_moved_by_more_than_its_age_has_its_whole_time_from_its_new_hour(app, cloud):
    host = app(MAILER_MAX_AGE="48h")
    mail = host.post(scheduled_at=(host.now + timedelta(hours=1)).isoformat())
    assert host.move(mail, host.now + timedelta(days=5))[0] == 200
    cloud.fault(THROTTLED)

    host.run(days=6)

    assert (state(host, mail), host.record(mail)["attempts"]) == (("sent", None), 2)
    assert len(cloud.mails()) == 1


def test_a_canceled_mail_stays_canceled_at_its_old_hour_and_ever_after(app, cloud):
    host = app()
    mail = host.post(scheduled_at=(host.now + timedelta(hours=1)).isoformat())
    soon = host.post(scheduled_at=(host.now + timedelta(seconds=90)).isoformat())
    for each in (mail, soon):
        assert host.cancel(each)[0] == 200

    host.run(days=2)

    assert [record["status"] for record in host.records] == ["canceled", "canceled"]
    assert (cloud.mails(), host.failures) == ([], [])


def test_a_send_that_graph_has_confirmed_is_known_although_the_table_is_away(app, cloud, stack):
    """It goes away between Graph's 202 and the record, and comes back two minutes later."""
    gate, (port,) = Gate(), programs.free_ports(1)
    cloud.fault(Fault(call="sendMail", when="after", delay=1, times=1))
    with StorageProxy("table", port=port, upstream=stack.ports.table, gate=gate):
        host = app(table_port=port, MAILER_ON_UNCERTAIN="resend")
        mail = host.post()
        message = host.begin_a_message(cloud.mails)
        gate.close()
        host.end_message(message)
        host.now += timedelta(minutes=2)
        gate.open()

        host.run(hours=1)

        assert (state(host, mail), len(cloud.mails())) == (("sent", None), 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"MAILER_SENDERS": "shop@-contoso.com"},
        {"MAILER_POOLS": "news=shop@-contoso.com"},
        {"MAILER_TEMPLATES": "no-such-folder"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_messages_wait_for_an_hour_while_a_setting_is_wrong_that_shows_when_it_is_used(app, cloud, wrong):
    host = app(**wrong)
    host.lay({"to": "ada@example.com", "template": {"id": "password-reset", "variables": PASSWORD}})

    host.run(hours=1)
    assert (cloud.mails(), host.failures) == ([], []), "no run failed, so that the host buries nothing"

    host.restart()
    host.run()
    assert [record["status"] for record in host.records] == ["sent"]
    assert len(cloud.mails()) == 1


PASSWORD = json.loads((programs.ROOT / "mailer/templates/password-reset/sample.json").read_text())


@pytest.mark.parametrize("door", ["http", "queue"])
def test_a_message_that_the_host_buries_is_one_failed_mail_that_can_be_replayed(app, cloud, door):
    host = app(STUMBLES_OVER="Hello")
    host.post() if door == "http" else host.lay(RAW)

    host.run()

    (record,) = host.records
    assert (record["status"], record["error_code"]) == ("failed", "host_gave_up")
    assert (len(host.failures), cloud.mails()) == (60, [])
    host.restart()
    assert host.replay(record["id"])[0] == 202
    host.run()
    assert (state(host, record["id"]), len(cloud.mails())) == (("sent", None), 1)


def test_nonsense_that_the_host_has_buried_is_a_failed_record_with_its_text_kept(app):
    host = app()
    host.queues[host.poison].send_message("nonsense", time_to_live=-1)

    host.run()

    (record,) = host.records
    assert (record["status"], record["error_code"]) == ("failed", "validation_error")
    assert host.replay(record["id"])[0] == 202
