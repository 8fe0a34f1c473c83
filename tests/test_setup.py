"""python -m mailer setup, rotate, teardown: through the real SDKs, in a tenant in which no app is registered."""

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import requests

from mailer.local.cloud import seed
from mailer.local.cloud.model import Fault
from mailer.local.programs import ROOT
from tests.terminal import mailer, open_terminal

SECRET = seed.SECRET_NAME
DEVICE = ("--sign-in", "device-code")
MAILBOXES = ("--scope", "mailboxes", "shop@contoso.com")


@pytest.fixture
def cloud(local_cloud, monkeypatch, tmp_path):
    local_cloud.control.reset(empty=True)
    open_terminal(monkeypatch, local_cloud, tmp_path)
    yield local_cloud.control
    local_cloud.control.reset()


def the_app(cloud):
    (application,) = cloud.directory()["applications"]
    return application


def roles(cloud):
    directory = cloud.directory()
    (principal,) = [one for one in directory["principals"] if one["app_id"] == the_app(cloud)["appId"]]
    return directory["roles"][principal["id"]]


def exchange(cloud):
    return {(one["role"], one["directory_scope"]) for one in cloud.directory()["exchange"]}


def mailbox_id(cloud, address):
    return next(box.object_id for box in cloud.mailboxes() if box.address == address)


# From nothing


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


# Who may


@pytest.mark.parametrize(
    ("step", "role", "others"),
    [
        pytest.param("application", "Application Developer", [], id="nobody"),
        pytest.param("permission", "Privileged Role Administrator", ["Application Developer"], id="developer"),
    ],
)
def test_a_refusal_names_the_role_that_it_takes(cloud, step, role, others):
    cloud.set(person_roles=others)

    said = mailer("setup", "--yes", "--json")

    assert said.code == 1
    assert said.line(step)["status"] == "failed"
    assert role in said.line(step)["cure"]
    assert said.line("credential")["status"] == ("made" if others else "skipped")


@pytest.mark.parametrize(
    ("setting", "cure"),
    [({"device_code_blocked": True}, "--sign-in browser"), ({"consent_given": False}, "Privileged Role Administrator")],
)
def test_a_sign_in_that_is_blocked_says_by_what_and_who_can_help(cloud, setting, cure):
    cloud.set(**setting)

    said = mailer("setup", "--yes", "--json", *DEVICE)

    assert said.code == 1
    assert said.line("sign_in")["status"] == "failed"
    assert cure in said.line("sign_in")["cure"]
    assert [line["status"] for line in said.lines[1:]] == ["skipped"] * 7


def test_what_az_says_of_a_failed_sign_in_is_told(cloud, tmp_path):
    assert cloud
    az = tmp_path / "bin" / "az"
    az.write_text("#!/bin/sh\necho 'AADSTS50076: you must use multi-factor authentication' >&2\nexit 1\n")

    said = mailer("setup", "--yes", "--json", "--sign-in", "az")

    assert "AADSTS50076" in said.line("sign_in")["what"]
    assert "az login" in said.line("sign_in")["cure"]


def test_a_vault_that_may_not_be_written_leaves_no_secret_behind(cloud):
    cloud.fault(Fault(call="setSecret", outcome="answer", status=403, code="Forbidden"))

    said = mailer("setup", "--yes", "--json")

    assert said.line("vault")["status"] == "failed"
    assert "Key Vault Secrets Officer" in said.line("vault")["cure"]
    assert the_app(cloud)["passwordCredentials"] == []


def test_no_secret_is_made_where_the_vault_cannot_even_be_read(cloud):
    cloud.set(person_may_set_secrets=False)

    said = mailer("setup", "--yes", "--json")

    assert (said.line("credential")["status"], said.line("vault")["status"]) == ("skipped", "failed")
    assert the_app(cloud)["passwordCredentials"] == []


def test_the_tenant_that_somebody_signed_in_to_must_be_the_named_one(cloud, monkeypatch):
    monkeypatch.setenv("MAILER_TENANT_ID", seed.TENANT_DOMAIN)
    assert mailer("setup", "--dry-run").code == 0
    monkeypatch.setenv("MAILER_TENANT_ID", "99999999-1111-4111-8111-111111111111")

    said = mailer("setup", "--yes", "--json")

    assert "not to 99999999" in said.line("sign_in")["what"]
    assert cloud.directory()["applications"] == []


def alone(local_cloud, folder, *arguments, **environ):
    """A command in a process of its own, where there is no az."""
    known = {
        "PYTHONPATH": str(ROOT),
        "PATH": str(folder),
        "NO_PROXY": "localhost",
        "REQUESTS_CA_BUNDLE": local_cloud.ca,
        "MAILER_AUTHORITY_HOST": local_cloud.url,
        "MAILER_GRAPH_URL": local_cloud.url,
        "MAILER_KEY_VAULT_URL": local_cloud.url,
    }
    command = [sys.executable, "-m", "mailer", *arguments]
    return subprocess.run(
        command, env=known | environ, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_without_az_and_browser_a_device_code_is_shown(cloud, local_cloud, tmp_path):
    done = alone(local_cloud, tmp_path, "setup", "--yes")

    assert done.returncode == 0, done.stderr
    assert "enter the code" in done.stderr
    assert "by device-code as admin@contoso.com" in done.stdout
    assert the_app(cloud)["uniqueName"] == "mailer"


def test_without_az_a_browser_signs_in_with_pkce(cloud, local_cloud, tmp_path):
    browser = tmp_path / "browser"
    browser.write_text(
        f"#!{sys.executable}\n"
        "import re, sys, requests\n"
        "page = requests.get(sys.argv[1]).text\n"
        'fields = dict(re.findall(r\'name="(\\w+)" value="([^"]*)"\', page))\n'
        'requests.post(re.search(r\'action="([^"]+)"\', page)[1], data=fields)\n'
    )
    browser.chmod(0o755)

    done = alone(local_cloud, tmp_path, "setup", "--yes", BROWSER=f"{browser} %s &")

    assert done.returncode == 0, done.stderr
    assert "by browser as admin@contoso.com" in done.stdout
    assert the_app(cloud)["uniqueName"] == "mailer"


# Some mailboxes


def test_chosen_mailboxes_are_opened_in_exchange_and_the_tenant_wide_grant_goes(cloud):
    mailer("setup", "--yes", "--also", "large")
    assert roles(cloud) == ["Mail.Send", "Mail.ReadWrite"]

    said = mailer("setup", "--yes", "--json", *MAILBOXES, "alerts@contoso.com", *DEVICE)

    assert said.code == 0
    assert (said.line("permission")["status"], said.line("scope")["status"]) == ("removed", "made")
    assert roles(cloud) == []
    assert the_app(cloud)["requiredResourceAccess"][0]["resourceAccess"] == []
    ids = [mailbox_id(cloud, address) for address in ("shop@contoso.com", "alerts@contoso.com")]
    assert exchange(cloud) == {("Application Mail.Send", f"/users/{one}") for one in ids}


def test_a_mailbox_that_is_named_no_longer_is_closed(cloud):
    mailer("setup", "--yes", *MAILBOXES, "alerts@contoso.com", *DEVICE)

    said = mailer("setup", "--yes", "--json", *MAILBOXES, *DEVICE)

    assert said.line("scope")["status"] == "removed"
    assert exchange(cloud) == {("Application Mail.Send", f"/users/{mailbox_id(cloud, 'shop@contoso.com')}")}


def test_where_graph_does_not_let_it_the_two_powershell_lines_are_printed(cloud):
    said = mailer("setup", "--yes", "--json", *MAILBOXES)  # az has no such scope

    assert said.code == 1
    _, first, second = said.line("scope")["cure"].splitlines()
    assert "New-ServicePrincipal" in first
    assert "PrimarySmtpAddress -eq 'shop@contoso.com'" in first
    assert the_app(cloud)["appId"] in second
    assert '-Role "Application Mail.Send"' in second


def test_an_unknown_mailbox_is_named(cloud):
    said = mailer("setup", "--yes", "--json", "--scope", "mailboxes", "nobody@contoso.com", *DEVICE)

    assert "nobody@contoso.com" in said.line("scope")["what"]
    assert exchange(cloud) == set()


# Without a secret


def test_a_managed_identity_is_trusted_and_the_settings_name_it(cloud):
    flags = ("setup", "--yes", "--json", "--auth", "federated", "--identity", seed.IDENTITY_OBJECT_ID)

    said = mailer(*flags)

    assert said.code == 0
    assert (said.line("credential")["status"], said.line("vault")["status"]) == ("made", "skipped")
    assert f"AZURE_CLIENT_ID={seed.IDENTITY_CLIENT_ID}" in said.line("settings")["what"]
    assert "MAILER_KEY_VAULT_URL" not in said.line("settings")["what"]
    assert mailer(*flags).line("credential")["status"] == "found"


def test_an_identity_that_the_tenant_does_not_know_is_taken_with_a_doubt(cloud):
    """As Entra takes it; it may be too new to be seen."""
    said = mailer("setup", "--yes", "--json", "--auth", "federated", "--identity", seed.CLIENT_ID)

    assert said.line("credential")["status"] == "made"
    assert "is it the principal id" in said.line("credential")["what"]


# What is there already


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


# Rotation


def test_a_rotation_adds_a_secret_and_leaves_the_old_one(cloud):
    mailer("setup", "--yes")

    said = mailer("rotate", "--json")

    assert said.statuses == {"sign_in": "found", "application": "found", "credential": "made", "vault": "made"}
    assert len(the_app(cloud)["passwordCredentials"]) == 2
    old, new = cloud.versions(SECRET)
    assert old.value != new.value


@pytest.mark.parametrize(("auth", "member"), [("secret", "passwordCredentials"), ("certificate", "keyCredentials")])
def test_the_old_ones_go_once_the_new_one_works(cloud, auth, member):
    mailer("setup", "--yes", "--auth", auth)
    before = the_app(cloud)[member]

    said = mailer("rotate", "--json", "--auth", auth, "--remove-old")

    assert said.code == 0
    assert said.line("credential")["status"] == "removed"
    (left,) = the_app(cloud)[member]
    assert left["keyId"] not in [one["keyId"] for one in before]


def test_there_is_nothing_to_rotate_without_an_app(cloud):
    said = mailer("rotate", "--json")

    assert said.code == 1
    assert "Run `setup` first." in said.line("application")["cure"]


# Teardown


def test_a_teardown_lists_before_yes_and_then_leaves_nothing(cloud):
    mailer("setup", "--yes", *MAILBOXES, *DEVICE)

    listed = mailer("teardown", "--json", *DEVICE)
    assert "removed" not in listed.statuses.values()
    assert len(cloud.directory()["applications"]) == 1
    said = mailer("teardown", "--json", "--yes", *DEVICE)

    assert said.code == 0
    removed = {name for name, status in said.statuses.items() if status == "removed"}
    assert removed == {"scope", "vault", "principal", "application"}
    assert cloud.directory()["applications"] == []
    assert exchange(cloud) == set()
    assert set(mailer("teardown", "--json", "--yes", *DEVICE).statuses.values()) == {"found"}


def test_a_teardown_leaves_what_set_up_did_not_make(cloud, monkeypatch):
    cloud.reset()
    monkeypatch.setenv("MAILER_CLIENT_ID", seed.CLIENT_ID)

    said = mailer("teardown", "--json", "--yes")

    assert "removed" not in said.statuses.values()
    assert len(cloud.directory()["applications"]) == 1
    assert len(cloud.versions(SECRET)) == 1


def test_set_up_works_again_after_a_teardown_although_the_vault_keeps_deleted_names(cloud):
    mailer("setup", "--yes")
    mailer("teardown", "--yes")

    said = mailer("setup", "--yes", "--json")

    assert said.code == 0
    assert said.line("vault")["status"] == "made"


# Wrong use


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--scope", "everything"], "--scope"),
        (["--scope", "mailboxes"], "addresses"),
        (["--scope", "mailboxes", "shop"], "shop"),
        (["shop@contoso.com"], "--scope mailboxes"),
        (["--also", "calendar"], "calendar"),
        (["--auth", "federated"], "--identity"),
        (["--lifetime", "soon"], "--lifetime"),
        (["--lifetime", "5m"], "a day or more"),
        (["--graph", "http://graph.microsoft.com"], "https"),
        (["--tenant", "no tenant"], "MAILER_TENANT_ID"),
        (["--unheard-of"], "--unheard-of"),
        (["--name", "it's mine"], "--name"),
    ],
)
def test_wrong_use_ends_with_2_and_a_reason(cloud, flags, words):
    said = mailer("setup", "--yes", *flags)

    assert said.code == 2
    assert words in " ".join(said.err.replace("│", " ").split())
    assert cloud.directory()["applications"] == []


def test_a_secret_needs_a_vault(cloud, monkeypatch):
    monkeypatch.delenv("MAILER_KEY_VAULT_URL")

    assert mailer("setup", "--yes").code == 2
    assert mailer("rotate").code == 2
    assert cloud.directory()["applications"] == []
