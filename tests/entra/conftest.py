"""The three ways to sign in, through the real SDKs against the local cloud, and what to mend when one fails."""

import pytest

from mailer.local.cloud import seed


@pytest.fixture
def cloud(local_cloud, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", local_cloud.ca)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{local_cloud.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", seed.IDENTITY_HEADER)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    local_cloud.control.reset()
    return local_cloud
