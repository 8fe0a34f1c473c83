"""The three ways to sign in, through the real SDKs against the local cloud, and what to mend when one fails."""

import base64
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from mailer.errors import Misconfigured, TryLater
from mailer.identity.entra import _refusal, exchange_scope, graph_tokens
from mailer.identity.key_vault import _read
from mailer.identity.network import NETWORK, no_answer
from mailer.identity.tokens import TTL
from mailer.local import programs
from mailer.local.cloud import seed
from mailer.local.cloud.model import Fault, FederatedCredential
from mailer.local.programs import ROOT
from mailer.settings import read_settings
from tests.fakes import Clock

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def refusal_of(call):
    with pytest.raises(TryLater) as refusal:
        call()
    return refusal.value


# What Entra's codes mean


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AADSTS7000215", Misconfigured),
        ("AADSTS7000222", Misconfigured),
        ("AADSTS7000218", Misconfigured),
        ("AADSTS700027", Misconfigured),
        ("AADSTS700016", Misconfigured),
        ("AADSTS7000112", Misconfigured),
        ("AADSTS90002", Misconfigured),
        ("AADSTS900023", Misconfigured),
        ("AADSTS500011", Misconfigured),
        ("AADSTS70011", Misconfigured),
        ("AADSTS1002012", Misconfigured),
        ("AADSTS50194", Misconfigured),
        ("AADSTS9001023", Misconfigured),
        ("AADSTS900382", Misconfigured),
        ("AADSTS900432", Misconfigured),
        ("AADSTS90038", Misconfigured),
        ("AADSTS53003", Misconfigured),
        ("AADSTS65001", Misconfigured),
        ("AADSTS50034", Misconfigured),
        ("AADSTS700213", Misconfigured),
        ("AADSTS50196", TryLater),
        ("AADSTS90055", TryLater),
        ("AADSTS90006", TryLater),
        ("AADSTS90012", TryLater),
        ("AADSTS90024", TryLater),
        ("AADSTS90033", TryLater),
        ("AADSTS90090", TryLater),
    ],
)
def test_a_code_of_entras_means(code, kind):
    refusal = _refusal(ClientAuthenticationError(f"{code}: Something about the tenant. Trace ID: 1"))

    assert (type(refusal), refusal.code) == (kind, code)
    assert "Trace" not in str(refusal)


def test_a_failure_without_a_code_may_pass():
    refusal = _refusal(ClientAuthenticationError("HTTP Error: 503"))

    assert (type(refusal), refusal.code) == (TryLater, "token_unavailable")


# A client secret


@pytest.fixture
def cloud(local_cloud, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", local_cloud.ca)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{local_cloud.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", seed.IDENTITY_HEADER)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    local_cloud.control.reset()
    return local_cloud


def tokens_of(cloud, **changes):
    content = {
        "MAILER_TENANT_ID": seed.TENANT,
        "MAILER_CLIENT_ID": seed.CLIENT_ID,
        "MAILER_KEY_VAULT_URL": cloud.url,
        "MAILER_SENDERS": "shop@contoso.com",
        "MAILER_AUTHORITY_HOST": cloud.url,
        "MAILER_GRAPH_URL": cloud.url,
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    }
    clock = changes.pop("clock", None) or Clock(datetime.now(UTC))
    identity_id = changes.pop("identity_id", None)
    return graph_tokens(read_settings(content | changes), identity_id=identity_id, clock=clock)


def calls(cloud):
    return cloud.control.traffic().calls


def test_the_secret_in_the_vault_gives_a_token(cloud):
    assert tokens_of(cloud).token().count(".") == 2


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


# A certificate


def a_certificate(name="mailer"):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=300))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def as_pem(key, certificate):
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return (private + certificate.public_bytes(serialization.Encoding.PEM)).decode()


def as_pfx(key, certificate):
    plain = serialization.NoEncryption()
    return base64.b64encode(pkcs12.serialize_key_and_certificates(b"mailer", key, certificate, None, plain)).decode()


def public_part(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("form", [as_pem, as_pfx])
def test_a_certificate_in_the_vault_gives_a_token(cloud, form):
    key, certificate = a_certificate()
    cloud.control.add_certificate(public_part(certificate))
    cloud.control.add_version("mailer-certificate", form(key, certificate))

    tokens = tokens_of(cloud, MAILER_AUTH="certificate", MAILER_CLIENT_SECRET_NAME="mailer-certificate")
    assert tokens.token().count(".") == 2


def test_a_certificate_that_is_not_registered_is_named_as_such(cloud):
    cloud.control.add_version("mailer-certificate", as_pem(*a_certificate()))

    tokens = tokens_of(cloud, MAILER_AUTH="certificate", MAILER_CLIENT_SECRET_NAME="mailer-certificate")
    refusal = refusal_of(tokens.token)
    assert (type(refusal), refusal.code) == (Misconfigured, "AADSTS700027")
    assert "upload its public part" in str(refusal)


def without_key(_key, certificate):
    return public_part(certificate).decode()


def with_locked_key(key, certificate):
    lock = serialization.BestAvailableEncryption(b"locked")
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    return private.decode() + public_part(certificate).decode()


def with_a_key_that_is_not_rsa(_key, certificate):
    return as_pem(ec.generate_private_key(ec.SECP256R1()), certificate)


@pytest.mark.parametrize("form", [without_key, with_locked_key, with_a_key_that_is_not_rsa])
def test_a_certificate_that_cannot_sign_is_named_as_such(cloud, form):
    cloud.control.add_version("mailer-certificate", form(*a_certificate()))

    tokens = tokens_of(cloud, MAILER_AUTH="certificate", MAILER_CLIENT_SECRET_NAME="mailer-certificate")
    refusal = refusal_of(tokens.token)
    assert (type(refusal), refusal.code) == (Misconfigured, "secret_unusable")
    assert "RSA" in str(refusal)


def test_a_certificate_that_cannot_sign_is_replaced_by_one_that_can_without_a_restart(cloud):
    cloud.control.add_version("mailer-certificate", without_key(*a_certificate()))
    tokens = tokens_of(cloud, MAILER_AUTH="certificate", MAILER_CLIENT_SECRET_NAME="mailer-certificate")
    refusal_of(tokens.token)
    key, certificate = a_certificate()
    cloud.control.add_certificate(public_part(certificate))
    cloud.control.add_version("mailer-certificate", as_pfx(key, certificate))
    tokens._clock.advance(minutes=1)

    assert tokens.token()


def test_a_certificate_that_is_replaced_needs_one_look_at_the_vault_and_no_wait(cloud):
    old_key, old = a_certificate("old")
    cloud.control.add_certificate(public_part(old))
    cloud.control.add_version("mailer-certificate", as_pem(old_key, old))
    tokens = tokens_of(cloud, MAILER_AUTH="certificate", MAILER_CLIENT_SECRET_NAME="mailer-certificate")
    first = tokens.token()

    cloud.control.reset()  # forgets the old certificate
    key, certificate = a_certificate("new")
    cloud.control.add_certificate(public_part(certificate))
    cloud.control.add_version("mailer-certificate", as_pem(key, certificate))

    assert tokens.token(first) != first
    assert calls(cloud)["secret"] == 1


def test_a_rotated_certificate_needs_no_restart(cloud):
    tokens = tokens_of(cloud, MAILER_AUTH="certificate", MAILER_CLIENT_SECRET_NAME="mailer-certificate")
    cloud.control.add_version("mailer-certificate", as_pem(*a_certificate("old")))
    refusal_of(tokens.token)
    key, certificate = a_certificate("new")
    cloud.control.add_certificate(public_part(certificate))
    cloud.control.add_version("mailer-certificate", as_pem(key, certificate))
    tokens._clock.advance(minutes=1)

    assert tokens.token().count(".") == 2


def test_a_secret_that_is_no_certificate_is_named_as_such(cloud):
    tokens = tokens_of(cloud, MAILER_AUTH="certificate")

    refusal = refusal_of(tokens.token)
    assert (type(refusal), refusal.code) == (Misconfigured, "secret_unusable")
    assert "MAILER_CLIENT_SECRET_NAME" in str(refusal)


# The app's own identity


def test_the_apps_own_identity_gives_a_token_without_the_vault(cloud):
    assert tokens_of(cloud, MAILER_AUTH="federated", MAILER_KEY_VAULT_URL="").token().count(".") == 2
    assert "secret" not in calls(cloud)


def test_an_identity_that_the_app_does_not_trust_is_named_as_such(cloud):
    cloud.control.set_federated_credentials()

    refusal = refusal_of(tokens_of(cloud, MAILER_AUTH="federated").token)

    assert type(refusal) is Misconfigured
    assert "federated credential" in str(refusal)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (FederatedCredential(issuer=f"{seed.ISSUER}/"), "AADSTS700211"),
        (FederatedCredential(audience=f"{seed.TOKEN_EXCHANGE}USGov"), "AADSTS700212"),
        (FederatedCredential(subject=seed.IDENTITY_CLIENT_ID), "AADSTS700213"),
    ],
)
def test_a_federated_credential_that_does_not_match_is_named_with_what_it_needs(cloud, wrong, code):
    cloud.control.set_federated_credentials(wrong)

    refusal = refusal_of(tokens_of(cloud, MAILER_AUTH="federated").token)
    assert (type(refusal), refusal.code) == (Misconfigured, code)
    assert "subject" in str(refusal)


def test_a_federated_token_that_graph_refuses_is_replaced(cloud):
    tokens = tokens_of(cloud, MAILER_AUTH="federated")
    first = tokens.token()

    assert tokens.token() == first
    assert tokens.token(first) != first


def test_an_app_without_a_secret_has_nothing_that_expires(cloud):
    clock = Clock(datetime.now(UTC))
    tokens = tokens_of(cloud, clock=clock, MAILER_AUTH="federated")
    tokens.token()
    clock.advance(days=3)

    assert tokens.check() == ()
    assert "secret" not in calls(cloud)


@pytest.mark.parametrize("code", ["AADSTS90033", None])
def test_an_entra_that_is_busy_may_answer_a_federated_app_later(cloud, code):
    message = f"{code}: A transient error has occurred."
    fault = Fault(call="token", outcome="answer", status=503, code=code and "temporarily_unavailable", message=message)
    number = cloud.control.fault(fault)
    tokens = tokens_of(cloud, MAILER_AUTH="federated")

    refusal = refusal_of(tokens.token)
    assert (type(refusal), refusal.code) == (TryLater, code or "token_unavailable")
    cloud.control.remove_fault(number)
    assert tokens.token()


def test_the_identity_that_is_chosen_is_the_one_that_is_asked_for(cloud):
    """The local cloud has no user-assigned identity, and refuses one as Azure does that is not attached to the app."""
    tokens = tokens_of(cloud, MAILER_AUTH="federated", identity_id="99999999-9999-4999-8999-999999999999")

    refusal = refusal_of(tokens.token)
    assert (type(refusal), refusal.code) == (Misconfigured, "identity_unavailable")
    assert "AZURE_CLIENT_ID" in str(refusal)


@pytest.mark.parametrize("auth", ["secret", "federated"])
@pytest.mark.parametrize(("outcome", "code"), [("answer", None), ("answer", "Busy"), ("reset", None), ("hang", None)])
def test_an_identity_endpoint_that_fails_may_answer_later(cloud, monkeypatch, auth, outcome, code):
    monkeypatch.setitem(NETWORK, "read_timeout", 0.3)
    number = cloud.control.fault(Fault(call="identity", outcome=outcome, status=503, code=code))
    tokens = tokens_of(cloud, MAILER_AUTH=auth)

    refusal = refusal_of(tokens.token)
    assert type(refusal) is TryLater
    assert "identity" in str(refusal)
    cloud.control.remove_fault(number)
    assert outcome == "answer" or tokens.token()  # the SDK repeats an answer for five seconds without a request


def test_an_app_without_a_secret_does_not_load_the_vaults_sdk():
    code = (
        "import sys; from mailer import wiring; wiring.graph_tokens(); "
        "print('azure.identity' in sys.modules, 'azure.keyvault.secrets' in sys.modules)"
    )
    settings = {
        "MAILER_AUTH": "federated",
        "MAILER_TENANT_ID": seed.TENANT,
        "MAILER_CLIENT_ID": seed.CLIENT_ID,
        "MAILER_SENDERS": "shop@contoso.com",
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | settings, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["True", "False"]


@pytest.mark.parametrize(
    ("authority", "audience"),
    [
        ("https://login.microsoftonline.com", "api://AzureADTokenExchange/.default"),
        ("https://login.microsoftonline.us", "api://AzureADTokenExchangeUSGov/.default"),
        ("https://login.partner.microsoftonline.cn", "api://AzureADTokenExchangeChina/.default"),
        ("https://login.chinacloudapi.cn", "api://AzureADTokenExchangeChina/.default"),
    ],
)
def test_each_cloud_has_an_audience_of_its_own(authority, audience):
    assert exchange_scope(authority) == audience
