"""The ways to sign in as an administrator sets them: by settings, through the doors, seen in health."""

from datetime import UTC, datetime, timedelta

import pytest
import trustme

from mailer.errors import ConfigError
from mailer.local.cloud import seed
from mailer.settings import read_settings
from tests.app import Worker, app_settings, content

CERTIFICATE_NAME = "mailer-certificate"


@pytest.fixture
def environ(storage, cloud, monkeypatch):
    """App settings that work, but for the vault, which not every way to sign in needs."""
    content = app_settings(storage, cloud, monkeypatch)
    monkeypatch.delenv("MAILER_KEY_VAULT_URL")
    return {name: text for name, text in content.items() if name != "MAILER_KEY_VAULT_URL"}


@pytest.fixture
def health(environ, monkeypatch):
    """What a worker that has just started with these settings too says of its health: the status and the parts."""
    assert environ

    def ask(**settings):
        for setting, text in settings.items():
            monkeypatch.setenv(setting, text)
        reply = Worker().health()
        return reply.status_code, content(reply)

    return ask


def put_certificate(control, *, expires):
    certificate = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("mailer", key_type=trustme.KeyType.RSA)
    control.add_certificate(certificate.cert_chain_pems[0].bytes())
    pem = certificate.private_key_and_cert_chain_pem.bytes().decode()
    control.add_version(CERTIFICATE_NAME, pem, expires=expires and expires.isoformat())


def vault(cloud, **more):
    return {"MAILER_KEY_VAULT_URL": cloud.url, **more}


def in_days(days):
    return datetime.now(UTC) + timedelta(days=days)


def expire_secret(control, at):
    control.change_version(seed.SECRET_NAME, control.versions()[-1].version, expires=at.isoformat())


def test_a_secret_is_the_way_unless_another_is_set(health, cloud):
    status, answer = health(**vault(cloud))

    assert (status, answer["parts"]["graph_token"]) == (200, {"status": "ok"})


def test_a_certificate_is_read_by_the_name_of_the_secret(health, cloud):
    put_certificate(cloud.control, expires=None)

    settings = vault(cloud, MAILER_AUTH="certificate", MAILER_CLIENT_SECRET_NAME=CERTIFICATE_NAME)
    status, answer = health(**settings)
    assert (status, answer["parts"]["graph_token"]) == (200, {"status": "ok"})


@pytest.mark.parametrize("chosen", [{}, {"AZURE_CLIENT_ID": ""}])
def test_a_federated_app_needs_no_vault(health, cloud, chosen):
    status, answer = health(MAILER_AUTH="federated", **chosen)

    assert (status, answer["parts"]["graph_token"]) == (200, {"status": "ok"})
    assert "secret" not in cloud.control.traffic().calls


def test_a_federated_app_signs_in_with_the_identity_that_is_named(health):
    """The local cloud has none but the system-assigned one."""
    status, answer = health(MAILER_AUTH="federated", AZURE_CLIENT_ID="99999999-9999-4999-8999-999999999999")

    assert (status, answer["parts"]["graph_token"]["status"]) == (503, "failing")
    assert "AZURE_CLIENT_ID" in answer["parts"]["graph_token"]["problems"][0]


def test_an_expiry_that_is_near_is_a_warning_though_all_is_well(health, cloud):
    expire_secret(cloud.control, in_days(59))

    status, answer = health(**vault(cloud))
    part = answer["parts"]["graph_token"]
    assert (status, answer["status"], part["status"]) == (200, "ok", "warning")
    (text,) = part["problems"]
    assert seed.SECRET_NAME in text
    assert "days left: 59" in text


def test_a_certificates_expiry_is_a_warning_too(health, cloud):
    put_certificate(cloud.control, expires=in_days(6))

    settings = vault(cloud, MAILER_AUTH="certificate", MAILER_CLIENT_SECRET_NAME=CERTIFICATE_NAME)
    status, answer = health(**settings)
    assert (status, answer["parts"]["graph_token"]["status"]) == (200, "warning")
    assert CERTIFICATE_NAME in answer["parts"]["graph_token"]["problems"][0]


def test_a_date_that_has_passed_is_a_failure(health, cloud):
    expire_secret(cloud.control, in_days(-1))

    status, answer = health(**vault(cloud))
    assert (status, answer["status"], answer["parts"]["graph_token"]["status"]) == (503, "failing", "failing")
    assert "expired on" in answer["parts"]["graph_token"]["problems"][0]


@pytest.mark.parametrize("auth", ["secret", "certificate", ""])
def test_who_keeps_something_in_the_vault_must_name_the_vault(environ, auth):
    with pytest.raises(ConfigError) as refusal:
        read_settings(environ | {"MAILER_AUTH": auth})

    (problem,) = refusal.value.problems
    assert problem.startswith("MAILER_KEY_VAULT_URL is missing")


@pytest.mark.parametrize("auth", ["Federated", "password", "secret,certificate"])
def test_another_way_is_refused_with_those_there_are(environ, cloud, auth):
    with pytest.raises(ConfigError) as refusal:
        read_settings(environ | vault(cloud, MAILER_AUTH=auth))

    (problem,) = refusal.value.problems
    assert problem.startswith("MAILER_AUTH is wrong")
    assert all(f"`{way}`" in problem for way in ("secret", "certificate", "federated"))
