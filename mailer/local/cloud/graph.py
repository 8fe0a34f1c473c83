"""Microsoft Graph: what all its mail calls have in common, from the token to the error envelope.

https://learn.microsoft.com/graph/errors
"""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailer.local.cloud import seed
from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.edm import TypeMismatch, check_entity, check_parameters
from mailer.local.cloud.model import MEGABYTE, Mailbox
from mailer.local.cloud.state import Cloud
from mailer.local.cloud.tokens import Caller, InvalidToken

LARGEST_REQUEST = 4 * MEGABYTE
NO_MAILBOX = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    'client_id="00000003-0000-0000-c000-000000000000"'
)


async def enter(cloud: Cloud, request: Request, *, need: set[str]) -> Mailbox:
    """The mailbox that the path names, if the caller may use it with one of the roles it needs."""
    caller = identify(cloud, request)
    may = caller.scopes if caller.person else roles_of(cloud, caller)
    if not may:
        text = "The token contains no permissions, or permissions can not be understood."
        raise Refusal(401, "NoPermissionsInAccessToken", text)
    if len(await request.body()) > LARGEST_REQUEST:
        raise Refusal(413, "BadRequest", "The maximum request length supported is 4MB.")
    mailbox = find_mailbox(cloud, request.path_params.get("user") or own_address(caller))
    check_access(cloud, caller, mailbox, need=need)
    return mailbox


def identify(cloud: Cloud, request: Request) -> Caller:
    """Who sends the request, by the token."""
    try:
        return cloud.signer.caller(request.headers.get("authorization"), audience=seed.GRAPH)
    except InvalidToken as error:
        headers = {"WWW-Authenticate": CHALLENGE}
        raise Refusal(401, "InvalidAuthenticationToken", str(error), headers=headers) from None


def roles_of(cloud: Cloud, caller: Caller, mailbox: Mailbox | None = None) -> frozenset[str]:
    """What an app may do: the roles in its token and those that Exchange itself gave it, here for one mailbox."""
    exchange = cloud.directory.exchange_roles(caller.object_id, mailbox.object_id if mailbox else None)
    of_seed = cloud.settings.exchange_roles if caller.object_id == seed.APP_OBJECT_ID else ()
    return caller.roles | exchange | set(of_seed)


def own_address(caller: Caller) -> str:
    """The mailbox that /me means."""
    if caller.person is None:
        raise Refusal(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
    return caller.person


def find_mailbox(cloud: Cloud, user: str) -> Mailbox:
    """The mailbox of a user principal name or object id."""
    mailbox = cloud.mailbox(user)
    if mailbox is None and user == cloud.settings.person:
        raise Refusal(404, "MailboxNotEnabledForRESTAPI", NO_MAILBOX)
    if mailbox is None:
        raise Refusal(404, "ErrorInvalidUser", f"The requested user '{user}' is invalid.")
    if not mailbox.rest_enabled:
        raise Refusal(404, "MailboxNotEnabledForRESTAPI", NO_MAILBOX)
    return mailbox


def check_access(cloud: Cloud, caller: Caller, mailbox: Mailbox, *, need: set[str]) -> None:
    """Refuse an app without one of the roles here, and a person without the scope, or without rights on the mailbox.

    https://learn.microsoft.com/graph/outlook-send-mail-from-other-user
    """
    if caller.person in (None, mailbox.address):
        allowed = roles_of(cloud, caller, mailbox) if caller.person is None else caller.scopes
        granted = bool(allowed & need) and (mailbox.in_scope or caller.person is not None)
    else:
        granted = bool(caller.scopes & {f"{one}.Shared" for one in need}) and caller.person in mailbox.full_access
    if not granted:
        raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    own = cloud.mailbox(caller.person) if caller.person else None
    if caller.person not in (None, mailbox.address) and mailbox.address not in (own.send_as if own else ()):
        text = "The user account which was used to submit this request does not have the right to send mail on behalf "
        raise Refusal(403, "ErrorSendAsDenied", text + "of the specified sending account.")


async def read_parameters(request: Request, action: str, *, required: str) -> dict[str, Any]:
    """The parameters of an action, of the types that Graph declares."""
    parameters = await read_json(request, partial(check_parameters, action))
    if required not in parameters:
        raise Refusal(400, "BadRequest", f"The parameter '{required}' is required.")
    return parameters


async def read_entity(request: Request, type_name: str) -> dict[str, Any]:
    """The entity of a type that Graph declares, which the request is to create."""
    return await read_json(request, partial(check_entity, type_name))


async def read_json(request: Request, check: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """The body of a request, which must be JSON that passes the check."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "text/plain":
        raise Refusal(501, "NotImplemented", "The local cloud does not know mails in MIME format; send JSON.")
    if not media_type:
        text = "A missing or empty content type header was found when trying to read a message."
        raise Refusal(400, "RequestBodyRead", text)
    if media_type != "application/json":
        raise Refusal(415, "UnsupportedMediaType", f"The content type {media_type} is not supported.")
    try:
        return check(json.loads(await request.body()))
    except TypeMismatch as mismatch:
        raise Refusal(400, mismatch.code, str(mismatch)) from None
    except ValueError:
        raise Refusal(400, "UnableToDeserializePostBody", "were unable to deserialize: not JSON") from None


def correlation(request: Request) -> dict[str, str]:
    """The headers that Microsoft's support asks for."""
    given = request.headers.get("client-request-id")
    own = str(uuid.uuid4())
    diagnostic = {
        "ServerInfo": {"DataCenter": "Local", "Slice": "E", "Ring": "1", "ScaleUnit": "000", "RoleInstance": "local"}
    }
    return {
        "request-id": own,
        "client-request-id": given or own,
        "x-ms-ags-diagnostic": json.dumps(diagnostic, separators=(",", ":")),
    }


def refuse(request: Request, refusal: Refusal) -> Response:
    """The refusal in Graph's error envelope."""
    headers = correlation(request)
    inner = {
        "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}",
        "request-id": headers["request-id"],
        "client-request-id": headers["client-request-id"],
    }
    error = {"code": refusal.code, "message": refusal.message, "innerError": inner}
    return JSONResponse({"error": error}, refusal.status, headers | refusal.headers)
