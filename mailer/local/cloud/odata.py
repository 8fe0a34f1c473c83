"""Graph's directory calls: who may make them, their filters, and how they answer.

https://learn.microsoft.com/graph/query-parameters
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.graph import correlation, identify
from mailer.local.cloud.state import Cloud

EQUALS = re.compile(r"\s*(\w+)\s+eq\s+'((?:[^']|'')*)'\s*")
ALWAYS = "Global Administrator"
REGISTRARS = {"Application Administrator", "Cloud Application Administrator", "Application Developer"}


def permit(cloud: Cloud, request: Request, *, scope: str, roles: Iterable[str] | None, app_role: str = "") -> None:
    """Refuse a person without the scope or, unless None, one of the Entra roles; an app needs an app role.

    az's own token lets a person do all that the person's roles allow, but for Exchange.
    """
    caller = identify(cloud, request)
    if caller.person is None:
        if app_role and app_role in caller.roles:
            return
    else:
        through_az = "Directory.AccessAsUser.All" in caller.scopes and "Exchange" not in scope
        enough = roles is None or {ALWAYS, *roles} & set(cloud.settings.person_roles)
        if enough and (through_az or scope in caller.scopes):
            return
    raise Refusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def wanted(request: Request, *allowed: str) -> tuple[str, str]:
    """Property and value of a $filter, which has the form "name eq 'value'"."""
    text = request.query_params.get("$filter", "")
    match = EQUALS.fullmatch(text)
    if match is None or match[1] not in allowed:
        raise Refusal(400, "Request_UnsupportedQuery", f"The local cloud does not know the filter {text!r} here.")
    return match[1], match[2].replace("''", "'")


async def read_object(request: Request, *required: str) -> dict[str, Any]:
    """The JSON object in the body, with its required members."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refusal(415, "UnsupportedMediaType", "The content type must be application/json.")
    try:
        content = json.loads(await request.body())
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Refusal(400, "BadRequest", "Unable to read JSON request payload.")
    for name in required:
        if not content.get(name):
            message = f"A value is required for property '{name}' of resource."
            raise Refusal(400, "Request_BadRequest", message)
    return content


def visible(cloud: Cloud, created: datetime) -> bool:
    """Whether Entra has replicated an object that was made then."""
    return datetime.now(UTC) >= created + timedelta(seconds=cloud.settings.replication_delay)


def not_found(identifier: str) -> Refusal:
    """What Graph says of an object that is not there, or not there yet."""
    text = f"Resource '{identifier}' does not exist or one of its queried reference-property objects are not present."
    return Refusal(404, "Request_ResourceNotFound", text)


def show(request: Request, content: dict[str, Any], status: int = 200) -> Response:
    """One object, with the properties of $select."""
    selected = request.query_params.get("$select")
    if selected:
        names = {name.strip() for name in selected.split(",")}
        if unknown := sorted(names - set(content)):
            text = f"Could not find a property named '{unknown[0]}'."
            raise Refusal(400, "BadRequest", text)
        content = {name: value for name, value in content.items() if name in names}
    return JSONResponse(content, status, correlation(request))


def show_all(request: Request, objects: Iterable[dict[str, Any]]) -> Response:
    """A page of objects."""
    pages = [json.loads(bytes(show(request, one).body)) for one in objects]
    return JSONResponse({"value": pages}, 200, correlation(request))


def done(request: Request) -> Response:
    """204."""
    return Response(status_code=204, headers=correlation(request))
