"""Managed identity."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from azure.identity import (
    CredentialUnavailableError,
    DefaultAzureCredential,
    ManagedIdentityCredential,
)
from azure.keyvault.secrets import SecretClient

from mailer.local.cloud import seed
from tests.cloud_tokens.given import NO_RETRIES, claims


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
