"""Key Vault: writing, listing and deleting secrets, which an officer may, here the person who signs in.

https://learn.microsoft.com/rest/api/keyvault/secrets/set-secret/set-secret
https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview
"""

import json
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.state import Cloud
from mailer.local.cloud.vault import authorize, bundle, check_name, find, secret_url


async def set_secret(cloud: Cloud, request: Request) -> Response:
    """A new version, which becomes the newest; not for the name of a secret that was deleted and not purged."""
    authorize(cloud, request, action="setSecret")
    name = check_name(request)
    content = await read_body(request)
    if not isinstance(content.get("value"), str):
        raise Refusal(400, "BadParameter", "Property value is invalid.")
    if name in cloud.deleted_secrets:
        text = f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused."
        raise Refusal(409, "Conflict", text, detail="ObjectIsDeletedButRecoverable")
    attributes = content.get("attributes") or {}
    version = cloud.add_version(
        name,
        content["value"],
        expires=moment(attributes.get("exp")),
        enabled=attributes.get("enabled", True),
        content_type=content.get("contentType"),
        tags=content.get("tags"),
    )
    return JSONResponse(bundle(secret_url(request, name, version), version))


async def list_versions(cloud: Cloud, request: Request) -> Response:
    """The versions without their values."""
    authorize(cloud, request, action="readMetadata")
    name = check_name(request)
    find(cloud, name, "")
    shown = [bundle(secret_url(request, name, one), one) for one in cloud.vault[name]]
    for one in shown:
        del one["value"]
    return JSONResponse({"value": shown, "nextLink": None})


async def delete_secret(cloud: Cloud, request: Request) -> Response:
    """Into the deleted ones, from where it can be recovered."""
    authorize(cloud, request, action="delete")
    name = check_name(request)
    find(cloud, name, "")
    cloud.deleted_secrets[name] = cloud.vault.pop(name)
    return JSONResponse(deleted(cloud, request, name))


async def get_deleted(cloud: Cloud, request: Request) -> Response:
    """A deleted secret."""
    authorize(cloud, request, action="readMetadata")
    return JSONResponse(deleted(cloud, request, check_name(request)))


async def recover(cloud: Cloud, request: Request) -> Response:
    """Bring a deleted secret back."""
    authorize(cloud, request, action="recover")
    name = check_name(request)
    shown = deleted(cloud, request, name)
    cloud.vault[name] = cloud.deleted_secrets.pop(name)
    return JSONResponse({key: shown[key] for key in ("id", "attributes")})


async def purge(cloud: Cloud, request: Request) -> Response:
    """Delete a secret for good: 204."""
    authorize(cloud, request, action="purge")
    deleted(cloud, request, check_name(request))
    del cloud.deleted_secrets[check_name(request)]
    return Response(status_code=204)


def deleted(cloud: Cloud, request: Request, name: str) -> dict[str, Any]:
    """A deleted secret as the API shows it."""
    if name not in cloud.deleted_secrets:
        raise Refusal(404, "SecretNotFound", f"Deleted Secret not found: {name}")
    version = cloud.deleted_secrets[name][-1]
    shown = bundle(secret_url(request, name, version), version)
    del shown["value"]
    now = int(datetime.now(UTC).timestamp())
    recovery = f"{str(request.base_url).rstrip('/')}/deletedsecrets/{name}"
    return {**shown, "recoveryId": recovery, "deletedDate": now, "scheduledPurgeDate": now + 90 * 86400}


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object in the body."""
    try:
        content = json.loads(await request.body())
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Refusal(400, "BadParameter", "The request body is no JSON object.")
    return content


def moment(seconds: int | None) -> datetime | None:
    """Seconds since 1970 as a time."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
