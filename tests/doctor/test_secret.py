"""Vault, secret and token."""

from datetime import UTC, datetime, timedelta

import pytest

from mailer.local.cloud import seed
from mailer.local.cloud.model import FederatedCredential
from tests.doctor.given import examined

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=10)


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
