"""Storage, queues and templates."""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from azure.storage.blob import ContainerClient

from tests.doctor.given import examined, queue

ROLES = {
    "queue": "Storage Queue Data Contributor",
    "table": "Storage Table Data Contributor",
    "blob": "Storage Blob Data Contributor",
}


def account_without(connection_string, service):
    """The account by a signature for all of its services but this one.

    https://learn.microsoft.com/rest/api/storageservices/create-account-sas
    """
    parts = dict(part.partition("=")[::2] for part in connection_string.split(";") if part)
    end = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    services = "".join(letter for letter in "bqt" if letter != service[0])
    fields = {"sp": "rwdlacup", "ss": services, "srt": "sco", "st": "", "se": end, "sip": "", "spr": "https,http"}
    fields |= {"sv": "2021-06-08", "ses": ""}
    text = "".join(f"{one}\n" for one in (parts["AccountName"], *fields.values()))
    digest = hmac.digest(base64.b64decode(parts["AccountKey"]), text.encode(), "sha256")
    signature = urlencode({name: value for name, value in fields.items() if value} | {"sig": base64.b64encode(digest)})
    endpoints = ";".join(f"{name}={parts[name]}" for name in ("BlobEndpoint", "QueueEndpoint", "TableEndpoint"))
    return f"{endpoints};SharedAccessSignature={signature}"


# azure-data-tables reads an error of the service in a way that Python 3.13 warns of.
@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")
@pytest.mark.parametrize("service", ROLES)
def test_a_missing_role_of_storage_is_named_and_only_that(cloud, storage, monkeypatch, service):
    """By signatures in place of a key, one of which may only read: it is refused as a missing role is."""
    assert cloud
    monkeypatch.setenv("AzureWebJobsStorage", account_without(storage.connection_string, service))

    said = examined()

    assert said.line("storage")["status"] == "failed"
    assert [role for role in ROLES.values() if role in said.line("storage")["cure"]] == [ROLES[service]]
    assert "403" in said.line("storage")["why"]


def test_storage_that_is_away_is_told_at_once(cloud, monkeypatch):
    assert cloud
    url = "http://127.0.0.1:9/devstoreaccount1"
    account = f"AccountName=devstoreaccount1;AccountKey=a2V5;QueueEndpoint={url};TableEndpoint={url};BlobEndpoint={url}"
    monkeypatch.setenv("AzureWebJobsStorage", account)

    said = examined()

    assert said.line("storage")["status"] == "failed"
    assert all(service in said.line("storage")["what"] for service in ("queue", "table", "blob"))
    assert "MailerStorage" in said.line("storage")["cure"]


def test_a_broken_template_is_named(cloud, monkeypatch, storage, name):
    assert cloud
    container = ContainerClient.from_connection_string(storage.connection_string, f"{name}templates"[:60])
    with container:
        container.create_container()
        container.upload_blob("hello/subject.txt", "Hello {{ name")
        monkeypatch.setenv("MAILER_TEMPLATES", container.url)

        said = examined()

    assert said.line("templates")["status"] == "failed"
    assert "hello/subject" in said.line("templates")["why"]
    assert "templates check" in said.line("templates")["cure"]


def test_a_missing_queue_is_named(cloud, storage, name):
    assert cloud
    with queue(storage, name) as made:
        made.delete_queue()

    said = examined()

    assert said.line("storage")["status"] == "ok"
    assert said.line("queue")["status"] == "failed"
    assert f"There is no queue `{name}`" in said.line("queue")["what"]
    assert "az storage queue create" in said.line("queue")["cure"]


def test_poison_messages_are_counted(cloud, storage, name):
    assert cloud
    with queue(storage, f"{name}-poison") as poison:
        poison.create_queue()
        poison.send_message("nonsense")
        poison.send_message("nonsense")

    said = examined()

    assert said.line("queue")["status"] == "warning"
    assert f"2 messages lie in `{name}-poison`" in said.line("queue")["what"]
    assert "mailer replay" in said.line("queue")["cure"]


def test_the_queue_is_left_as_it_was(cloud, storage, name):
    assert cloud
    examined()

    with queue(storage, name) as made:
        assert made.get_queue_properties().approximate_message_count == 0
