"""Graph: an app's secrets and federated credentials, and the tenant's policy about secrets.

https://learn.microsoft.com/graph/api/application-addpassword
https://learn.microsoft.com/graph/api/application-post-federatedidentitycredentials
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mailer.local.cloud.applications import SCOPE, find, shown_secret
from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.directory import new_id
from mailer.local.cloud.model import FederatedCredential
from mailer.local.cloud.odata import REGISTRARS, done, not_found, permit, read_object, show, show_all
from mailer.local.cloud.state import Cloud, new_client_secret

MOST_FEDERATED = 20
DEFAULT_LIFETIME = timedelta(days=730)


async def add_password(cloud: Cloud, request: Request) -> Response:
    """A new client secret, whose text is shown only now."""
    permit(cloud, request, scope=SCOPE, roles=REGISTRARS)
    application = find(cloud, request)
    content = (await read_object(request)).get("passwordCredential") or {}
    now = datetime.now(UTC)
    end = datetime.fromisoformat(content["endDateTime"]) if content.get("endDateTime") else now + DEFAULT_LIFETIME
    if not cloud.settings.passwords_allowed:
        text = "Credential type not allowed as per assigned policy."
        raise Refusal(400, "CredentialTypeNotAllowedAsPerAppPolicy", text)
    longest = cloud.settings.longest_password
    if longest is not None and end - now > timedelta(days=longest, minutes=5):
        text = "Credential lifetime exceeds the max value allowed as per assigned policy."
        raise Refusal(400, "CredentialInvalidLifetimeAsPerAppPolicy", text)
    secret = new_client_secret(expires=end).model_copy(update={"display_name": content.get("displayName")})
    application.secrets.append(secret)
    return show(request, {**shown_secret(secret), "secretText": secret.value})


async def remove_password(cloud: Cloud, request: Request) -> Response:
    """Take a client secret away: 204."""
    permit(cloud, request, scope=SCOPE, roles=REGISTRARS)
    application = find(cloud, request)
    key = (await read_object(request, "keyId"))["keyId"]
    left = [secret for secret in application.secrets if secret.id != key]
    if len(left) == len(application.secrets):
        raise Refusal(400, "Request_BadRequest", f"No password credential found with keyId '{key}'.")
    application.secrets[:] = left
    return done(request)


async def list_federated(cloud: Cloud, request: Request) -> Response:
    """The federated credentials of an application."""
    permit(cloud, request, scope=SCOPE, roles=None, app_role="Application.Read.All")
    return show_all(request, map(shown_federated, find(cloud, request).federated_credentials))


async def add_federated(cloud: Cloud, request: Request) -> Response:
    """Takes any issuer and subject; a wrong one shows at the token exchange."""
    permit(cloud, request, scope=SCOPE, roles=REGISTRARS)
    application = find(cloud, request)
    content = await read_object(request, "name", "issuer", "subject", "audiences")
    known = application.federated_credentials
    if len(known) >= MOST_FEDERATED or len(content["audiences"]) != 1:
        raise Refusal(400, "Request_BadRequest", "At most 20 federated credentials, each with one audience.")
    if any(one.name == content["name"] for one in known):
        text = f"FederatedIdentityCredential with name {content['name']} already exists."
        raise Refusal(409, "Request_MultipleObjectsWithSameKeyValue", text)
    credential = FederatedCredential(
        id=new_id(),
        name=content["name"],
        issuer=content["issuer"],
        subject=content["subject"],
        audience=content["audiences"][0],
    )
    application.federated_credentials = (*known, credential)
    return show(request, shown_federated(credential), 201)


async def delete_federated(cloud: Cloud, request: Request) -> Response:
    """Take a federated credential away: 204."""
    permit(cloud, request, scope=SCOPE, roles=REGISTRARS)
    application = find(cloud, request)
    left = [one for one in application.federated_credentials if one.id != request.path_params["credential"]]
    if len(left) == len(application.federated_credentials):
        raise not_found(request.path_params["credential"])
    application.federated_credentials = tuple(left)
    return done(request)


async def get_policy(cloud: Cloud, request: Request) -> Response:
    """The tenant's app management policy. https://learn.microsoft.com/graph/api/tenantappmanagementpolicy-get."""
    permit(cloud, request, scope="Policy.Read.All", roles=None)
    enforced = {"restrictForAppsCreatedAfterDateTime": "2020-01-01T00:00:00Z", "state": "enabled"}
    restrictions: list[dict[str, Any]] = []
    if cloud.settings.longest_password is not None:
        longest = f"P{cloud.settings.longest_password}D"
        restrictions.append({"restrictionType": "passwordLifetime", "maxLifetime": longest, **enforced})
    if not cloud.settings.passwords_allowed:
        restrictions.append({"restrictionType": "passwordAddition", "maxLifetime": None, **enforced})
    content = {
        "id": "00000000-0000-0000-0000-000000000000",
        "displayName": "Default app management tenant policy",
        "isEnabled": bool(restrictions),
        "applicationRestrictions": {"passwordCredentials": restrictions, "keyCredentials": []},
    }
    return show(request, content)


def shown_federated(credential: FederatedCredential) -> dict[str, Any]:
    """A federated credential as Graph shows it."""
    return {
        "id": credential.id,
        "name": credential.name,
        "issuer": credential.issuer,
        "subject": credential.subject,
        "audiences": [credential.audience],
    }
