"""Set-up of an empty tenant, and again when all or some of it is there."""

import json
import logging
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import requests

from mailer.local.cloud import seed
from mailer.local.cloud.model import Fault
from tests.setting_up.given import DEVICE, MAILBOXES, SECRET, roles, the_app
from tests.terminal import mailer


def test_an_empty_tenant_gets_an_app_that_may_send(cloud, local_cloud):
    said = mailer("setup", "--yes", "--json")

    assert said.code == 0
    assert said.statuses == {
        "sign_in": "found",
        "application": "made",
        "principal": "made",
        "permission": "made",
        "scope": "found",
        "credential": "made",
        "vault": "made",
        "settings": "found",
    }
    assert [set(line) for line in said.lines] == [{"step", "status", "what", "cure"}] * 8
    assert the_app(cloud)["uniqueName"] == "mailer"
    assert the_app(cloud)["signInAudience"] == "AzureADMyOrg"
    assert roles(cloud) == ["Mail.Send"]
    form = {
        "grant_type": "client_credentials",
        "client_id": the_app(cloud)["appId"],
        "client_secret": cloud.versions(SECRET)[-1].value,
        "scope": "https://graph.microsoft.com/.default",
    }
    reply = requests.post(f"{local_cloud.url}/{seed.TENANT}/oauth2/v2.0/token", data=form, timeout=5)
    assert jwt.decode(reply.json()["access_token"], options={"verify_signature": False})["roles"] == ["Mail.Send"]


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(("--also", "large,read"), id="secret"),
        pytest.param(("--auth", "certificate"), id="certificate"),
        pytest.param((*MAILBOXES, *DEVICE), id="mailboxes"),
    ],
)
def test_a_second_run_finds_everything_and_changes_nothing(cloud, flags):
    flags = ("setup", "--yes", "--json", "--write", "local.settings.json", *flags)
    assert mailer(*flags).code == 0
    before = cloud.directory()

    said = mailer(*flags)

    assert said.code == 0
    assert set(said.statuses.values()) == {"found"}
    assert cloud.directory() == before
    assert len(cloud.versions(SECRET)) == 1


@pytest.mark.parametrize(
    "flags", [("--dry-run",), ("--dry-run", "--yes"), ()], ids=["dry-run", "both", "without --yes"]
)
def test_nothing_is_changed_before_yes(cloud, flags):
    said = mailer("setup", "--json", *flags)

    assert said.code == 0
    assert said.line("application")["status"] == "skipped"
    assert said.line("application")["what"].startswith("Would register")
    assert cloud.directory()["applications"] == []
    assert ("--yes" in said.err) == (flags == ())


def test_the_settings_go_into_the_file_beside_what_is_there(cloud, tmp_path):
    file = tmp_path / "home" / "local.settings.json"
    file.write_text(json.dumps({"IsEncrypted": False, "Values": {"MAILER_SENDERS": "shop@contoso.com"}}))

    assert mailer("setup", "--yes", "--json", "--write", file).line("settings")["status"] == "made"

    values = json.loads(file.read_text())["Values"]
    assert values["MAILER_SENDERS"] == "shop@contoso.com"
    assert values["MAILER_CLIENT_ID"] == the_app(cloud)["appId"]
    assert values["MAILER_AUTH"] == "secret"


def test_the_secret_is_on_no_screen_in_no_file_and_in_no_log(cloud, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    said = [
        mailer("setup", "--yes", "--write", "local.settings.json"),
        mailer("setup", "--yes", "--json"),
        mailer("rotate"),
        mailer("rotate", "--remove-old", "--json"),
    ]

    values = [version.value for version in cloud.versions(SECRET)]
    assert len(values) == 3
    files = [file.read_text() for file in (tmp_path / "home").rglob("*") if file.is_file()]
    assert files
    shown = "\n".join([*files, caplog.text, *(one.out + one.err for one in said)])
    assert [value for value in values if value in shown] == []


def test_the_vault_has_the_secrets_expiry_of_180_days(cloud):
    mailer("setup", "--yes")

    (version,) = cloud.versions(SECRET)
    (secret,) = the_app(cloud)["passwordCredentials"]
    assert version.expires == datetime.fromisoformat(secret["endDateTime"])
    assert timedelta(days=179, hours=23) < version.expires - datetime.now(UTC) < timedelta(days=180)


def test_a_shorter_life_can_be_asked_for(cloud):
    mailer("setup", "--yes", "--lifetime", "30d")

    assert cloud.versions(SECRET)[0].expires - datetime.now(UTC) < timedelta(days=30)


@pytest.mark.parametrize(
    "way", [pytest.param((), id="policy that can be read"), pytest.param(DEVICE, id="policy that cannot be read")]
)
def test_the_tenants_policy_shortens_the_secret(cloud, way):
    cloud.set(longest_password=90)

    assert mailer("setup", "--yes", *way).code == 0

    left = cloud.versions(SECRET)[0].expires - datetime.now(UTC)
    assert timedelta(days=89) < left < timedelta(days=90)


def test_a_policy_without_secrets_is_named_with_the_way_around_it(cloud):
    cloud.set(passwords_allowed=False)

    said = mailer("setup", "--yes", "--json")

    assert said.code == 1
    assert said.line("credential")["status"] == "failed"
    assert "--auth federated" in said.line("credential")["cure"]
    assert said.line("permission")["status"] == "made"


def test_what_entra_has_not_replicated_yet_is_waited_for(cloud):
    cloud.set(replication_delay=4)

    said = mailer("setup", "--yes")

    assert said.code == 0
    assert "waiting for Entra" in said.err


def test_a_throttled_call_is_repeated_when_graph_says(cloud):
    cloud.fault(Fault(call="addPassword", outcome="answer", status=429, headers={"Retry-After": "1"}, times=1))

    assert mailer("setup", "--yes").code == 0


def test_an_app_registered_by_hand_is_found_by_its_client_id(cloud, monkeypatch):
    cloud.reset()
    monkeypatch.setenv("MAILER_CLIENT_ID", seed.CLIENT_ID)

    said = mailer("setup", "--yes", "--json")

    assert said.line("application")["status"] == "found"
    assert len(cloud.directory()["applications"]) == 1


def test_a_client_id_of_another_tenant_hinders_nobody(cloud, monkeypatch):
    monkeypatch.setenv("MAILER_CLIENT_ID", seed.CLIENT_ID)

    assert mailer("setup", "--yes", "--json").line("application")["status"] == "made"
    assert the_app(cloud)["appId"] != seed.CLIENT_ID


def test_a_disabled_secret_is_replaced(cloud):
    mailer("setup", "--yes")
    cloud.change_version(SECRET, cloud.versions(SECRET)[0].version, enabled=False)

    said = mailer("setup", "--yes", "--json")

    assert (said.line("credential")["status"], said.line("vault")["status"]) == ("made", "made")
