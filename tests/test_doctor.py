"""python -m mailer doctor: each planted fault is named, with its reason and its cure."""

import base64
import hmac
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from mailer.local.cloud import seed
from mailer.local.cloud.control import Control
from mailer.local.cloud.model import Fault, FederatedCredential
from mailer.local.stack import Ports, Stack
from tests.terminal import mailer, open_terminal

CHECKS = ["settings", "storage", "vault", "secret", "token", "permission", "negative", "large", "read", "templates"]
CHECKS += ["queue", "clock", "test_mail"]
SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=10)


@pytest.fixture
def name():
    return f"t{uuid4().hex}"


@pytest.fixture
def cloud(local_cloud, storage, monkeypatch, tmp_path, name):
    local_cloud.control.reset()
    settings = {
        "MAILER_CLIENT_ID": seed.CLIENT_ID,
        "MAILER_SENDERS": "Contoso Shop <shop@contoso.com>, alerts@contoso.com",
        "MAILER_QUEUE": name,
        "MAILER_TABLE": name,
        "MAILER_CONTAINER": name,
        "AzureWebJobsStorage": storage.connection_string,
        "IDENTITY_ENDPOINT": f"{local_cloud.url}/msi/token",
        "IDENTITY_HEADER": seed.IDENTITY_HEADER,
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
    }
    open_terminal(monkeypatch, local_cloud, tmp_path, **settings)
    with queue(storage, name) as made:
        made.create_queue()
    yield local_cloud.control
    local_cloud.control.reset()


def queue(storage, name):
    return QueueClient.from_connection_string(storage.connection_string, name)


def examined(*flags):
    said = mailer("doctor", "--json", *flags)
    assert [line["check"] for line in said.lines] == CHECKS
    assert [set(line) for line in said.lines] == [{"check", "status", "what", "why", "cure"}] * len(CHECKS)
    bad = [line["check"] for line in said.lines if line["status"] in {"failed", "warning"} and not line["cure"]]
    assert bad == [], "a fault without a cure"
    assert said.code == (1 if "failed" in said.statuses.values() else 0)
    return said


def test_a_chain_in_order_is_told_link_by_link(cloud):
    said = examined()

    assert said.code == 0
    assert {name for name, status in said.statuses.items() if status == "skipped"} == {"negative", "read", "test_mail"}
    assert set(said.statuses.values()) == {"ok", "skipped"}
    assert cloud.mails() == []
    assert cloud.drafts() == []


@pytest.mark.parametrize(
    "flags",
    [
        ("--auth", "secret"),
        ("--auth", "certificate"),
        ("--auth", "federated", "--identity", seed.IDENTITY_OBJECT_ID),
        ("--scope", "mailboxes", "shop@contoso.com", "--sign-in", "device-code"),
    ],
    ids=["secret", "certificate", "federated", "mailboxes"],
)
def test_what_set_up_made_and_wrote_is_in_order(cloud, monkeypatch, flags):
    cloud.reset(empty=True)
    monkeypatch.delenv("MAILER_CLIENT_ID")
    monkeypatch.setenv("MAILER_SENDERS", "shop@contoso.com")
    assert mailer("setup", "--yes", "--also", "large", "--write", "local.settings.json", *flags).code == 0

    said = examined("--not", "alerts@contoso.com") if "mailboxes" in flags else examined()

    assert said.code == 0
    assert set(said.statuses.values()) == {"ok", "skipped"}
    assert (said.line("negative")["status"] == "ok") == ("mailboxes" in flags)


def test_people_see_a_mark_for_each_link(cloud):
    cloud.set(roles=[])
    said = mailer("doctor")

    assert "✓ vault" in said.out
    assert "✗ permission" in said.out
    assert "    do   `python -m mailer setup" in said.out


def test_no_secret_is_shown(cloud):
    said = [mailer("doctor"), mailer("doctor", "--json")]

    assert cloud.versions()[-1].value not in "".join(one.out + one.err for one in said)


# Settings


def test_wrong_settings_are_named_and_the_rest_waits_for_them(cloud, monkeypatch):
    assert cloud
    monkeypatch.delenv("MAILER_SENDERS")
    monkeypatch.setenv("MAILER_CLIENT_ID", "mailer")

    said = examined()

    assert "MAILER_SENDERS is missing" in said.line("settings")["why"]
    assert "MAILER_CLIENT_ID is wrong" in said.line("settings")["why"]
    assert [line["status"] for line in said.lines] == ["failed"] + ["skipped"] * 12
    assert "`settings`" in said.line("token")["why"]


# Storage


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


# Vault and secret


def test_a_vault_that_may_not_be_read_names_the_role(cloud):
    cloud.set(vault_granted=False)

    said = examined()

    assert said.line("vault")["status"] == "failed"
    assert "Key Vault Secrets User" in said.line("vault")["cure"]
    assert said.line("token")["status"] == "skipped"


def test_a_missing_secret_is_named(cloud):
    cloud.remove_secret(seed.SECRET_NAME)

    said = examined()

    assert said.line("vault")["status"] == "ok"
    assert said.line("secret")["status"] == "failed"
    assert seed.SECRET_NAME in said.line("secret")["what"]
    assert "mailer setup" in said.line("secret")["cure"]


def expire(cloud, *, vault=None, entra=None):
    version, (secret,) = cloud.versions()[-1], cloud.client_secrets()
    if vault:
        cloud.change_version(seed.SECRET_NAME, version.version, expires=vault.isoformat())
    if entra:
        cloud.expire_client_secret(secret.id, entra)


PAST = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("where", [{"vault": PAST, "entra": PAST}, {"entra": PAST}], ids=["both", "only at Entra"])
def test_an_expired_secret_is_named(cloud, where):
    expire(cloud, **where)

    said = examined()

    assert said.line("secret")["status"] == "failed"
    assert "expired on 2026-01-02" in said.line("secret")["what"]
    assert "mailer rotate" in said.line("secret")["cure"]
    assert "AADSTS7000222" in said.line("token")["what"]
    assert "mailer rotate" in said.line("token")["cure"]


def test_dates_that_differ_are_named_with_both(cloud):
    expire(cloud, entra=SOON)

    said = examined()

    assert said.line("secret")["status"] == "warning"
    assert f"{SOON:%Y-%m-%d} at Entra" in said.line("secret")["what"]
    assert said.code == 0


def test_a_secret_that_expires_soon_is_a_warning(cloud):
    expire(cloud, vault=SOON, entra=SOON)

    said = examined()

    assert said.line("secret")["status"] == "warning"
    assert f"expires on {SOON:%Y-%m-%d}" in said.line("secret")["what"]


def test_a_secret_of_another_app_is_named(cloud):
    cloud.add_version(seed.SECRET_NAME, "secret-of-another-app", expires=SOON.isoformat())

    said = examined()

    assert "none of the app registration's" in said.line("secret")["what"]
    assert "AADSTS7000215" in said.line("token")["what"]


def test_without_somebody_who_may_read_them_entras_dates_are_left_out(cloud, monkeypatch, tmp_path):
    assert cloud
    monkeypatch.setenv("PATH", str(tmp_path))

    said = examined()

    assert said.line("secret")["status"] == "ok"
    assert "Entra's date was not read" in said.line("secret")["what"]


def test_an_app_that_may_read_applications_compares_the_dates_itself(cloud, monkeypatch, tmp_path):
    cloud.set(roles=["Mail.Send", "Mail.ReadWrite", "Application.Read.All"])
    monkeypatch.setenv("PATH", str(tmp_path))

    assert "and at Entra" in examined().line("secret")["what"]


# Token


@pytest.mark.parametrize(
    ("setting", "value", "code", "cure"),
    [
        ("MAILER_TENANT_ID", "99999999-1111-4111-8111-111111111111", "AADSTS90002", "MAILER_TENANT_ID"),
        ("MAILER_CLIENT_ID", "99999999-1111-4111-8111-111111111111", "AADSTS700016", "MAILER_CLIENT_ID"),
    ],
    ids=["tenant", "client"],
)
def test_a_wrong_id_is_named(cloud, monkeypatch, setting, value, code, cure):
    assert cloud
    monkeypatch.setenv(setting, value)

    said = examined()

    assert said.line("token")["status"] == "failed"
    assert code in said.line("token")["what"]
    assert cure in said.line("token")["cure"]
    assert said.line("permission")["status"] == "skipped"


def test_an_identity_that_is_not_trusted_is_named(cloud, monkeypatch):
    monkeypatch.setenv("MAILER_AUTH", "federated")
    cloud.set_federated_credentials(FederatedCredential(subject="another"))

    said = examined()

    assert (said.line("vault")["status"], said.line("secret")["status"]) == ("skipped", "skipped")
    assert "AADSTS700213" in said.line("token")["what"]
    assert "--auth federated" in said.line("token")["cure"]


# Permissions


@pytest.mark.parametrize(
    ("roles", "words"),
    [([], "No consent"), (["Mail.Read"], "permission Mail.Send is missing")],
    ids=["no consent", "permission missing"],
)
def test_a_missing_permission_is_named(cloud, roles, words):
    cloud.set(roles=roles)

    said = examined()

    assert said.line("permission")["status"] == "failed"
    assert words in said.line("permission")["what"]
    assert "Privileged Role Administrator" in said.line("permission")["cure"]


def test_a_mailbox_that_is_not_in_scope_is_named_alone(cloud):
    (box,) = [one for one in cloud.mailboxes() if one.address == "alerts@contoso.com"]
    cloud.put_mailbox(box.model_copy(update={"in_scope": False}))

    said = examined()

    assert said.line("permission")["what"] == "The mailbox is not in scope: alerts@contoso.com."
    assert "--scope mailboxes shop@contoso.com alerts@contoso.com" in said.line("permission")["cure"]


def test_a_mailbox_that_is_not_there_is_named(cloud):
    cloud.remove_mailbox("alerts@contoso.com")

    assert "There is no mailbox alerts@contoso.com" in examined().line("permission")["what"]


def test_a_mailbox_that_must_not_be_reachable_and_is(cloud):
    said = examined("--not", "alerts@contoso.com")

    assert said.line("negative")["status"] == "failed"
    assert said.line("negative")["what"] == "The app can send as alerts@contoso.com."
    assert "--scope mailboxes" in said.line("negative")["cure"]
    assert cloud.mails() == []


def test_only_a_403_proves_that_a_mailbox_is_closed(cloud, monkeypatch):
    monkeypatch.setenv("MAILER_SENDERS", "shop@contoso.com")
    (box,) = [one for one in cloud.mailboxes() if one.address == "alerts@contoso.com"]
    cloud.put_mailbox(box.model_copy(update={"in_scope": False}))

    assert examined("--not", "alerts@contoso.com").line("negative")["status"] == "ok"
    assert examined("--not", "nobody@contoso.com").line("negative")["status"] == "warning"


def test_large_mails_without_their_permission_are_a_warning(cloud, monkeypatch):
    cloud.set(roles=["Mail.Send"])

    said = examined()

    assert said.line("large")["status"] == "warning"
    assert "--also large" in said.line("large")["cure"]
    assert said.code == 0
    monkeypatch.setenv("MAILER_MAX_MAIL_SIZE", "3MB")
    assert examined().line("large")["status"] == "skipped"


@pytest.mark.parametrize(("roles", "status"), [(["Mail.Send"], "warning"), (["Mail.Send", "Mail.Read"], "ok")])
def test_verify_needs_mail_read(cloud, monkeypatch, roles, status):
    cloud.set(roles=roles)
    monkeypatch.setenv("MAILER_ON_UNCERTAIN", "verify")

    assert examined().line("read")["status"] == status


# Templates


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


# Queues


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


# Clock


@pytest.mark.parametrize(("skew", "status", "way"), [(60, "warning", "behind"), (-900, "failed", "ahead of")])
def test_a_clock_that_is_wrong_is_named(cloud, skew, status, way):
    cloud.set(clock_skew=skew)

    line = examined().line("clock")

    assert line["status"] == status
    seconds, told = re.search(r"clock is (\d+) s (.+?) that of", line["what"]).groups()
    assert int(seconds) == pytest.approx(abs(skew), abs=2)
    assert told == way


# A test mail


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """One of its own, for a fault that is made for one mail must not meet another."""
    with Stack(tmp_path_factory.mktemp("stack"), ports=Ports.free()) as running:
        yield running


def test_a_test_mail_is_followed_until_it_is_sent(stack, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, text in stack.settings().items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    said = examined("--to", "ada@example.com")

    assert said.line("test_mail")["status"] == "ok"
    assert "was sent after" in said.line("test_mail")["what"]


def test_a_test_mail_that_graph_refuses_tells_why(stack, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, text in stack.settings().items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    control = Control(f"https://localhost:{stack.ports.cloud}", stack.folder / "ca.pem")
    fault = Fault(call="sendMail", when="after", outcome="answer", status=400, code="ErrorInvalidRecipients", times=1)
    control.fault(fault)

    said = examined("--to", "ada@example.com")

    control.reset()
    control.close()
    assert said.line("test_mail")["status"] == "failed"
    assert "ErrorInvalidRecipients" in said.line("test_mail")["why"]


def test_wrong_use_ends_with_2(cloud):
    assert cloud
    assert mailer("doctor", "--nonsense").code == 2
