"""A mail from end to end, through the doors."""

import json
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import azure.functions as func
import pytest
from azure.data.tables import TableClient

from mailer import wiring
from mailer.delivery.message import write_together
from mailer.pace.later import Later
from tests.app import URL, Worker, content
from tests.builders import members


def test_an_urgent_mail_is_delivered_within_the_call(worker, queues, cloud):
    posted = worker.post(members(priority="urgent"))

    assert (posted.status_code, content(posted)["status"]) == (200, "sent")
    record = content(worker.get(content(posted)["id"]))
    assert (record["priority"], record["from"], record["expected_at"]) == ("urgent", "shop@contoso.com", None)


def test_a_template_may_say_how_urgent_its_mails_are(worker, monkeypatch, tmp_path):
    folder = tmp_path / "templates" / "code"
    folder.mkdir(parents=True)
    for name, text in {"subject.txt": "s", "body.txt": "b", "template.json": '{"priority": "urgent"}'}.items():
        (folder / name).write_text(text)
    monkeypatch.setenv("MAILER_TEMPLATES", str(tmp_path / "templates"))

    posted = worker.post(members(subject=None, text=None, template={"id": "code"}))

    assert content(posted)["status"] == "sent"


def test_the_answer_tells_when_a_mail_that_waits_for_its_turn_is_expected_to_leave(worker, queues):
    posted = [content(worker.post(members(priority="bulk"))) for _ in range(8)]

    expected = [datetime.fromisoformat(each["expected_at"]) for each in posted]
    assert expected == sorted(set(expected))
    assert timedelta(seconds=10) <= expected[-1] - expected[0] <= timedelta(seconds=18)
    record = content(worker.get(posted[-1]["id"]))
    assert (record["status"], record["expected_at"]) == ("queued", posted[-1]["expected_at"])


def test_a_pool_sends_from_one_of_its_mailboxes(worker, queues, cloud, monkeypatch):
    monkeypatch.setenv("MAILER_POOLS", "news=shop@contoso.com, alerts@contoso.com")

    posted = worker.post(members(from_="news", priority="urgent"))

    assert content(worker.get(content(posted)["id"]))["from"] in {"shop@contoso.com", "alerts@contoso.com"}


def test_a_mail_by_http_is_accepted_sent_and_shown(worker, queues, cloud):
    posted = worker.post(members(tags={"flow": "checkout"}))

    receipt = content(posted)
    assert (posted.status_code, receipt["status"]) == (202, "queued")
    assert posted.headers["Location"] == f"/api/emails/{receipt['id']}"
    assert content(worker.get(receipt["id"]))["status"] == "queued"

    (message,) = queues.main.receive_messages()
    worker.deliver(message.content)

    shown = worker.get(receipt["id"])
    assert shown.status_code == 200
    record = content(shown)
    assert set(record) == {
        "id",
        "status",
        "from",
        "pool",
        "priority",
        "caller",
        "expected_at",
        "attempts",
        "resent",
        "gate",
        "error",
        "template",
        "template_version",
        "content_hash",
        "request_id",
        "recipients",
        "tags",
        "scheduled_at",
        "times",
        "done",
    }
    assert (record["status"], record["attempts"], record["error"]) == ("sent", 1, None)
    assert (record["recipients"], record["tags"]) == (1, {"flow": "checkout"})
    assert list(record["times"]) == ["queued", "sending", "sent"]
    assert all(datetime.fromisoformat(instant).tzinfo for instant in record["times"].values())
    (mail,) = cloud.control.mails()
    assert (mail.mailbox, mail.subject, mail.client_request_id) == ("shop@contoso.com", "Hello", receipt["id"])
    assert (record["template_version"], record["caller"], record["done"]) == (None, None, [])
    assert UUID(record["request_id"])
    assert len(record["content_hash"]) == 64


def test_the_record_names_the_version_of_the_template(worker, queues, monkeypatch, tmp_path):
    for name, body in {"one": "b", "same": "b", "another": "c"}.items():
        folder = tmp_path / "templates" / name
        folder.mkdir(parents=True)
        (folder / "subject.txt").write_text("s")
        (folder / "body.txt").write_text(body)
    monkeypatch.setenv("MAILER_TEMPLATES", str(tmp_path / "templates"))

    def version(name):
        mail = content(worker.post(members(subject=None, text=None, template={"id": name}, priority="urgent")))["id"]
        return content(worker.get(mail))["template_version"]

    assert version("one") == version("same") != version("another")


def test_a_mail_by_queue_is_sent(worker, cloud):
    worker.deliver(json.dumps(members()))

    assert len(cloud.control.mails()) == 1


def test_the_mail_in_an_event_is_sent_once_however_often_the_event_comes(worker, cloud):
    event = {"specversion": "1.0", "type": "Shop.OrderPlaced", "source": "/shop", "id": "A234", "data": members()}
    worker.deliver(json.dumps(event))
    worker.deliver(json.dumps(event | {"time": "2026-11-25T10:00:00Z"}))

    (mail,) = cloud.control.mails()
    assert mail.subject == "Hello"


def test_a_mail_that_graph_refuses_is_shown_with_its_reason(worker, queues, cloud):
    cloud.control.set(roles=(), exchange_roles=())
    receipt = content(worker.post())
    (message,) = queues.main.receive_messages()
    worker.deliver(message.content)

    record = content(worker.get(receipt["id"]))
    assert record["status"] == "queued"
    assert record["error"]["code"]
    assert "Mail.Send" in record["error"]["message"]


def test_a_bad_message_is_failed_and_kept_at_the_first_try(worker, requests):
    mail = worker.deliver('{"to": "nobody"}')

    record = content(worker.get(mail))
    assert (record["status"], record["error"]["code"]) == ("failed", "validation_error")
    assert requests.download_blob(f"requests/{mail}.json").readall() == b'{"to":"nobody"}'


@pytest.mark.usefixtures("cloud")
def test_what_the_host_has_given_up_is_a_failed_mail_that_can_be_replayed(worker, queues, cloud):
    mail = worker.deliver(json.dumps(members()), door="account_for_email")
    record = content(worker.get(mail))
    assert (record["status"], record["error"]["code"]) == ("failed", "host_gave_up")

    worker.call("replay_email", func.HttpRequest("POST", URL, route_params={"id": mail}, body=b""))
    worker.deliver(_waited_for(queues.main))

    record = content(worker.get(mail))
    assert (record["status"], [one["action"] for one in record["done"]]) == ("sent", ["replay"])
    assert len(cloud.control.mails()) == 1


def _waited_for(queue):
    """The next message, once it can be seen."""
    while (message := queue.receive_message()) is None:
        time.sleep(0.2)
    return message.content


def test_a_mail_for_another_day_waits_in_the_table_and_comes_in_its_minute(worker, queues):
    due = datetime.now(UTC) + timedelta(minutes=3)
    assert content(worker.post(members(scheduled_at=due.isoformat())))["status"] == "scheduled"
    worker.call("release", None)
    wiring.storage_parts.queue().length()
    assert queues.main.get_queue_properties().approximate_message_count == 0

    parts = wiring.storage_parts
    Later(queue=parts.queue(), rows=parts.rows(), clock=lambda: due - timedelta(minutes=1)).release(map)

    assert queues.main.get_queue_properties().approximate_message_count == 1


@pytest.mark.parametrize("timer", ["release", "sweep"])
def test_the_timers_run_on_an_empty_account(worker, timer):
    worker.call(timer, None)


def test_mails_of_one_message_wait_each_by_itself_while_a_setting_is_wrong(
    worker, queues, environ, storage, monkeypatch
):
    """The host would give the message up after sixty runs, and their content with it."""
    ids = [content(worker.post(members()))["id"] for _ in range(2)]
    texts = [message.content for message in queues.main.receive_messages()]
    queues.main.clear_messages()
    monkeypatch.setenv("MAILER_POOLS", "news=shop@-contoso.com")

    Worker().deliver(write_together(texts))

    with TableClient.from_connection_string(storage.connection_string, environ["MAILER_TABLE"]) as table:
        rows = [
            row["RowKey"].partition("|")[2] for row in table.list_entities() if row["PartitionKey"].startswith("due|")
        ]
    assert len(rows) + queues.main.get_queue_properties().approximate_message_count == len(ids)
    assert set(rows) <= set(ids)
