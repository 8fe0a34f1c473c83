"""The doors: what callers and the host see. Storage is Azurite, Entra, Key Vault and Graph are the local cloud."""

import json
import logging
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID, uuid4

import azure.functions as func
import pytest
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from mailer import wiring
from mailer.doors.replies import STATUS_BY_CLASS
from mailer.errors import ConfigError, MailerError
from mailer.local import programs
from mailer.storage import clients
from tests.app import URL, Worker, app_settings, content, error
from tests.builders import as_bytes, members


@pytest.fixture
def cloud(local_cloud):
    local_cloud.control.reset()
    return local_cloud


@pytest.fixture
def environ(storage, cloud, monkeypatch):
    return app_settings(storage, cloud, monkeypatch)


@pytest.fixture
def worker(environ):
    assert environ
    return Worker()


@pytest.fixture
def queues(environ, storage):
    """The queue and its poison queue."""
    clients = [
        QueueClient.from_connection_string(storage.connection_string, environ["MAILER_QUEUE"] + end)
        for end in ("", "-poison")
    ]
    with clients[0], clients[1]:
        yield SimpleNamespace(main=clients[0], poison=clients[1])


@pytest.fixture
def requests(environ, storage):
    """The container of requests."""
    with ContainerClient.from_connection_string(storage.connection_string, environ["MAILER_CONTAINER"]) as container:
        yield container


def instant(text):
    return datetime.fromisoformat(text)


# A mail from end to end


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

    expected = [instant(each["expected_at"]) for each in posted]
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

    later = wiring.later()
    replace(later, clock=lambda: due - timedelta(minutes=1)).release(map)

    assert queues.main.get_queue_properties().approximate_message_count == 1


@pytest.mark.parametrize("timer", ["release", "sweep"])
def test_the_timers_run_on_an_empty_account(worker, timer):
    worker.call(timer, None)


# Replies


@pytest.mark.parametrize("url", [f"{URL}?code=s3cret", URL + "/", "https://evil.example.com/api/emails"])
def test_the_location_is_relative_and_holds_neither_a_key_nor_a_host(worker, url):
    posted = worker.post(url=url)

    assert posted.headers["Location"] == f"/api/emails/{content(posted)['id']}"


def test_the_location_leads_where_the_host_has_the_route(worker):
    host = json.loads((Path(__file__).parents[1] / "host.json").read_text())
    route = worker.triggers["get_email"].route
    posted = worker.post()

    receipt = content(posted)
    assert posted.headers["Location"] == f"/{host['extensions']['http']['routePrefix']}/{route}".format(**receipt)


@pytest.mark.parametrize(
    "body",
    [
        as_bytes({"to": [f"x{number}" for number in range(200_000)], "subject": "s", "text": "t"}),
        as_bytes({f"x{number}": 1 for number in range(200_000)}),
        as_bytes(members(to=["\U0001f600" * 200] * 500)),
        as_bytes(members(**{"x" * 2_000_000: 1})),
        as_bytes({"to": "a@example.com", "template": {"id": "x" * 2_000_000}}),
        as_bytes(members(headers={f"x-{number}": "" for number in range(200_000)})),
        as_bytes(members(attachments=[{f"a{number}": 1 for number in range(3000)}] * 3)),
        b'{"to":1,' * 1 + b",".join(b'"a%d":1,"a%d":1' % (number, number) for number in range(100_000)) + b"}",
    ],
    ids=["recipients", "members", "smileys", "a name", "a template", "headers", "attachments", "twice"],
)
def test_the_answer_to_a_huge_mistake_is_small(worker, body):
    posted = worker.post(body)

    assert 400 <= posted.status_code < 500
    assert len(posted.get_body()) < 64 * 1024
    assert len(content(posted)["error"]["details"]) <= 50


def test_the_key_may_come_as_a_header(worker):
    first, second = worker.post(Idempotency_Key="order-7"), worker.post(Idempotency_Key="order-7")

    assert content(first) == content(second)
    assert first.headers["Location"] == second.headers["Location"]


@pytest.mark.parametrize(
    ("changes", "status", "code", "target"),
    [
        ({"to": "nobody"}, 400, "validation_error", "to"),
        ({"headers": {"x-new": "7"}}, 422, "header_not_allowed", "headers.x-new"),
        ({"attachments": [{"filename": "a", "blob": "a"}]}, 422, "attachment_not_found", "attachments[0].blob"),
        (
            {"attachments": [{"filename": "a", "content": "QUFB" * 9_200_000}]},
            413,
            "attachment_too_large",
            "attachments",
        ),
        ({"from_": "eve@example.com"}, 422, "sender_not_allowed", "from"),
        ({"subject": None, "text": None, "template": {"id": "x"}}, 422, "template_not_found", "template.id"),
        ({"text": "x" * 4_000_000}, 413, "request_too_large", None),
    ],
)
def test_a_refused_request_is_told_why(worker, changes, status, code, target):
    reply = error(worker.post(members(**changes)), status)

    assert (reply["code"], reply.get("target")) == (code, target)
    assert reply["details"] == [{"code": code, "message": reply["message"], "target": target}]


def test_every_problem_is_among_the_details(worker):
    reply = error(worker.post(members(to="nobody", from_="eve@example.com")), 400)

    assert {(detail["code"], detail["target"]) for detail in reply["details"]} == {
        ("validation_error", "to"),
        ("sender_not_allowed", "from"),
    }


def test_variables_that_are_missing_are_all_named(worker):
    template = {"id": "order-confirmation", "variables": {"order": {"number": 7, "lines": []}}}
    reply = error(worker.post(members(subject=None, text=None, template=template)), 422)

    assert reply["code"] == "template_variable_missing"
    assert [detail["target"] for detail in reply["details"]] == ["customer.name", "order.total", "order.currency"]


def test_what_is_no_json_is_refused(worker):
    assert error(worker.post(b"hello"), 400)["code"] == "validation_error"


def test_a_key_cannot_be_used_for_another_mail(worker):
    worker.post(Idempotency_Key="order-7")

    reply = error(worker.post(members(subject="Another"), Idempotency_Key="order-7"), 409)
    assert reply["code"] == "invalid_idempotent_request"


@pytest.mark.parametrize(
    "mail_id",
    ["7", "", "01a20846-fe00-7303-b233-343536373839", "ffffffff-ffff-4fff-8fff-ffffffffffff", "../x", "a" * 5000],
)
def test_an_unknown_mail_is_not_found(worker, mail_id):
    assert error(worker.get(mail_id), 404)["code"] == "not_found"


@pytest.mark.usefixtures("environ")
def test_a_mail_that_cannot_be_stored_is_worth_another_try(storage, monkeypatch):
    (port,) = programs.free_ports(1)
    monkeypatch.setenv(
        "AzureWebJobsStorage", re.sub(r"(TableEndpoint=http://127.0.0.1):\d+", rf"\1:{port}", storage.connection_string)
    )
    worker = Worker()
    monkeypatch.setitem(clients.STORAGE_NETWORK, "retry_total", 0)

    response = worker.post()
    assert error(response, 503)["code"] == "storage_unavailable"
    assert float(response.headers["Retry-After"]) > 0


def test_every_leaf_of_the_error_tree_has_a_status(worker):
    def leaves(kind):
        return [leaf for one in kind.__subclasses__() for leaf in leaves(one)] or [kind]

    by_class = STATUS_BY_CLASS
    assert [leaf for leaf in [*leaves(MailerError), ConfigError] if not issubclass(leaf, tuple(by_class))] == []


# Templates


def test_the_templates_are_listed_with_their_languages(worker):
    listed = worker.templates()

    assert listed.status_code == 200
    assert {"id": "order-confirmation", "locales": ["en", "fr"]} in content(listed)["data"]


def test_a_template_tells_what_it_needs(worker):
    shown = content(worker.template("order-confirmation"))

    assert set(shown) == {"id", "locales", "variables", "sample", "schema"}
    variables = {variable.pop("path"): variable for variable in shown["variables"]}
    assert variables["order.lines"] == {"type": "list", "optional": False}
    assert variables["order.lines[].price"]["type"] == "money"
    assert variables["customer.name"]["type"] == "text"
    assert variables["sender"]["optional"]
    assert shown["sample"]["order"]["lines"]


def test_a_preview_shows_the_sample_and_sends_nothing(worker, cloud):
    shown = worker.preview()

    assert shown.status_code == 200
    mail = content(shown)
    assert set(mail) == {"subject", "html", "text", "locale", "images"}
    number = str(content(worker.template("order-confirmation"))["sample"]["order"]["number"])
    assert number in mail["subject"]
    assert mail["html"].lower().startswith("<!doctype html>")
    assert "<" not in mail["text"]
    assert mail["locale"] == "en"
    assert cloud.control.mails() == []


@pytest.mark.parametrize(
    ("wanted", "shown"), [("fr", "fr"), ("fr-CA", "fr"), ("FR", "fr"), ("de", "en"), ("en-GB", "en"), (None, "en")]
)
def test_a_preview_tells_the_language_it_is_in(worker, wanted, shown):
    assert content(worker.preview(content={"locale": wanted}))["locale"] == shown


def test_a_preview_names_the_images_that_go_with_the_mail(worker):
    (chart,) = content(worker.preview("weekly-report"))["images"]

    assert (chart["content_id"], chart["content_type"]) == ("chart-1.png", "image/png")
    assert chart["size"] > 1000


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml,*/*;q=0.8"])
def test_a_preview_can_be_the_page_itself(worker, accept):
    shown = worker.preview("weekly-report", accept=accept)

    page = shown.get_body().decode()
    assert (shown.status_code, shown.mimetype) == (200, "text/html")
    assert page.lower().startswith("<!doctype html>")
    assert "cid:" not in page
    assert 'src="data:image/png;base64,iVBOR' in page
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    policy = [rule.strip() for rule in shown.headers["Content-Security-Policy"].split(";")]
    assert {"default-src 'none'", "img-src data:", "sandbox"} < set(policy)
    assert not any("script-src" in rule or "http" in rule for rule in policy)


def test_a_preview_names_every_problem_of_the_variables(worker):
    variables = {"customer": {}, "order": {"number": 7, "currency": "EUR", "lines": []}}
    reply = error(worker.preview(content={"variables": variables}), 422)

    assert reply["code"] == "template_variable_missing"
    assert {detail["target"] for detail in reply["details"]} == {"customer.name", "order.total"}


@pytest.mark.parametrize(
    ("body", "target", "words"),
    [
        ({"variabels": {}}, "variabels", "did you mean `variables`?"),
        ({"id": "alert"}, "id", "known are variables, locale"),
        ({"variables": []}, "variables", "must be an object"),
        ({"variables": "{}"}, "variables", "JSON inside a string"),
        ({"locale": "!"}, "locale", "language tag"),
        (b"[]", None, "no object"),
        (b"{", None, "not JSON"),
    ],
)
def test_a_preview_that_is_asked_for_wrongly_is_told_why(worker, body, target, words):
    reply = error(worker.preview(content=body), 400)

    assert reply["details"] == [{"code": "validation_error", "message": reply["message"], "target": target}]
    assert words in reply["message"]


@pytest.mark.parametrize("call", ["template", "preview"])
def test_an_unknown_template_is_not_found(worker, call):
    reply = error(getattr(worker, call)("order-confirmaton"), 404)

    assert reply["code"] == "template_not_found"
    assert "did you mean `order-confirmation`?" in reply["message"]


# Settings that are wrong


@pytest.mark.usefixtures("environ")
def test_with_wrong_settings_every_reply_names_them(monkeypatch):
    monkeypatch.delenv("MAILER_TENANT_ID")
    monkeypatch.setenv("MAILER_CLIENT_ID", "x")
    worker = Worker()

    reply = error(worker.post(), 503)
    assert [detail["message"].split()[0] for detail in reply["details"]] == ["MAILER_TENANT_ID", "MAILER_CLIENT_ID"]
    health = worker.health()
    assert health.status_code == 503
    assert len(content(health)["parts"]["settings"]["problems"]) == 2
    assert health.get_body().count(b"MAILER_TENANT_ID is missing") == 1


@pytest.mark.usefixtures("environ")
def test_a_typing_error_in_the_name_of_a_setting_stops_the_app_and_is_told_once(monkeypatch):
    monkeypatch.setenv("MAILER_GAET", "block")
    worker = Worker()

    assert "did you mean MAILER_GATE?" in error(worker.post(), 503)["message"]
    assert "deliver_email" not in worker.triggers
    assert worker.health().get_body().count(b"MAILER_GAET") == 1


@pytest.mark.usefixtures("environ")
def test_wrong_settings_are_logged_when_the_worker_starts(monkeypatch, caplog):
    monkeypatch.delenv("MAILER_TENANT_ID")
    Worker()

    assert "setting_wrong MAILER_TENANT_ID is missing" in caplog.text


@pytest.mark.usefixtures("environ")
def test_with_wrong_settings_mails_wait_on_the_queue(monkeypatch):
    """A function that only failed would move every mail to the poison queue within minutes."""
    monkeypatch.delenv("MAILER_TENANT_ID")

    assert "deliver_email" not in Worker().triggers
    assert {"post_email", "get_health"} < set(Worker().triggers)


@pytest.mark.parametrize("name", ["MAILER_SENDERS", "AzureWebJobsStorage", "MAILER_QUEUE", "MAILER_MAX_AGE"])
@pytest.mark.parametrize(
    "text", ["", ",", "garbage!", "@Microsoft.KeyVault(SecretUri=https://contoso.vault.azure.net/secrets/x)"]
)
@pytest.mark.usefixtures("environ")
def test_no_setting_is_so_wrong_that_the_worker_does_not_start_or_gives_no_reply(monkeypatch, name, text):
    monkeypatch.setenv(name, text)
    worker = Worker()

    assert worker.health().status_code in {200, 503}
    assert worker.post().status_code in {202, 503}


# What the host sees


def test_the_host_sees_each_route_a_timer_and_a_queue(worker, environ):
    triggers = worker.triggers

    routes = {
        name: (trigger.route, [str(method.value) for method in trigger.methods])
        for name, trigger in triggers.items()
        if hasattr(trigger, "route")
    }
    assert routes == {
        "post_email": ("emails", ["POST"]),
        "post_batch": ("emails/batch", ["POST"]),
        "get_emails": ("emails", ["GET"]),
        "get_email": ("emails/{id}", ["GET"]),
        "patch_email": ("emails/{id}", ["PATCH"]),
        "cancel_email": ("emails/{id}/cancel", ["POST"]),
        "release_email": ("emails/{id}/release", ["POST"]),
        "replay_email": ("emails/{id}/replay", ["POST"]),
        "retry_email": ("emails/{id}/retry", ["POST"]),
        "get_failures": ("failures", ["GET"]),
        "replay_failures": ("failures/{code}/replay", ["POST"]),
        "retry_failures": ("failures/{code}/retry", ["POST"]),
        "get_templates": ("templates", ["GET"]),
        "get_template": ("templates/{id}", ["GET"]),
        "preview_template": ("templates/{id}/preview", ["POST"]),
        "get_health": ("health", ["GET"]),
        "get_openapi": ("openapi.json", ["GET"]),
        "get_console": ("console", ["GET"]),
        "get_console_file": ("console/{file}", ["GET"]),
    }
    assert (triggers["deliver_email"].queue_name, triggers["deliver_email"].connection) == (
        environ["MAILER_QUEUE"],
        "AzureWebJobsStorage",
    )


def test_every_route_asks_for_a_function_key_but_the_page_without_data(worker):
    open_ones = {
        name
        for name, trigger in worker.triggers.items()
        if hasattr(trigger, "route") and trigger.auth_level != func.AuthLevel.FUNCTION
    }

    assert open_ones == {"get_console", "get_console_file"}


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize("text", [None, "", " ", "emails-2"])
def test_the_trigger_listens_to_the_queue_that_mails_are_put_on(monkeypatch, text):
    if text is None:
        monkeypatch.delenv("MAILER_QUEUE")
    else:
        monkeypatch.setenv("MAILER_QUEUE", text)
    worker = Worker()

    assert worker.triggers["deliver_email"].queue_name == wiring.settings().queue


def test_the_host_leaves_messages_as_they_are():
    """Mails lie on the queue in plain text, so the host must not decode them."""
    host = json.loads((Path(__file__).parents[1] / "host.json").read_text())

    assert host["extensions"]["queues"]["messageEncoding"] == "none"
    assert host["extensions"]["http"]["routePrefix"] == "api"


# Health


def test_health_names_what_works(worker):
    health = worker.health()

    assert health.status_code == 200
    assert content(health)["status"] == "ok"
    assert {name: part["status"] for name, part in content(health)["parts"].items()} == dict.fromkeys(
        (
            "settings",
            "table",
            "queue",
            "blobs",
            "graph_token",
            "permission",
            "clock",
            "templates",
            "sending",
            "pace",
            "callers",
        ),
        "ok",
    )


def test_health_names_what_does_not_work(worker, cloud):
    cloud.control.set(vault_granted=False)

    health = worker.health()
    assert health.status_code == 503
    parts = content(health)["parts"]
    assert parts["table"] == {"status": "ok"}
    assert "Key Vault Secrets User" in parts["graph_token"]["problems"][0]


def test_health_asks_graph_whether_each_mailbox_may_send_before_any_mail_has_been_refused(worker, cloud):
    cloud.control.set(roles=(), exchange_roles=())

    (problem,) = content(worker.health())["parts"]["permission"]["problems"]
    assert problem.startswith("No consent to Mail.Send, for ")
    assert "python -m mailer setup --scope" in problem


def test_health_warns_of_what_lies_on_the_poison_queue(worker, queues):
    worker.health()  # makes the queue
    queues.poison.send_message("{}")
    worker = Worker()

    (problem,) = content(worker.health())["parts"]["queue"]["problems"]
    assert problem.endswith("until they are taken off: 1.")


def test_health_tells_whose_mails_wait_since_when_until_any_worker_has_sent_the_next_one(worker, queues, cloud):
    cloud.control.set(roles=(), exchange_roles=())
    worker.post()
    worker.deliver(queues.main.receive_message().content)

    (alarm,) = content(worker.health())["parts"]["sending"]["problems"]
    assert alarm.startswith("Mails of shop@contoso.com wait since 20")
    assert "Grant" in alarm

    cloud.control.set(roles=("Mail.Send",))
    other = Worker()
    other.deliver(json.dumps(members()))
    assert content(other.health())["parts"]["sending"] == {"status": "ok"}


def test_a_redirected_mail_goes_to_the_tester_and_its_record_says_so(environ, queues, cloud, monkeypatch):
    assert environ
    monkeypatch.setenv("MAILER_GATE", "redirect")
    monkeypatch.setenv("MAILER_REDIRECT_TO", "tester@contoso.com")
    worker = Worker()

    receipt = content(worker.post(members(cc="grace@example.com")))
    worker.deliver(queues.main.receive_message().content)

    (mail,) = cloud.control.mails()
    assert [one.address for one in mail.to + mail.cc + mail.bcc] == ["tester@contoso.com"]
    assert content(worker.get(receipt["id"]))["gate"] == "redirected to MAILER_REDIRECT_TO in place of 2 recipients"


def test_a_blocked_mail_is_suppressed_with_the_reason(environ, queues, cloud, monkeypatch):
    assert environ
    monkeypatch.setenv("MAILER_GATE", "block")
    worker = Worker()

    receipt = content(worker.post())
    worker.deliver(queues.main.receive_message().content)

    record = content(worker.get(receipt["id"]))
    assert (record["status"], record["error"]["code"]) == ("suppressed", "gate_blocked")
    assert cloud.control.mails() == []


def test_a_wrong_gate_lets_nothing_through_and_is_named(environ, cloud, monkeypatch):
    assert environ
    monkeypatch.setenv("MAILER_GATE", "closed")
    worker = Worker()

    refused = error(worker.post(), 503)

    assert refused["code"] == "configuration_error"
    assert "MAILER_GATE is wrong" in refused["message"]
    assert "deliver_email" not in worker.triggers, "mails wait on the queue"
    assert cloud.control.mails() == []


def test_an_address_of_the_gate_that_is_none_is_named(environ, monkeypatch):
    assert environ
    monkeypatch.setenv("MAILER_GATE", "allow")
    monkeypatch.setenv("MAILER_ALLOWED_RECIPIENTS", "con_toso.com")

    refused = error(Worker().post(), 503)

    assert "MAILER_ALLOWED_RECIPIENTS" in refused["message"]


def test_a_mail_with_a_large_file_goes_through_a_draft(worker, queues, cloud):
    attachment = {"filename": "scan.pdf", "content": "QUFB" * 1_400_000}

    receipt = content(worker.post(members(attachments=[attachment])))
    worker.deliver(queues.main.receive_message().content)

    assert content(worker.get(receipt["id"]))["status"] == "sent"
    assert [file.size for file in cloud.control.mails()[0].attachments] == [4_200_000]
    assert cloud.control.drafts() == []


def test_even_at_debug_no_log_tells_an_address_a_token_or_where_a_draft_can_be_written(worker, queues, cloud, caplog):
    caplog.set_level(logging.DEBUG)
    file = {"filename": "ada@example.com.pdf", "content": "QUFB" * 1_400_000}
    for mail in (members(), members(attachments=[file]), members(to="ada@example.com; bob@example.com")):
        worker.post(mail)
    for message in queues.main.receive_messages():
        worker.deliver(message.content)
    worker.deliver(json.dumps(members(to="ada@@example.com")))
    worker.deliver(json.dumps(members(attachments=[{"filename": "a", "blob": "ada@example.com/7.pdf"}])))

    assert len(cloud.control.mails()) == 2
    assert "mail_failed" in caplog.text
    for said in ("ada@", "eyJ", "Bearer", "uploadSession", "AttachmentSessions", "token=", "client_secret"):
        assert said not in caplog.text


def test_a_gate_that_redirects_leaves_four_headers_to_the_caller(environ, monkeypatch):
    names = [f"x-{number}" for number in range(5)]
    settings = {"MAILER_GATE": "redirect", "MAILER_REDIRECT_TO": "t@contoso.com", "MAILER_HEADERS": ",".join(names)}
    for setting, text in (environ | settings).items():
        monkeypatch.setenv(setting, text)

    refused = error(Worker().post(members(headers=dict.fromkeys(names, "7"))), 400)

    assert refused["target"] == "headers"


def in_plain_words(environ, storage, monkeypatch, **files):
    """The app with its templates in a container of the same account."""
    container = ContainerClient.from_connection_string(storage.connection_string, f"t{uuid4().hex}")
    container.create_container()
    monkeypatch.setenv("MAILER_TEMPLATES", container.url)
    for name, text in files.items():
        container.upload_blob(f"note/{name.replace('_', '.')}", text)
    assert environ
    return container, Worker()


NOTE = members(subject=None, text=None, template={"id": "note", "variables": {"name": "Ada"}})


def test_templates_may_lie_in_a_container(environ, storage, queues, cloud, monkeypatch):
    container, worker = in_plain_words(
        environ, storage, monkeypatch, subject_txt="For {{ name }}", body_txt="Hello", sample_json='{"name": "Ada"}'
    )
    with container:
        accepted = worker.post(NOTE)
        worker.deliver(queues.main.receive_message().content)

    assert accepted.status_code == 202
    assert cloud.control.mails()[0].subject == "For Ada"


def test_a_broken_template_goes_on_in_its_last_good_version_and_health_tells(environ, storage, cloud, monkeypatch):
    """Also for a worker that starts only after it was broken."""
    assert cloud
    container, worker = in_plain_words(
        environ, storage, monkeypatch, subject_txt="For {{ name }}", body_txt="Hello", sample_json='{"name": "Ada"}'
    )
    with container:
        assert worker.post(NOTE).status_code == 202
        container.upload_blob("note/subject.txt", "For {{ name", overwrite=True)

        late = Worker()
        accepted, health = late.post(NOTE), content(late.health())

    assert accepted.status_code == 202
    assert health["parts"]["templates"]["status"] == "warning"
    assert "note/subject.txt" in health["parts"]["templates"]["problems"][0]
    assert health["status"] == "ok"


def test_a_folder_of_templates_that_is_not_there_is_named(environ, monkeypatch):
    assert environ
    monkeypatch.setenv("MAILER_TEMPLATES", "nowhere")

    worker = Worker()

    assert "MAILER_TEMPLATES is wrong" in error(worker.post(NOTE), 503)["message"]
    assert content(worker.health())["parts"]["templates"]["status"] == "failing"


def test_a_request_with_several_faults_none_of_which_is_one_of_form_is_unprocessable(worker):
    refused = error(worker.post(members(from_="eve@example.com", headers={"x-new": "7"})), 422)

    assert {detail["code"] for detail in refused["details"]} == {"sender_not_allowed", "header_not_allowed"}
