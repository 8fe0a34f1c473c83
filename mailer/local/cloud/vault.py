"""Key Vault: reading secrets; vault_changes.py has the rest.

https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret
"""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailer.local.cloud import seed
from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.model import SecretVersion
from mailer.local.cloud.state import Cloud
from mailer.local.cloud.tokens import InvalidToken

NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")


async def get_secret(cloud: Cloud, request: Request) -> Response:
    """One version of a secret, the newest if none is named. An expired one is still given out, as in Azure."""
    authorize(cloud, request, action="getSecret")
    name = check_name(request)
    version = find(cloud, name, request.path_params.get("version", ""))
    if not version.enabled:
        raise Refusal(403, "Forbidden", "Operation get is not allowed on a disabled secret.", detail="SecretDisabled")
    return JSONResponse(bundle(secret_url(request, name, version), version))


def check_name(request: Request) -> str:
    """The secret that the path names."""
    if not request.query_params.get("api-version"):
        raise Refusal(400, "BadParameter", "The request has no api-version; name one in the query.")
    name: str = request.path_params["name"]
    if not NAME.fullmatch(name):
        raise Refusal(400, "BadParameter", f"The secret name {name!r} is invalid: 1 to 127 letters, digits and dashes.")
    return name


def secret_url(request: Request, name: str, version: SecretVersion) -> str:
    """The id of a version."""
    return f"{str(request.base_url).rstrip('/')}/secrets/{name}/{version.version}"


def authorize(cloud: Cloud, request: Request, *, action: str) -> None:
    """The managed identity may read secrets while its role is granted; the person may do all as an officer."""
    header = request.headers.get("authorization")
    challenge = f'Bearer authorization="{request.base_url}{seed.TENANT}", resource="{seed.VAULT}"'
    if not header:
        message = "AKV10000: Request is missing a Bearer or PoP token."
        raise Refusal(401, "Unauthorized", message, headers={"WWW-Authenticate": challenge})
    try:
        caller = cloud.signer.caller(header, audience=seed.VAULT)
    except InvalidToken as error:
        raise Refusal(401, "Unauthorized", str(error), headers={"WWW-Authenticate": challenge}) from None
    reader = caller.object_id == seed.IDENTITY_OBJECT_ID and cloud.settings.vault_granted and action == "getSecret"
    officer = caller.person is not None and cloud.settings.person_may_set_secrets
    if not (reader or officer):
        message = (
            "Caller is not authorized to perform action on resource. "
            f"Caller: appid={caller.app_id};oid={caller.object_id} "
            f"Action: 'Microsoft.KeyVault/vaults/secrets/{action}/action'"
        )
        raise Refusal(403, "Forbidden", message, detail="ForbiddenByRbac")


def find(cloud: Cloud, name: str, version: str) -> SecretVersion:
    """The named version, or the newest; a disabled newest one is found too, as in Azure."""
    versions = cloud.vault.get(name, [])
    found = [one for one in versions if version in ("", one.version)]
    if not found:
        raise Refusal(
            404, "SecretNotFound", f"A secret with (name/id) {name}/{version} was not found in this key vault."
        )
    return found[-1]


def bundle(url: str, version: SecretVersion) -> dict[str, Any]:
    """A version as the API shows it; times in seconds since 1970."""
    times = {
        "created": version.created,
        "updated": version.updated,
        "exp": version.expires,
        "nbf": version.not_before,
    }
    attributes: dict[str, Any] = {name: int(time.timestamp()) for name, time in times.items() if time}
    attributes |= {"enabled": version.enabled, "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90}
    content = {"value": version.value, "id": url, "attributes": attributes, "tags": version.tags}
    return content | ({"contentType": version.content_type} if version.content_type else {})


def refuse(_request: Request, refusal: Refusal) -> Response:
    """The refusal in Key Vault's words."""
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.detail:
        error["innererror"] = {"code": refusal.detail}
    return JSONResponse({"error": error}, refusal.status, refusal.headers)
