"""Microsoft Graph: finding a message by its internetMessageId in Sent Items or Drafts.

https://learn.microsoft.com/graph/api/user-list-messages
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.graph import correlation, enter
from mailer.local.cloud.model import AcceptedMail, Draft
from mailer.local.cloud.representation import PROPERTIES, as_graph
from mailer.local.cloud.state import Cloud

FILTER = re.compile(r"\s*internetMessageId\s+eq\s+'((?:[^']|'')*)'\s*")
OPTIONS = {"$filter", "$select", "$top"}
DEFAULT_PAGE, LARGEST_PAGE = 10, 1000


async def list_sent_items(cloud: Cloud, request: Request) -> Response:
    """The mailbox's sent mails, each a while after its acceptance."""
    visible = datetime.now(UTC) - timedelta(seconds=cloud.settings.sent_items_lag)
    sent = [mail for mail in cloud.mails if mail.save_to_sent_items and mail.accepted_at <= visible]
    return await list_folder(cloud, request, "sentitems", sent)


async def list_drafts(cloud: Cloud, request: Request) -> Response:
    """The mailbox's drafts that nobody sent."""
    return await list_folder(cloud, request, "drafts", [draft.message for draft in cloud.drafts.values()])


async def list_folder(
    cloud: Cloud, request: Request, folder: str, messages: Sequence[AcceptedMail | Draft]
) -> Response:
    """Those of the messages that are the mailbox's, newest first. There are no further pages."""
    mailbox = await enter(cloud, request, need={"Mail.Read", "Mail.ReadWrite"})
    query = request.query_params
    for name in query:
        if name not in OPTIONS:
            raise Refusal(501, "NotImplemented", f"The local cloud does not know the query option '{name}'.")
    wanted = wanted_id(query.get("$filter"))
    selected = selection(query.get("$select"))
    found = [
        message
        for message in reversed(messages)
        if message.mailbox == mailbox.address and wanted in (None, message.internet_message_id)
    ]
    items = [as_graph(message, selected) for message in found[: page_size(query.get("$top"))]]
    context = f"{request.base_url}v1.0/$metadata#users('{mailbox.object_id}')/mailFolders('{folder}')/messages"
    return JSONResponse({"@odata.context": context, "value": items}, headers=correlation(request))


def wanted_id(text: str | None) -> str | None:
    """The internetMessageId that a $filter asks for."""
    if text is None:
        return None
    match = FILTER.fullmatch(text)
    if match is None:
        raise Refusal(
            400, "BadRequest", f"Invalid filter clause: the local cloud knows \"internetMessageId eq '…'\", not {text}"
        )
    return match[1].replace("''", "'")


def selection(text: str | None) -> set[str]:
    """The properties that a $select asks for; the id always comes along."""
    if not text:
        return PROPERTIES
    names = {name.strip() for name in text.split(",")}
    unknown = sorted(names - PROPERTIES)
    if unknown:
        message = f"Could not find a property named '{unknown[0]}' on type 'microsoft.graph.message'."
        raise Refusal(400, "RequestBroker--ParseUri", message)
    return names | {"id"}


def page_size(text: str | None) -> int:
    """How many mails a $top asks for."""
    if text is None:
        return DEFAULT_PAGE
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LARGEST_PAGE:
        raise Refusal(
            400,
            "BadRequest",
            f"The limit of '{LARGEST_PAGE}' for Top query or a positive number was missed by '{text}'.",
        )
    return int(text)
