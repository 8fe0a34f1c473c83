"""Microsoft Graph: finding a sent mail by its internetMessageId in Sent Items.

https://learn.microsoft.com/graph/api/user-list-messages
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.edm import TYPES, ancestry
from mailer.local.cloud.graph import authorize, correlation, open_mailbox
from mailer.local.cloud.model import AcceptedMail, Recipient
from mailer.local.cloud.state import Cloud

FILTER = re.compile(r"\s*internetMessageId\s+eq\s+'((?:[^']|'')*)'\s*")
OPTIONS = {"$filter", "$select", "$top"}
PROPERTIES = {name for one in ancestry("message") for name in TYPES["types"][one]["props"]}
DEFAULT_PAGE, LARGEST_PAGE = 10, 1000


async def list_sent_items(cloud: Cloud, request: Request) -> Response:
    """The mailbox's sent mails, newest first, a while after their acceptance. There are no further pages."""
    roles = authorize(cloud, request)
    mailbox = open_mailbox(cloud, request, roles, need={"Mail.Read", "Mail.ReadWrite"})
    query = request.query_params
    for name in query:
        if name not in OPTIONS:
            raise Refusal(501, "NotImplemented", f"The local cloud does not know the query option '{name}'.")
    wanted = wanted_id(query.get("$filter"))
    selected = selection(query.get("$select"))
    visible = datetime.now(UTC) - timedelta(seconds=cloud.settings.sent_items_lag)
    found = [
        mail
        for mail in reversed(cloud.mails)
        if mail.mailbox == mailbox.address
        and mail.save_to_sent_items
        and mail.accepted_at <= visible
        and wanted in (None, mail.internet_message_id)
    ]
    items = [item(mail, selected) for mail in found[: page_size(query.get("$top"))]]
    context = f"{request.base_url}v1.0/$metadata#users('{mailbox.object_id}')/mailFolders('sentitems')/messages"
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


def item(mail: AcceptedMail, selected: set[str]) -> dict[str, Any]:
    """A sent mail as a Graph message, with the selected properties."""
    sent = f"{mail.accepted_at:%Y-%m-%dT%H:%M:%SZ}"
    number = hashlib.sha256(f"{mail.mailbox} {mail.internet_message_id} {mail.accepted_at}".encode()).hexdigest()
    everything: dict[str, Any] = {
        "id": number,
        "createdDateTime": sent,
        "lastModifiedDateTime": sent,
        "receivedDateTime": sent,
        "sentDateTime": sent,
        "isDraft": False,
        "isRead": True,
        "hasAttachments": any(not attachment.is_inline for attachment in mail.attachments),
        "internetMessageId": mail.internet_message_id,
        "subject": mail.subject,
        "importance": mail.importance,
        "body": {"contentType": mail.content_type, "content": mail.body},
        "sender": wire(mail.sender),
        "from": wire(mail.sender),
        "toRecipients": [wire(one) for one in mail.to],
        "ccRecipients": [wire(one) for one in mail.cc],
        "bccRecipients": [wire(one) for one in mail.bcc],
        "replyTo": [wire(one) for one in mail.reply_to],
    }
    chosen = {name: value for name, value in everything.items() if name in selected}
    return {"@odata.etag": f'W/"{number[:16]}"', **chosen}


def wire(recipient: Recipient) -> dict[str, dict[str, str]]:
    """A recipient as Graph writes it: one without a name is named by the address."""
    return {"emailAddress": {"name": recipient.name or recipient.address, "address": recipient.address}}
