"""Who may set up: a refusal names the role or the way of signing in that it takes."""

import subprocess
import sys

import pytest

from mailer.local.cloud import seed
from mailer.local.cloud.model import Fault
from mailer.local.programs import ROOT
from tests.setting_up.given import DEVICE, the_app
from tests.terminal import mailer


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
