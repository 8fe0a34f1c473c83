"""Outlook's upload sessions: a large file comes to a draft in pieces, over a URL that needs no token.

https://learn.microsoft.com/graph/outlook-large-attachments
https://learn.microsoft.com/graph/api/attachment-createuploadsession
"""

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mailer.local.cloud import seed
from mailer.local.cloud.attachments import describe, require
from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.drafts import NEED, find_draft, outlook_id
from mailer.local.cloud.graph import LARGEST_REQUEST, correlation, enter, read_parameters
from mailer.local.cloud.model import MEGABYTE
from mailer.local.cloud.state import Cloud, StoredDraft, UploadSession

# "3 MB" and "150 MB" in the documentation; no source tells whether these are the megabytes of 1000 or of 1024.
SMALLEST_FILE = 3 * MEGABYTE
LARGEST_FILE = 150 * MEGABYTE
PATH = "api/v2.0/Users('{user}@{tenant}')/Messages('{message}')/AttachmentSessions('{session}')"
CONTENT_RANGE = re.compile(r"bytes (\d{1,12})-(\d{1,12})/(\d{1,12})", re.ASCII)


async def create_upload_session(cloud: Cloud, request: Request) -> Response:
    """Announce a file: 201 with the URL to upload it to."""
    mailbox = await enter(cloud, request, need=NEED)
    item = (await read_parameters(request, "createUploadSession", required="AttachmentItem"))["AttachmentItem"]
    draft = find_draft(cloud, request, mailbox)
    check_item(item)
    expires = datetime.now(UTC) + timedelta(seconds=cloud.settings.upload_lifetime)
    session = UploadSession(item=item, token=secrets.token_urlsafe(32), expires=expires)
    number = outlook_id()
    draft.uploads[number] = session
    path = PATH.format(user=mailbox.object_id, tenant=seed.TENANT, message=draft.message.id, session=number)
    content = {
        "@odata.context": f"{request.base_url}v1.0/$metadata#microsoft.graph.uploadSession",
        "uploadUrl": f"{request.base_url}{path}?authtoken={session.token}",
        "expirationDateTime": instant(session.expires),
        "nextExpectedRanges": ["0-"],
    }
    return JSONResponse(content, 201, correlation(request))


async def upload_range(cloud: Cloud, request: Request) -> Response:
    """Take the next piece: 200 with the position of the one after it; 201 and no body for the last."""
    draft, session = find_session(cloud, request)
    piece = await request.body()
    check_range(request, session, len(piece))
    session.content += piece
    if len(session.content) < session.item["size"]:
        return JSONResponse(progress(cloud, session), headers=correlation(request))
    del draft.uploads[request.path_params["session"]]
    draft.attach(describe(session.item, session.content), session.content)
    base = str(request.url).partition("/AttachmentSessions(")[0]
    return Response(
        status_code=201, headers=correlation(request) | {"Location": f"{base}/Attachments('{outlook_id()}')"}
    )


async def show_status(cloud: Cloud, request: Request) -> Response:
    """How far an upload is. Microsoft documents this for its other upload sessions, not for Outlook's."""
    _, session = find_session(cloud, request)
    return JSONResponse(progress(cloud, session), headers=correlation(request))


async def cancel_upload(cloud: Cloud, request: Request) -> Response:
    """Forget an upload: 204."""
    draft, _ = find_session(cloud, request)
    del draft.uploads[request.path_params["session"]]
    return Response(status_code=204, headers=correlation(request))


def check_item(item: dict[str, Any]) -> None:
    """Refuse an announced file that no session takes."""
    require(item, "attachmentType", "name", "size")
    if item["attachmentType"].lower() != "file":
        text = f"The local cloud knows file attachments only, not {item['attachmentType']}."
        raise Refusal(501, "NotImplemented", text)
    if item["size"] < SMALLEST_FILE:
        text = f"Attachment size must be greater than {SMALLEST_FILE} bytes to use an upload session."
        raise Refusal(400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize", text)
    if item["size"] > LARGEST_FILE:
        text = "The attachment size exceeds the allowed limit."
        raise Refusal(400, "ErrorAttachmentSizeLimitExceeded", text)


def find_session(cloud: Cloud, request: Request) -> tuple[StoredDraft, UploadSession]:
    """The session that an upload URL names and its draft; raises Refusal."""
    if "authorization" in request.headers:
        cloud.traffic.violations.append(f"{request.method} on an upload URL with an Authorization header")
        text = "The upload URL carries its own token; a request to it has no Authorization header."
        raise Refusal(401, "InvalidAuthenticationToken", text)
    draft = cloud.drafts.get(request.path_params["message"])
    session = draft.uploads.get(request.path_params["session"]) if draft else None
    if (
        draft is None
        or session is None
        or session.token != request.query_params.get("authtoken")
        or session.expires <= datetime.now(UTC)
    ):
        raise Refusal(404, "ErrorItemNotFound", "The upload session was not found, or it expired.")
    return draft, session


def check_range(request: Request, session: UploadSession, length: int) -> None:
    """Refuse a piece that is not the next one. Codes and statuses are OneDrive's, for Outlook's are not known."""
    if request.headers.get("content-type") != "application/octet-stream":
        raise Refusal(415, "UnsupportedMediaType", "A piece of a file has the content type application/octet-stream.")
    if "content-length" not in request.headers:
        raise Refusal(411, "LengthRequired", "A piece of a file says its Content-Length.")
    if length >= LARGEST_REQUEST:
        raise Refusal(413, "BadRequest", "The maximum request length supported is 4MB.")
    match = CONTENT_RANGE.fullmatch(request.headers.get("content-range", ""))
    if match is None:
        raise Refusal(400, "invalidRequest", "The Content-Range header is missing or malformed.")
    first, last, total = map(int, match.groups())
    if length != last - first + 1:
        text = "The Content-Range header length does not match the provided number of bytes."
        raise Refusal(400, "invalidRequest", text)
    if total != session.item["size"]:
        text = f"The upload session is for {session.item['size']} total bytes, but the fragment declares {total}."
        raise Refusal(400, "invalidRequest", text)
    if first != len(session.content):
        text = f"The next byte to upload is {len(session.content)}; the fragment begins at {first}."
        raise Refusal(416, "invalidRange", text)
    if last >= total:
        raise Refusal(416, "invalidRange", "The fragment goes beyond the end of the file.")


def progress(cloud: Cloud, session: UploadSession) -> dict[str, Any]:
    """An upload session as Outlook shows it after a piece; its documentation spells it in two ways."""
    position = f"{len(session.content)}{'-' * cloud.settings.upload_open_ranges}"
    shown = {"expirationDateTime": instant(session.expires), "nextExpectedRanges": [position]}
    if cloud.settings.upload_pascal_case:
        return {name[0].upper() + name[1:]: value for name, value in shown.items()}
    return shown


def instant(time: datetime) -> str:
    """The time as Outlook writes it."""
    return f"{time:%Y-%m-%dT%H:%M:%S.%fZ}"
