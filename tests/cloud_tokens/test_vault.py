"""Key Vault."""

import time

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from mailer.local.cloud import seed
from tests.cloud_tokens.given import LONG_AGO


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
