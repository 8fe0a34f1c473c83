"""Signing in with a client secret."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.identity import ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient

from mailer.errors import Misconfigured, TryLater
from mailer.identity.key_vault import _read
from mailer.identity.network import no_answer
from mailer.identity.tokens import TTL
from mailer.local import programs
from mailer.local.cloud import seed
from mailer.local.cloud.model import Fault
from tests.entra.given import LONG_AGO, a_certificate, calls, public_part, refusal_of, tokens_of
from tests.fakes import Clock


def test_the_secret_in_the_vault_gives_a_token(cloud):
    assert tokens_of(cloud).token().count(".") == 2


def test_the_bundle_of_authorities_is_read_once_for_vault_identity_and_entra(local_cloud, cloud, monkeypatch, tmp_path):
    """The SDKs read it for each connection, which is 0.7 MiB each time."""
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(Path(local_cloud.ca).read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    tokens_of(cloud).token()
    bundle.write_text("no certificate")

    assert tokens_of(cloud).token()


def test_twenty_threads_make_one_token_request(cloud):
    tokens = tokens_of(cloud)

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(lambda _: tokens.token(), range(20)))) == 1
    assert calls(cloud)["token"] == 1


def test_a_refused_token_is_really_another_one_after(cloud):
    tokens = tokens_of(cloud)
    first = tokens.token()

    assert tokens.token(first)
    assert calls(cloud)["token"] == 2


def test_a_rotation_at_entra_and_in_the_vault_needs_no_restart(cloud):
    tokens = tokens_of(cloud)
    first = tokens.token()
    cloud.control.rotate(remove_old=True)

    assert tokens.token(first)


def test_twenty_threads_after_a_rotation_read_the_vault_once(cloud):
    tokens = tokens_of(cloud)
    first = tokens.token()
    cloud.control.rotate(remove_old=True)
    before = calls(cloud)["secret"]

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(lambda _: tokens.token(first), range(20)))) == 1
    assert calls(cloud)["secret"] == before + 1


def test_a_new_version_beside_the_old_one_is_taken_at_the_next_look(cloud, caplog):
    caplog.set_level("INFO", logger="mailer")
    clock = Clock(datetime.now(UTC))
    tokens = tokens_of(cloud, clock=clock)
    first = tokens.token()
    version = cloud.control.rotate().version
    assert tokens.token() == first

    clock.advance(seconds=TTL.total_seconds())
    assert tokens.token() != first
    assert f"secret_rotated version={version}" in caplog.text


def test_a_new_version_that_entra_refuses_stops_no_mail(cloud):
    clock = Clock(datetime.now(UTC))
    tokens = tokens_of(cloud, clock=clock)
    first = tokens.token()
    cloud.control.add_version(seed.SECRET_NAME, "not known to Entra")
    clock.advance(seconds=TTL.total_seconds())

    assert tokens.token() == first
    (warning,) = tokens.check()
    assert "AADSTS7000215" in warning


def test_an_empty_secret_is_named_as_such(cloud):
    cloud.control.add_version(seed.SECRET_NAME, "")

    refusal = refusal_of(tokens_of(cloud).token)
    assert (type(refusal), refusal.code) == (Misconfigured, "secret_unusable")
    assert "MAILER_CLIENT_SECRET_NAME" in str(refusal)


def test_a_url_that_is_no_key_vaults_is_named_with_its_setting(cloud):
    """The SDK's check of that is off for a vault on this machine, and here switched on."""
    with ManagedIdentityCredential() as identity, SecretClient(cloud.url, identity) as vault:
        refusal = refusal_of(lambda: _read(vault, seed.SECRET_NAME))

    assert (type(refusal), refusal.code) == (Misconfigured, "secret_unavailable")
    assert "MAILER_KEY_VAULT_URL" in str(refusal)


def test_a_vaults_name_that_does_not_resolve_is_named_with_its_setting(cloud):
    with ManagedIdentityCredential() as identity, SecretClient("https://no-vault.invalid", identity) as vault:
        refusal = refusal_of(lambda: _read(vault, seed.SECRET_NAME))

    assert refusal.code == "secret_unavailable"
    assert "https://no-vault.invalid does not resolve. Check MAILER_KEY_VAULT_URL" in str(refusal)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Failed to resolve 'v.vault.azure.net' ([Errno -2] Name or service not known)", Misconfigured),
        ("Failed to resolve 'v.vault.azure.net' ([Errno 11001] getaddrinfo failed)", Misconfigured),
        ("Failed to resolve 'v.vault.azure.net' ([Errno -3] Temporary failure in name resolution)", TryLater),
        ("Connection refused", TryLater),
    ],
)
def test_a_name_that_is_wrong_has_to_be_mended_and_a_network_that_is_away_comes_back(text, kind):
    refusal = no_answer("the vault", OSError(text), code="secret_unavailable", setting="MAILER_KEY_VAULT_URL")

    assert type(refusal) is kind
    assert ("MAILER_KEY_VAULT_URL" in str(refusal)) is ("resolve" in text)


@pytest.fixture(params=["missing", "of another authority"])
def bad_bundle(request, tmp_path):
    bundle = tmp_path / "ca.pem"
    if request.param != "missing":
        bundle.write_bytes(public_part(a_certificate()[1]))
    return str(bundle)


def test_a_vault_that_is_not_trusted_is_named_with_its_setting(cloud, monkeypatch, bad_bundle):
    clock = Clock(datetime.now(UTC))
    tokens = tokens_of(cloud, clock=clock)
    tokens.token()  # from here on the identity's token is at hand
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bad_bundle)
    clock.advance(seconds=TTL.total_seconds())

    (warning,) = tokens.check()
    assert "REQUESTS_CA_BUNDLE" in warning
    assert "the vault" in warning


@pytest.mark.parametrize("auth", ["secret", "federated"])
def test_an_entra_that_is_not_trusted_is_named_with_its_setting(cloud, monkeypatch, bad_bundle, auth):
    tokens = tokens_of(cloud, MAILER_AUTH=auth)
    first = tokens.token()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bad_bundle)

    refusal = refusal_of(lambda: tokens.token(first))
    assert type(refusal) is Misconfigured
    assert "Entra" in str(refusal)
    assert "REQUESTS_CA_BUNDLE" in str(refusal)


def test_an_expired_secret_is_named_as_such(cloud):
    (secret,) = cloud.control.client_secrets()
    cloud.control.expire_client_secret(secret.id, LONG_AGO)

    refusal = refusal_of(tokens_of(cloud).token)
    assert (type(refusal), refusal.code) == (Misconfigured, "AADSTS7000222")


def test_an_expired_secret_is_replaced_by_the_vaults_newest(cloud):
    tokens = tokens_of(cloud)
    first = tokens.token()
    (secret,) = cloud.control.client_secrets()
    cloud.control.rotate()
    cloud.control.expire_client_secret(secret.id, LONG_AGO)

    assert tokens.token(first) != first


def test_a_wrong_secret_in_the_vault_is_named_as_such(cloud):
    cloud.control.add_version(seed.SECRET_NAME, "the secret's id and not its value")

    refusal = refusal_of(tokens_of(cloud).token)
    assert (type(refusal), refusal.code) == (Misconfigured, "AADSTS7000215")
    assert "not its value" not in str(refusal)


@pytest.mark.parametrize(
    ("setting", "text", "code"),
    [
        ("MAILER_CLIENT_ID", "99999999-9999-4999-8999-999999999999", "AADSTS700016"),
        ("MAILER_TENANT_ID", "99999999-9999-4999-8999-999999999999", "AADSTS90002"),
    ],
)
def test_a_wrong_app_or_tenant_is_named_with_its_setting(cloud, setting, text, code):
    refusal = refusal_of(tokens_of(cloud, **{setting: text}).token)

    assert (type(refusal), refusal.code) == (Misconfigured, code)
    assert setting in str(refusal)


@pytest.mark.parametrize(
    ("break_", "words"),
    [
        (lambda control: control.remove_secret(seed.SECRET_NAME), "there is none of this name"),
        (lambda control: control.set(vault_granted=False), "Key Vault Secrets User"),
        (
            lambda control: control.change_version(seed.SECRET_NAME, control.versions()[-1].version, enabled=False),
            "enabled",
        ),
    ],
    ids=["no such secret", "no access", "disabled"],
)
def test_a_secret_that_cannot_be_read_is_named_with_what_to_do(cloud, break_, words):
    break_(cloud.control)

    refusal = refusal_of(tokens_of(cloud).token)
    assert (type(refusal), refusal.code) == (Misconfigured, "secret_unavailable")
    assert seed.SECRET_NAME in str(refusal)
    assert words in str(refusal)


def test_an_access_that_was_granted_meanwhile_works_at_once(cloud):
    cloud.control.set(vault_granted=False)
    tokens = tokens_of(cloud)
    refusal_of(tokens.token)
    cloud.control.set(vault_granted=True)

    assert tokens.token()


@pytest.mark.parametrize("call", ["secret", "token"])
def test_a_service_that_fails_may_work_later(cloud, call):
    number = cloud.control.fault(Fault(call=call, outcome="answer", status=503))
    tokens = tokens_of(cloud)

    refusal = refusal_of(tokens.token)
    assert type(refusal) is TryLater

    cloud.control.remove_fault(number)


def test_a_connection_that_entra_cuts_is_named_by_its_cause(cloud):
    number = cloud.control.fault(Fault(call="token", outcome="reset"))

    refusal = refusal_of(tokens_of(cloud).token)
    assert (type(refusal), refusal.code) == (TryLater, "token_unavailable")
    assert "ServiceResponseError" in str(refusal)
    cloud.control.remove_fault(number)


def test_a_vault_that_does_not_take_the_identitys_token_denies_access(cloud):
    cloud.control.fault(Fault(call="secret", outcome="answer", status=401, code="Unauthorized"))

    refusal = refusal_of(tokens_of(cloud).token)
    assert (type(refusal), refusal.code) == (Misconfigured, "secret_unavailable")
    assert "access is denied" in str(refusal)


def test_a_vault_that_is_down_may_come_back(cloud):
    (port,) = programs.free_ports(1)

    refusal = refusal_of(tokens_of(cloud, MAILER_KEY_VAULT_URL=f"https://localhost:{port}").token)
    assert (type(refusal), refusal.code) == (TryLater, "secret_unavailable")


def test_an_app_without_an_identity_is_told_to_switch_it_on(cloud, monkeypatch):
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")

    refusal = refusal_of(tokens_of(cloud).token)
    assert (type(refusal), refusal.code) == (Misconfigured, "secret_unavailable")
    assert "identity" in str(refusal)


def test_no_secret_and_no_token_is_logged(cloud, caplog):
    caplog.set_level("DEBUG")
    token = tokens_of(cloud).token()

    assert token not in caplog.text
    assert cloud.control.versions()[-1].value not in caplog.text


def test_an_expiry_that_is_near_is_a_warning(cloud):
    version = cloud.control.versions()[-1].version
    cloud.control.change_version(
        seed.SECRET_NAME, version, expires=(datetime.now(UTC) + timedelta(days=20)).isoformat()
    )

    (warning,) = tokens_of(cloud).check()
    assert "days left: 20" in warning
    assert "without a restart" in warning


def test_a_vault_that_is_down_hurts_nobody_while_the_secret_is_known(cloud):
    clock = Clock(datetime.now(UTC))
    tokens = tokens_of(cloud, clock=clock)
    tokens.token()
    cloud.control.fault(Fault(call="secret", outcome="answer", status=503))
    clock.advance(seconds=TTL.total_seconds() + 1)

    assert tokens.token()
