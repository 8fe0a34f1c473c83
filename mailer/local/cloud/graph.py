"""Microsoft Graph: sendMail and looking into Sent Items.

https://learn.microsoft.com/graph/api/user-sendmail
https://learn.microsoft.com/graph/errors
"""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailer.local.cloud import seed
from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.edm import TypeMismatch, check_parameters
from mailer.local.cloud.message import take_message
from mailer.local.cloud.model import Mailbox
from mailer.local.cloud.state import Cloud
from mailer.local.cloud.tokens import InvalidToken

LARGEST_REQUEST = 4 * 1024 * 1024  # bytes
CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    'client_id="00000003-0000-0000-c000-000000000000"'
)


async def send_mail(cloud: Cloud, request: Request) -> Response:
    """Accept a mail: 202 with an empty body. Delivery comes later, and its failure is told to nobody."""
    body = await request.body()
    roles = authorize(cloud, request)
    if len(body) > LARGEST_REQUEST:
        raise Refusal(413, "BadRequest", "The maximum request length supported is 4MB.")
    mailbox = open_mailbox(cloud, request, roles, need={"Mail.Send"})
    parameters = read_json(request, body)
    message = parameters.get("Message")
    if message is None:
        raise Refusal(400, "BadRequest", "The parameter 'Message' is required.")
    mail, contents = take_message(
        message,
        mailbox,
        save_to_sent_items=parameters.get("SaveToSentItems") is not False,
        client_request_id=request.headers.get("client-request-id"),
    )
    cloud.mails.append(mail)
    cloud.courier.hand_over(mail, contents)
    return Response(status_code=202, headers=correlation(request))


def authorize(cloud: Cloud, request: Request) -> frozenset[str]:
    """What the caller may do: the roles in the token and those that Exchange itself gave the app."""
    try:
        caller = cloud.signer.caller(request.headers.get("authorization"), audience=seed.GRAPH)
    except InvalidToken as error:
        headers = {"WWW-Authenticate": CHALLENGE}
        raise Refusal(401, "InvalidAuthenticationToken", str(error), headers=headers) from None
    roles = caller.roles | set(cloud.settings.exchange_roles)
    if not roles:
        text = "The token contains no permissions, or permissions can not be understood."
        raise Refusal(401, "NoPermissionsInAccessToken", text)
    return roles


def open_mailbox(cloud: Cloud, request: Request, roles: frozenset[str], *, need: set[str]) -> Mailbox:
    """The mailbox that the path names, if the app may use it with one of the roles it needs."""
    user: str = request.path_params["user"]
    mailbox = cloud.mailbox(user)
    if mailbox is None:
        raise Refusal(404, "ErrorInvalidUser", f"The requested user '{user}' is invalid.")
    if not mailbox.rest_enabled:
        text = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
        raise Refusal(404, "MailboxNotEnabledForRESTAPI", text)
    if not roles & need or not mailbox.in_scope:
        raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    return mailbox


def read_json(request: Request, body: bytes) -> dict[str, Any]:
    """The parameters of sendMail, of the types that Graph declares."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "text/plain":
        raise Refusal(501, "NotImplemented", "The local cloud does not know mails in MIME format; send JSON.")
    if not media_type:
        text = "A missing or empty content type header was found when trying to read a message."
        raise Refusal(400, "RequestBodyRead", text)
    if media_type != "application/json":
        raise Refusal(415, "UnsupportedMediaType", f"The content type {media_type} is not supported.")
    try:
        return check_parameters("sendMail", json.loads(body))
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
