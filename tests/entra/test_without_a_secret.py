"""Signing in with a certificate, and by the app's own identity."""

import base64
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from mailer.errors import Misconfigured, TryLater
from mailer.identity.entra import exchange_scope
from mailer.identity.network import NETWORK
from mailer.local.cloud import seed
from mailer.local.cloud.model import Fault, FederatedCredential
from mailer.local.programs import ROOT
from tests.entra.given import a_certificate, calls, public_part, refusal_of, tokens_of
from tests.fakes import Clock

# A certificate


def as_pem(key, certificate):
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return (private + certificate.public_bytes(serialization.Encoding.PEM)).decode()


def as_pfx(key, certificate):
    plain = serialization.NoEncryption()
    return base64.b64encode(pkcs12.serialize_key_and_certificates(b"mailer", key, certificate, None, plain)).decode()


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
