"""The local cloud's directory: as strict as Graph about what set-up asks of it, and about who asks."""

import base64
import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import requests

from mailer.local.cloud import seed
from mailer.local.cloud.control import Control

NAMED = "/v1.0/applications(uniqueName='mailer')"
UPSERT = {"Prefer": "create-if-missing"}
BODY = {"displayName": "mailer", "signInAudience": "AzureADMyOrg"}
ENTRA = f"/{seed.TENANT}/oauth2/v2.0"
GRAPH_TOOLS, AZURE_CLI = seed.GRAPH_TOOLS, seed.AZURE_CLI


@dataclass(frozen=True, kw_only=True)
class Cloud:
    url: str
    control: Control
    session: requests.Session

    def token(self, resource=seed.GRAPH):
        return self.session.get(f"{self.url}/control/az-token", params={"resource": resource}).json()["accessToken"]

    def ask(self, method, path, body=None, *, token=None, **headers):
        headers = {"Authorization": f"Bearer {token or self.token()}", **headers}
        return self.session.request(method, self.url + path, json=body, headers=headers, timeout=5)

    def registered(self):
        reply = self.ask("PATCH", NAMED, BODY, **UPSERT)
        assert reply.status_code == 201
        return reply.json()

    def principal(self, app):
        return self.ask("POST", "/v1.0/servicePrincipals", {"appId": app["appId"]}).json()

    def form(self, path, **form):
        return self.session.post(f"{self.url}{ENTRA}/{path}", data=form, timeout=5)


@pytest.fixture
def cloud(local_cloud):
    local_cloud.control.reset(empty=True)
    with requests.Session() as session:
        session.verify, session.trust_env = local_cloud.ca, False
        yield Cloud(url=local_cloud.url, control=local_cloud.control, session=session)
    local_cloud.control.reset()


def code(reply):
    return reply.status_code, reply.json()["error"]["code"]


# Applications


def test_an_upsert_makes_once_and_then_answers_without_a_body(cloud):
    first = cloud.registered()
    again = cloud.ask("PATCH", NAMED, BODY, **UPSERT)

    assert (again.status_code, again.content) == (204, b"")
    assert cloud.ask("GET", NAMED).json()["appId"] == first["appId"]
    assert first["uniqueName"] == "mailer"


def test_without_the_header_an_upsert_makes_nothing(cloud):
    assert code(cloud.ask("PATCH", NAMED, BODY)) == (404, "Request_ResourceNotFound")
    assert code(cloud.ask("GET", NAMED)) == (404, "Request_ResourceNotFound")


def test_an_application_is_for_personal_accounts_too_unless_told(cloud):
    cloud.ask("PATCH", NAMED, {"displayName": "mailer"}, **UPSERT)

    assert cloud.ask("GET", NAMED).json()["signInAudience"] == "AzureADandPersonalMicrosoftAccount"


def test_an_application_needs_a_display_name(cloud):
    assert code(cloud.ask("PATCH", NAMED, {"signInAudience": "AzureADMyOrg"}, **UPSERT)) == (400, "Request_BadRequest")


def test_no_secret_is_set_by_patch(cloud):
    app = cloud.registered()
    body = {"passwordCredentials": [{"displayName": "x"}]}

    assert cloud.ask("PATCH", f"/v1.0/applications/{app['id']}", body).status_code == 400


def test_the_text_of_a_secret_is_shown_once(cloud):
    app = cloud.registered()
    path = f"/v1.0/applications/{app['id']}"

    made = cloud.ask("POST", f"{path}/addPassword", {"passwordCredential": {"displayName": "x"}}).json()

    (shown,) = cloud.ask("GET", path).json()["passwordCredentials"]
    assert made["secretText"].startswith(shown["hint"])
    assert shown["secretText"] is None
    end = datetime.fromisoformat(made["endDateTime"].replace("0Z", "+00:00"))
    assert timedelta(days=729) < end - datetime.now(UTC) < timedelta(days=731)
    assert cloud.ask("POST", f"{path}/removePassword", {"keyId": made["keyId"]}).status_code == 204
    assert cloud.ask("POST", f"{path}/removePassword", {"keyId": made["keyId"]}).status_code == 400


def test_a_federated_credential_is_taken_whatever_it_says_but_its_name_once(cloud):
    path = f"/v1.0/applications/{cloud.registered()['id']}/federatedIdentityCredentials"
    body = {"name": "one", "issuer": "https://example.com", "subject": "x", "audiences": ["api://x"]}

    assert cloud.ask("POST", path, body).status_code == 201
    assert cloud.ask("POST", path, body).status_code == 409
    assert cloud.ask("POST", path, {**body, "audiences": []}).status_code == 400


# Principals and grants


def test_a_grant_is_made_once(cloud):
    principal = cloud.principal(cloud.registered())
    path = f"/v1.0/servicePrincipals/{seed.GRAPH_PRINCIPAL}/appRoleAssignedTo"
    body = {"principalId": principal["id"], "resourceId": seed.GRAPH_PRINCIPAL}
    body["appRoleId"] = seed.APP_ROLES["Mail.Send"]

    assert cloud.ask("POST", path, body).status_code == 201
    again = cloud.ask("POST", path, body)
    assert again.status_code == 400
    assert "Permission being assigned already exists on the object" in again.json()["error"]["message"]
    (granted,) = cloud.ask("GET", f"/v1.0/servicePrincipals/{principal['id']}/appRoleAssignments").json()["value"]
    assert cloud.ask("DELETE", f"{path}/{granted['id']}").status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", NAMED, BODY),
        ("POST", "/v1.0/servicePrincipals", {"appId": seed.CLIENT_ID}),
        ("POST", f"/v1.0/servicePrincipals/{seed.GRAPH_PRINCIPAL}/appRoleAssignedTo", {}),
        ("GET", "/beta/roleManagement/exchange/roleAssignments?$filter=principalId eq 'x'", None),
    ],
)
def test_a_person_without_the_role_is_refused(cloud, method, path, body):
    cloud.control.set(person_roles=[])

    assert code(cloud.ask(method, path, body, **UPSERT)) == (403, "Authorization_RequestDenied")


def test_az_has_no_scope_for_exchange(cloud):
    path = "/beta/roleManagement/exchange/roleDefinitions?$filter=displayName eq 'Application Mail.Send'"

    assert code(cloud.ask("GET", path)) == (403, "Authorization_RequestDenied")


def test_a_new_object_is_seen_by_other_calls_after_a_while(cloud):
    cloud.control.set(replication_delay=5)
    app = cloud.registered()

    too_early = cloud.ask("POST", "/v1.0/servicePrincipals", {"appId": app["appId"]})
    assert code(cloud.ask("GET", f"/v1.0/applications/{app['id']}")) == (404, "Request_ResourceNotFound")
    cloud.control.set(replication_delay=0)

    assert too_early.status_code == 400
    assert "does not reference a valid application object" in too_early.json()["error"]["message"]
    assert cloud.ask("POST", "/v1.0/servicePrincipals", {"appId": app["appId"]}).status_code == 201


# People


def asked(scope=f"{seed.GRAPH}/Mail.Send offline_access openid profile", client_id=GRAPH_TOOLS):
    return {"scope": scope, "client_id": client_id}


def test_a_device_code_waits_for_its_person_and_works_once(cloud):
    cloud.control.set(approve_device_codes=False)
    shown = cloud.form("devicecode", **asked()).json()
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": shown["device_code"]}
    grant |= {"client_id": GRAPH_TOOLS}

    assert cloud.form("token", **grant).json()["error"] == "authorization_pending"
    # A loaded machine may leave more than the interval between two of them.
    assert "slow_down" in [cloud.form("token", **grant).json()["error"] for _ in range(5)]
    cloud.control.set(approve_device_codes=True)
    time.sleep(shown["interval"])
    assert cloud.form("token", **grant).json()["token_type"] == "Bearer"
    assert cloud.form("token", **grant).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("form", "number"),
    [
        (asked(client_id=seed.CLIENT_ID), 700016),
        (asked(client_id=AZURE_CLI), 65002),
        (asked(scope=f"{seed.VAULT}/.default"), 650057),
        (asked(scope=f"{seed.GRAPH}/Mail.Sent"), 650053),
        (asked(scope="openid"), 70011),
    ],
    ids=["unknown client", "az with a named scope", "Graph's tools for the vault", "unknown scope", "no scope"],
)
def test_a_client_gets_only_what_it_may_ask_for(cloud, form, number):
    reply = cloud.form("devicecode", **form)

    assert reply.status_code == 400
    assert reply.json()["error_codes"] == [number]


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"code_verifier": "another"}, 501481),
        ({"redirect_uri": "http://localhost:9999"}, 500112),
        ({"code": "guessed"}, 54005),
    ],
)
def test_a_code_needs_its_verifier_and_its_redirect_uri(cloud, change, number):
    query = {"response_type": "code", "redirect_uri": "http://localhost:8400", "state": "s", "nonce": "n"}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"verifier").digest()).rstrip(b"=").decode()
    query |= {"code_challenge": challenge, "code_challenge_method": "S256", **asked()}
    reply = cloud.session.get(f"{cloud.url}{ENTRA}/authorize", params=query, allow_redirects=False, timeout=5)
    given = reply.headers["Location"].partition("code=")[2].partition("&")[0]
    grant = {"grant_type": "authorization_code", "client_id": GRAPH_TOOLS, "code": given, "code_verifier": "verifier"}
    grant |= {"redirect_uri": "http://localhost:8400"} | change

    assert cloud.form("token", **grant).json()["error_codes"] == [number]


@pytest.mark.parametrize("change", [{"redirect_uri": "https://example.com"}, {"code_challenge_method": "plain"}])
def test_an_authorization_request_names_localhost_and_s256(cloud, change):
    query = {"response_type": "code", "redirect_uri": "http://localhost:8400", "code_challenge": "x"}
    query |= {"code_challenge_method": "S256", **asked()} | change

    assert cloud.session.get(f"{cloud.url}{ENTRA}/authorize", params=query, timeout=5).status_code == 400


def test_me_is_for_people_only(cloud):
    cloud.control.reset()
    form = {"grant_type": "client_credentials", "client_id": seed.CLIENT_ID, "scope": f"{seed.GRAPH}/.default"}
    token = cloud.form("token", client_secret=cloud.control.versions()[-1].value, **form).json()["access_token"]
    body = {"message": {"subject": "x", "toRecipients": []}}

    reply = cloud.ask("POST", "/v1.0/me/sendMail", body, token=token)

    assert code(reply) == (400, "BadRequest")
    assert "delegated authentication flow" in reply.json()["error"]["message"]


# The vault


def test_the_apps_identity_reads_and_writes_nothing(cloud):
    """It has the role Key Vault Secrets User."""
    headers = {"X-IDENTITY-HEADER": seed.IDENTITY_HEADER}
    query = {"api-version": "2019-08-01", "resource": seed.VAULT}
    token = cloud.session.get(f"{cloud.url}/msi/token", params=query, headers=headers).json()["access_token"]

    reply = cloud.ask("PUT", "/secrets/x?api-version=7.4", {"value": "v"}, token=token)

    assert code(reply) == (403, "Forbidden")


def test_the_name_of_a_deleted_secret_is_not_free_until_it_is_recovered_or_purged(cloud):
    token = cloud.token(seed.VAULT)
    secret, deleted = "/secrets/x?api-version=7.4", "/deletedsecrets/x?api-version=7.4"
    assert cloud.ask("PUT", secret, {"value": "v"}, token=token).status_code == 200
    assert cloud.ask("DELETE", secret, token=token).status_code == 200

    refused = cloud.ask("PUT", secret, {"value": "w"}, token=token)
    assert refused.json()["error"]["innererror"]["code"] == "ObjectIsDeletedButRecoverable"
    assert cloud.ask("DELETE", deleted, token=token).status_code == 204
    assert cloud.ask("PUT", secret, {"value": "w"}, token=token).status_code == 200
