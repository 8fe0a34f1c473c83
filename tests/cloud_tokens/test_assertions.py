"""Entra: tokens by a certificate, or by a federated credential."""

import time

import jwt
import pytest
import trustme
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ManagedIdentityCredential,
)

from mailer.local.cloud import seed
from mailer.local.cloud.model import FederatedCredential
from tests.cloud_tokens.given import EXCHANGE_SCOPE, NO_RETRIES, claims
from tests.local_cloud import GRAPH_SCOPE


@pytest.fixture(scope="module")
def certificate():
    # RSA: Entra takes no other kind from these libraries.
    return trustme.CA().issue_cert("mailer.contoso.com", key_type=trustme.KeyType.RSA)


def certificate_credential(cloud, certificate):
    pem = certificate.private_key_and_cert_chain_pem.bytes()
    return CertificateCredential(seed.TENANT, seed.CLIENT_ID, certificate_data=pem, **cloud.entra)


def test_a_registered_certificate_buys_a_token(cloud, certificate):
    cloud.control.add_certificate(certificate.cert_chain_pems[0].bytes())

    with certificate_credential(cloud, certificate) as credential:
        token = credential.get_token(GRAPH_SCOPE).token

    assert claims(token)["appidacr"] == "2"


def test_an_unregistered_certificate_is_refused(cloud, certificate):
    with (
        certificate_credential(cloud, certificate) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS700027"),
    ):
        credential.get_token(GRAPH_SCOPE)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (700023, {"aud": "https://login.example.com/token"}),
        (700024, {"exp": 1}),
        (700027, {"sub": seed.IDENTITY_CLIENT_ID}),
        (700027, {"jti": None}),
    ],
)
def test_a_certificate_does_not_save_a_bad_assertion(cloud, certificate, code, changes):
    thumbprint = cloud.control.add_certificate(certificate.cert_chain_pems[0].bytes())
    endpoint = f"{cloud.url}/{seed.TENANT}/oauth2/v2.0/token"
    body = {"iss": seed.CLIENT_ID, "sub": seed.CLIENT_ID, "aud": endpoint, "exp": time.time() + 60, "jti": "1"}
    body = {name: value for name, value in (body | changes).items() if value is not None}
    x5t = jwt.utils.base64url_encode(bytes.fromhex(thumbprint)).decode()
    assertion = jwt.encode(body, certificate.private_key_pem.bytes(), algorithm="RS256", headers={"x5t": x5t})

    reply = post_assertion(cloud, assertion)

    assert (reply.status_code, reply.json()["error_codes"]) == (401, [code])


def test_an_assertion_signed_with_another_key_is_refused(cloud, certificate):
    thumbprint = cloud.control.add_certificate(certificate.cert_chain_pems[0].bytes())
    other = trustme.CA().issue_cert("mailer.contoso.com", key_type=trustme.KeyType.RSA)
    endpoint = f"{cloud.url}/{seed.TENANT}/oauth2/v2.0/token"
    body = {"iss": seed.CLIENT_ID, "sub": seed.CLIENT_ID, "aud": endpoint, "exp": time.time() + 60, "jti": "1"}
    x5t = jwt.utils.base64url_encode(bytes.fromhex(thumbprint)).decode()
    assertion = jwt.encode(body, other.private_key_pem.bytes(), algorithm="RS256", headers={"x5t": x5t})

    assert post_assertion(cloud, assertion).json()["error_codes"] == [700027]


def post_assertion(cloud, assertion):
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return cloud.post_token(client_secret=None, client_assertion=assertion, client_assertion_type=kind)


def test_the_managed_identity_stands_in_for_a_secret(cloud):
    with (
        ManagedIdentityCredential(**NO_RETRIES) as identity,
        ClientAssertionCredential(
            seed.TENANT, seed.CLIENT_ID, lambda: identity.get_token(EXCHANGE_SCOPE).token, **cloud.entra
        ) as credential,
    ):
        token = credential.get_token(GRAPH_SCOPE).token

    assert claims(token)["appid"] == seed.CLIENT_ID


@pytest.mark.parametrize(
    ("code", "credential"),
    [
        (700211, FederatedCredential(issuer="https://login.example.com/v2.0")),
        (700213, FederatedCredential(subject=seed.CLIENT_ID)),
        (700213, FederatedCredential(subject=seed.IDENTITY_OBJECT_ID.replace("5", "6"))),
        (700212, FederatedCredential(audience="api://azureadtokenexchange")),
    ],
)
def test_a_federated_credential_must_match_to_the_letter(cloud, code, credential):
    cloud.control.set_federated_credentials(credential)
    token = cloud.get_identity(resource=seed.TOKEN_EXCHANGE).json()["access_token"]

    reply = post_assertion(cloud, token)

    assert (reply.status_code, reply.json()["error"], reply.json()["error_codes"]) == (401, "invalid_client", [code])


def test_nobody_else_can_sign_for_the_managed_identity(cloud, certificate):
    body = {"iss": seed.ISSUER, "sub": seed.IDENTITY_OBJECT_ID, "aud": seed.TOKEN_EXCHANGE, "exp": time.time() + 60}
    forged = jwt.encode(body, certificate.private_key_pem.bytes(), algorithm="RS256")

    assert post_assertion(cloud, forged).json()["error_codes"] == [700027]
