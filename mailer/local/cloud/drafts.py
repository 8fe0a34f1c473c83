"""Microsoft Graph: drafts, which grow by attachments until they are sent (sending.py) or deleted.

https://learn.microsoft.com/graph/api/user-post-messages
https://learn.microsoft.com/graph/api/message-post-attachments
https://learn.microsoft.com/graph/api/message-delete
"""

import secrets
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailer.local.cloud.attachments import take_file
from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.graph import correlation, enter, read_entity
from mailer.local.cloud.message import take_message
from mailer.local.cloud.model import Draft, Mailbox
from mailer.local.cloud.representation import PROPERTIES, as_graph
from mailer.local.cloud.state import Cloud, StoredDraft

NEED = {"Mail.ReadWrite"}


async def create_draft(cloud: Cloud, request: Request) -> Response:
    """Keep a message in Drafts: 201 with the message. It may be without recipients until it is sent."""
    mailbox = await enter(cloud, request, need=NEED)
    message, contents = take_message(await read_entity(request, "message"), mailbox)
    draft = Draft(**dict(message), id=outlook_id(), created_at=datetime.now(UTC))
    cloud.drafts[draft.id] = StoredDraft(message=draft, contents=contents)
    base = f"{request.base_url}v1.0/"
    content = {
        "@odata.context": f"{base}$metadata#users('{mailbox.object_id}')/messages/$entity",
        **as_graph(draft, PROPERTIES),
    }
    location = f"{base}users('{mailbox.object_id}')/messages('{draft.id}')"
    return JSONResponse(content, 201, correlation(request) | {"Location": location})


async def add_attachment(cloud: Cloud, request: Request) -> Response:
    """Attach a small file: 201. One of 3 MB fills, in base64, the 4 MB of a request, and is refused for that alone."""
    mailbox = await enter(cloud, request, need=NEED)
    entry = await read_entity(request, "attachment")
    draft = find_draft(cloud, request, mailbox)
    attachment, content = take_file(entry)
    draft.attach(attachment, content)
    shown = {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "id": outlook_id(),
        "name": attachment.name,
        "contentType": attachment.content_type,
        "size": attachment.size,
        "isInline": attachment.is_inline,
        "contentId": attachment.content_id,
        "contentBytes": entry["contentBytes"],
    }
    return JSONResponse(shown, 201, correlation(request))


async def delete_draft(cloud: Cloud, request: Request) -> Response:
    """Forget a draft and all uploads to it: 204."""
    mailbox = await enter(cloud, request, need=NEED)
    del cloud.drafts[find_draft(cloud, request, mailbox).message.id]
    return Response(status_code=204, headers=correlation(request))


def find_draft(cloud: Cloud, request: Request, mailbox: Mailbox) -> StoredDraft:
    """The draft that the path names; one that was sent is none any more, for its id was the draft's."""
    draft = cloud.drafts.get(request.path_params["message"])
    if draft is None or draft.message.mailbox != mailbox.address:
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return draft


def outlook_id() -> str:
    """An id that nobody can guess, in the form of Outlook's; case-sensitive, and `=` is to be encoded in a path."""
    return f"AAMk{secrets.token_urlsafe(48)}="
