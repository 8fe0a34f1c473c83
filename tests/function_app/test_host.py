"""What the host sees, with settings that are right and wrong."""

import json

import azure.functions as func
import pytest

from mailer import wiring
from mailer.local import programs
from tests.app import Worker, content, error

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
        "get_suppressions": ("suppressions", ["GET"]),
        "post_suppression": ("suppressions", ["POST"]),
        "delete_suppression": ("suppressions", ["DELETE"]),
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
    host = json.loads((programs.ROOT / "host.json").read_text())

    assert host["extensions"]["queues"]["messageEncoding"] == "none"
    assert host["extensions"]["http"]["routePrefix"] == "api"
