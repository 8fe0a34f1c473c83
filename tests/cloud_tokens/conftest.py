"""The local cloud's identity endpoint, Entra and Key Vault, through Microsoft's own client libraries."""

import pytest
from azure.identity import (
    ManagedIdentityCredential,
)
from azure.keyvault.secrets import SecretClient

from mailer.local.cloud import seed
from tests.cloud_tokens.given import NO_RETRIES, Cloud


@pytest.fixture
def cloud(local_cloud, monkeypatch):
    cloud = Cloud(**vars(local_cloud))
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
