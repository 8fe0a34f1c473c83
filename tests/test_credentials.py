"""The three ways to sign in, through the real SDKs against the local cloud, and what to mend when one fails."""

import base64
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from azure.core.exceptions import ClientAuthenticationError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from mailer.credentials import _refusal, exchange_scope, graph_tokens
from mailer.errors import Misconfigured, TryLater
from mailer.local import programs
from mailer.local.cloud import seed
from mailer.local.cloud.control import Control
from mailer.local.cloud.model import Fault
from mailer.settings import read_settings
from mailer.tokens import TTL
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


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cloud")
    port, nowhere = programs.free_ports(2)
    program = programs.cloud(folder, port=port, smtp_port=nowhere)
    program.start()
    with closing(Control(f"https://localhost:{port}", folder / "ca.pem")) as control:
        yield SimpleNamespace(url=f"https://localhost:{port}", control=control, ca=str(folder / "ca.pem"))
    program.stop()


@pytest.fixture
def cloud(running, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", running.ca)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{running.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", seed.IDENTITY_HEADER)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    running.control.reset()
    return running


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
    return graph_tokens(read_settings(content | changes), identity_id=None, clock=clock)


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


def test_an_expired_secret_is_named_as_such(cloud):
    (secret,) = cloud.control.client_secrets()
    cloud.control.expire_client_secret(secret.id, LONG_AGO)

    refusal = refusal_of(tokens_of(cloud).token)
    assert (type(refusal), refusal.code) == (Misconfigured, "AADSTS7000222")


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
    ("authority", "audience"),
    [
        ("https://login.microsoftonline.com", "api://AzureADTokenExchange/.default"),
        ("https://login.microsoftonline.us", "api://AzureADTokenExchangeUSGov/.default"),
        ("https://login.chinacloudapi.cn", "api://AzureADTokenExchangeChina/.default"),
    ],
)
def test_each_cloud_has_an_audience_of_its_own(authority, audience):
    assert exchange_scope(authority) == audience
