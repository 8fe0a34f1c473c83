"""The wire format of a mail that one call cannot carry: a draft, its files, an upload session for each large one.

Opens no socket. https://learn.microsoft.com/graph/outlook-large-attachments
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mailer.errors import Misconfigured, Refusal, TryLater, Uncertain
from mailer.graph import wire
from mailer.graph.verdicts import GRANT
from mailer.request.attachment import File
from mailer.request.rendered import RenderedMail

SMALL_FILE = 2_900_000  # bytes; in base64 they fit into the 4 MB of a request
RANGE = 3_276_800  # bytes of one piece; Graph takes less than 4 MB
TOO_SMALL = "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize"  # for a session: such a file goes in one request

_GRANT = (
    "A mail of more than 4 MB goes through a draft: grant the app registration the application permission "
    "Mail.ReadWrite with admin consent, or the Exchange role 'Application Mail.ReadWrite' for this mailbox, beside "
    "Mail.Send; a change takes up to 2 hours to act."
)


def drafts_path(mail: RenderedMail) -> str:
    """Where a draft is made."""
    return f"{wire.user_path(mail.sender)}/messages"


def draft_path(mail: RenderedMail, draft: str, part: str = "") -> str:
    """One draft, or a part of it."""
    return f"{drafts_path(mail)}/{quote(draft, safe='')}{part}"


def left_behind_path(mail: RenderedMail) -> str:
    """Where drafts are listed that earlier attempts at this mail have left behind."""
    query = quote(f"internetMessageId eq '{wire.message_id(mail.id, mail.sender)}'", safe="")
    return f"{wire.user_path(mail.sender)}/mailFolders/drafts/messages?$filter={query}&$select=id,internetMessageId"


def session_body(file: File) -> dict[str, Any]:
    """What createUploadSession is given; https://learn.microsoft.com/graph/api/attachment-createuploadsession."""
    return {"AttachmentItem": {"attachmentType": "file", "size": file.size, **wire.file_facts(file)}}


def range_headers(first: int, length: int, total: int) -> dict[str, str]:
    """No Authorization: the upload URL is leave enough, and Graph refuses both together."""
    return {
        "Content-Type": "application/octet-stream",
        "Content-Range": f"bytes {first}-{first + length - 1}/{total}",
        "User-Agent": wire.USER_AGENT,
    }


def read_created(status: int, headers: Mapping[str, str], body: bytes, member: str) -> str:
    """The id or the upload URL of what was made; raises the Refusal that the reply means."""
    if status != 201:
        raise before_sending(status, headers, body)
    try:
        value = json.loads(body)[member]
    except (ValueError, KeyError, TypeError, RecursionError):
        value = None
    if not isinstance(value, str):
        message = f"Graph's answer cannot be read: it has no `{member}`."
        raise TryLater(message, code="unreadable_answer")
    return value


def read_left_behind(body: bytes, mail: RenderedMail) -> list[str]:
    """The ids of this mail's own drafts in a list, whatever else is in it; raises TryLater."""
    own = wire.message_id(mail.id, mail.sender)
    try:
        return [draft["id"] for draft in json.loads(body)["value"] if draft["internetMessageId"] == own]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        message = "Graph's answer about Drafts cannot be read."
        raise TryLater(message, code="unreadable_answer") from error


def next_range(body: bytes) -> int | None:
    """Where the upload goes on, in any of the forms that Graph has been seen to use; None where it does not say."""
    try:
        members = {name.casefold(): value for name, value in json.loads(body).items()}
        ranges = members["nextexpectedranges"]
        match = re.match(r"\d{1,15}", ranges[0] if isinstance(ranges, list) else ranges)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return None
    return int(match[0]) if match else None


def before_sending(status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    """What a reply means while nothing can have been sent."""
    refusal = wire.refusal(status, headers, body)
    if status == 403 and isinstance(refusal, Misconfigured) and str(refusal).endswith(GRANT):
        return Misconfigured(f"{str(refusal).removesuffix(GRANT)}{_GRANT}", code=refusal.code, after=refusal.after)
    return not_sent(refusal)


def not_sent(refusal: Refusal) -> Refusal:
    """The same, where a doubt is none because nothing can have been sent."""
    return TryLater(f"{refusal} Nothing was sent.", code=refusal.code) if isinstance(refusal, Uncertain) else refusal
