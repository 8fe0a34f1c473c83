"""The local cloud's identity endpoint, Entra and Key Vault, through Microsoft's own client libraries."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import requests
import trustme
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    CredentialUnavailableError,
    DefaultAzureCredential,
    ManagedIdentityCredential,
)
from azure.keyvault.secrets import SecretClient

from mailer.local.cloud import seed
from mailer.local.cloud.control import Control
from mailer.local.cloud.model import FederatedCredential

GRAPH_SCOPE = f"{seed.GRAPH}/.default"
EXCHANGE_SCOPE = f"{seed.TOKEN_EXCHANGE}/.default"
NO_RETRIES = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 5}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Cloud:
    url: str
    control: Control

    @property
    def entra(self):
        return {"authority": self.url, "disable_instance_discovery": True, **NO_RETRIES}

    def secret_value(self):
        return self.control.versions()[-1].value

    def post_token(self, tenant=seed.TENANT, **changes):
        form = {
            "grant_type": "client_credentials",
            "client_id": seed.CLIENT_ID,
            "client_secret": self.secret_value(),
            "scope": GRAPH_SCOPE,
        }
        form = {name: value for name, value in (form | changes).items() if value is not None}
        return requests.post(f"{self.url}/{tenant}/oauth2/v2.0/token", data=form, timeout=5)

    def get_identity(self, header=seed.IDENTITY_HEADER, **query):
        query = {"api-version": "2019-08-01", "resource": seed.VAULT} | query
        headers = {"X-IDENTITY-HEADER": header} if header else {}
        return requests.get(f"{self.url}/msi/token", params=query, headers=headers, timeout=5)


@pytest.fixture
def cloud(local_cloud, monkeypatch):
    cloud = Cloud(url=local_cloud.url, control=local_cloud.control)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", local_cloud.ca)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{cloud.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", seed.IDENTITY_HEADER)
    cloud.control.reset()
    return cloud


@pytest.fixture
def vault(cloud):
    with (
        ManagedIdentityCredential(**NO_RETRIES) as identity,
        SecretClient(cloud.url, identity, verify_challenge_resource=False, **NO_RETRIES) as client,
    ):
        yield client


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})


# Managed identity


def test_default_azure_credential_reads_the_client_secret_from_the_vault(cloud):
    with (
        DefaultAzureCredential(**NO_RETRIES) as credential,
        SecretClient(cloud.url, credential, verify_challenge_resource=False, **NO_RETRIES) as vault,
    ):
        secret = vault.get_secret(seed.SECRET_NAME)

    assert secret.value == cloud.secret_value()
    assert secret.properties.enabled
    assert timedelta(days=364) < secret.properties.expires_on - datetime.now(UTC) < timedelta(days=366)


def test_an_identity_token_lasts_a_day_and_names_the_identity(cloud):
    reply = cloud.get_identity()

    assert reply.status_code == 200
    assert isinstance(reply.json()["expires_on"], str)
    assert int(reply.json()["expires_on"]) == pytest.approx(time.time() + 86400, abs=5)
    assert claims(reply.json()["access_token"])["oid"] == seed.IDENTITY_OBJECT_ID
    assert claims(reply.json()["access_token"])["aud"] == seed.VAULT


@pytest.mark.parametrize(
    ("status", "query"),
    [
        pytest.param(400, {"api-version": "2017-09-01"}, id="old api-version"),
        pytest.param(400, {"api-version": None}, id="no api-version"),
        pytest.param(400, {"resource": None}, id="no resource"),
        pytest.param(500, {"resource": "https://unknown.example.com"}, id="unknown resource"),
        pytest.param(400, {"client_id": seed.CLIENT_ID}, id="client id that is not attached"),
        pytest.param(400, {"object_id": seed.CLIENT_ID}, id="object id that is not attached"),
        pytest.param(400, {"mi_res_id": "/subscriptions/x"}, id="resource id that is not attached"),
        pytest.param(401, {"header": None}, id="no header"),
        pytest.param(401, {"header": "guessed"}, id="wrong header"),
    ],
)
def test_the_identity_endpoint_refuses(cloud, status, query):
    reply = cloud.get_identity(**query)

    assert reply.status_code == status
    assert reply.json()["statusCode"] == status


@pytest.mark.usefixtures("cloud")
def test_a_user_assigned_identity_that_is_not_attached_is_unavailable():
    with (
        ManagedIdentityCredential(client_id=seed.CLIENT_ID, **NO_RETRIES) as credential,
        pytest.raises(CredentialUnavailableError, match="Unable to load the proper Managed Identity"),
    ):
        credential.get_token(f"{seed.VAULT}/.default")


# Entra


def test_a_client_secret_buys_a_graph_token_with_its_roles(cloud):
    with ClientSecretCredential(seed.TENANT, seed.CLIENT_ID, cloud.secret_value(), **cloud.entra) as credential:
        token = credential.get_token(GRAPH_SCOPE)

    got = claims(token.token)
    assert token.expires_on == pytest.approx(time.time() + 3599, abs=5)
    assert (got["aud"], got["tid"], got["appid"]) == (seed.GRAPH, seed.TENANT, seed.CLIENT_ID)
    assert (got["roles"], got["idtyp"], got["appidacr"]) == (["Mail.Send", "Mail.ReadWrite"], "app", "1")
    assert got["iss"] == f"https://sts.windows.net/{seed.TENANT}/"


def test_a_token_is_signed_with_the_published_key(cloud):
    token = cloud.post_token().json()["access_token"]
    keys = requests.get(f"{cloud.url}/{seed.TENANT}/discovery/v2.0/keys", timeout=5).json()
    key = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]]

    assert jwt.decode(token, key, algorithms=["RS256"], audience=seed.GRAPH)["oid"] == seed.APP_OBJECT_ID


def test_a_token_has_no_roles_claim_when_nothing_is_granted(cloud):
    cloud.control.set(roles=[])

    assert "roles" not in claims(cloud.post_token().json()["access_token"])


def test_the_lifetime_of_tokens_can_be_set(cloud):
    cloud.control.set(token_lifetime=301)

    reply = cloud.post_token().json()

    assert reply["expires_in"] == 301
    assert claims(reply["access_token"])["exp"] == pytest.approx(time.time() + 301, abs=5)


def test_the_tenant_may_be_given_by_its_domain_name(cloud):
    assert cloud.post_token(tenant=seed.TENANT_DOMAIN).status_code == 200


@pytest.mark.parametrize(
    ("status", "error", "code", "changes"),
    [
        (401, "invalid_client", 7000215, {"client_secret": "wrong"}),
        (401, "invalid_client", 7000218, {"client_secret": None}),
        (400, "unauthorized_client", 700016, {"client_id": seed.IDENTITY_CLIENT_ID}),
        (400, "invalid_tenant", 90002, {"tenant": seed.CLIENT_ID}),
        (400, "invalid_tenant", 90002, {"tenant": "fabrikam.onmicrosoft.com"}),
        (400, "invalid_request", 900023, {"tenant": "not a tenant"}),
        (400, "invalid_request", 9001023, {"tenant": "common"}),
        (400, "invalid_scope", 1002012, {"scope": f"{seed.GRAPH}/Mail.Send"}),
        (400, "invalid_scope", 1002012, {"scope": f"{seed.GRAPH}/.default/more"}),
        (400, "invalid_scope", 70011, {"scope": f"{GRAPH_SCOPE} openid"}),
        (400, "invalid_request", 90014, {"scope": None}),
        (400, "invalid_resource", 500011, {"scope": "https://graph.example.com/.default"}),
        (400, "unsupported_grant_type", 70003, {"grant_type": "password"}),
        (400, "invalid_request", 900144, {"grant_type": None}),
        (400, "invalid_request", 900144, {"client_id": None}),
        (400, "invalid_request", 900144, {"client_assertion": "a.b.c"}),
        (
            400,
            "invalid_request",
            50027,
            {
                "client_assertion": "a.b.c",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            },
        ),
    ],
)
def test_entra_refuses(cloud, status, error, code, changes):
    reply = cloud.post_token(**changes)

    assert reply.status_code == status
    assert (reply.json()["error"], reply.json()["error_codes"]) == (error, [code])
    assert reply.json()["error_description"].startswith(f"AADSTS{code}: ")


def test_an_unknown_tenant_is_found_out_at_discovery(cloud):
    with (
        ClientSecretCredential(seed.CLIENT_ID, seed.CLIENT_ID, "any", **cloud.entra) as credential,
        pytest.raises(ClientAuthenticationError, match="Unable to get authority configuration"),
    ):
        credential.get_token(GRAPH_SCOPE)
    document = requests.get(f"{cloud.url}/{seed.CLIENT_ID}/v2.0/.well-known/openid-configuration", timeout=5)
    assert (document.status_code, document.json()["error_codes"]) == (400, [90002])


def test_an_expired_secret_is_called_expired(cloud):
    secret = cloud.control.add_client_secret(expires=LONG_AGO)

    with (
        ClientSecretCredential(seed.TENANT, seed.CLIENT_ID, secret.value, **cloud.entra) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000222"),
    ):
        credential.get_token(GRAPH_SCOPE)


def test_rotation_leaves_the_old_secret_valid_until_it_is_removed(cloud):
    (old,) = cloud.control.client_secrets()

    new = cloud.control.rotate()

    assert cloud.secret_value() == new.value != old.value
    assert [cloud.post_token(client_secret=value).status_code for value in (old.value, new.value)] == [200, 200]
    cloud.control.remove_client_secret(old.id)
    assert [cloud.post_token(client_secret=value).status_code for value in (old.value, new.value)] == [401, 200]


def test_rotation_may_remove_the_old_secret_at_once(cloud):
    old = cloud.secret_value()

    cloud.control.rotate(remove_old=True)

    assert cloud.post_token(client_secret=old).json()["error_codes"] == [7000215]


def test_a_secret_can_be_made_to_expire(cloud):
    (secret,) = cloud.control.client_secrets()

    cloud.control.expire_client_secret(secret.id, LONG_AGO)

    assert cloud.post_token().json()["error_codes"] == [7000222]


# Certificates and federated credentials


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


# Key Vault


def test_the_vault_challenges_a_caller_without_a_token(cloud):
    reply = requests.get(f"{cloud.url}/secrets/{seed.SECRET_NAME}?api-version=7.4", timeout=5)

    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "Unauthorized")
    challenge = f'Bearer authorization="{cloud.url}/{seed.TENANT}", resource="{seed.VAULT}"'
    assert reply.headers["WWW-Authenticate"] == challenge


def test_the_newest_version_is_given_unless_one_is_named(cloud, vault):
    (first,) = cloud.control.versions()
    second = cloud.control.add_version(seed.SECRET_NAME, "second", content_type="text/plain")

    newest = vault.get_secret(seed.SECRET_NAME)

    assert (newest.value, newest.properties.version) == ("second", second.version)
    assert newest.properties.content_type == "text/plain"
    assert vault.get_secret(seed.SECRET_NAME, first.version).value == first.value


def test_a_disabled_newest_version_is_refused_and_the_older_one_is_not_given_instead(cloud, vault):
    version = cloud.control.add_version(seed.SECRET_NAME, "second")
    cloud.control.change_version(seed.SECRET_NAME, version.version, enabled=False)

    with pytest.raises(HttpResponseError) as refused:
        vault.get_secret(seed.SECRET_NAME)

    assert (refused.value.status_code, refused.value.error.code) == (403, "Forbidden")
    assert refused.value.error.innererror["code"] == "SecretDisabled"


def test_an_expired_secret_is_still_given(cloud, vault):
    (version,) = cloud.control.versions()
    cloud.control.change_version(seed.SECRET_NAME, version.version, expires=LONG_AGO.isoformat())

    assert vault.get_secret(seed.SECRET_NAME).properties.expires_on == LONG_AGO


@pytest.mark.parametrize(("name", "version"), [("no-such-secret", ""), (seed.SECRET_NAME, "0" * 32)])
def test_an_unknown_secret_or_version_is_not_found(vault, name, version):
    with pytest.raises(ResourceNotFoundError) as refused:
        vault.get_secret(name, version)

    assert refused.value.error.code == "SecretNotFound"


def test_a_removed_secret_is_not_found(cloud, vault):
    cloud.control.remove_secret(seed.SECRET_NAME)

    with pytest.raises(ResourceNotFoundError):
        vault.get_secret(seed.SECRET_NAME)


def test_an_identity_without_the_role_is_forbidden(cloud, vault):
    cloud.control.set(vault_granted=False)

    with pytest.raises(HttpResponseError) as refused:
        vault.get_secret(seed.SECRET_NAME)

    assert (refused.value.status_code, refused.value.error.innererror["code"]) == (403, "ForbiddenByRbac")


def get_secret(cloud, token, name=seed.SECRET_NAME, query="?api-version=7.4"):
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{cloud.url}/secrets/{name}{query}", headers=headers, timeout=5)


def test_the_app_itself_may_not_read_the_vault(cloud):
    token = cloud.post_token(scope=f"{seed.VAULT}/.default").json()["access_token"]

    assert get_secret(cloud, token).json()["error"]["innererror"]["code"] == "ForbiddenByRbac"


def test_the_vault_refuses_a_token_for_somebody_else(cloud):
    reply = get_secret(cloud, cloud.post_token().json()["access_token"])

    assert reply.status_code == 401
    assert "WWW-Authenticate" in reply.headers


def test_the_vault_refuses_an_expired_token(cloud):
    cloud.control.set(identity_lifetime=1)
    token = cloud.get_identity().json()["access_token"]
    time.sleep(1.1)

    assert get_secret(cloud, token).status_code == 401


@pytest.mark.parametrize(("name", "query"), [(seed.SECRET_NAME, ""), ("under_score", "?api-version=7.4")])
def test_the_vault_calls_a_request_bad(cloud, name, query):
    reply = get_secret(cloud, cloud.get_identity().json()["access_token"], name, query)

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "BadParameter")
