"""Entra: tokens by a client secret, and its rotation."""

import time

import jwt
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    ClientSecretCredential,
)

from mailer.local.cloud import seed
from tests.cloud_tokens.given import LONG_AGO, claims
from tests.local_cloud import GRAPH_SCOPE


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
