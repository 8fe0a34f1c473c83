"""File attachments as Graph takes them, inside a message or one by one.

https://learn.microsoft.com/graph/api/resources/fileattachment
"""

import base64
import hashlib
from typing import Any

from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.model import Attachment, Content

REQUIRED = ("name", "contentBytes")


def take_file(entry: dict[str, Any]) -> tuple[Attachment, bytes]:
    """A fileAttachment and its content; raises Refusal."""
    if not entry["@odata.type"].endswith("fileAttachment"):
        text = f"The local cloud knows file attachments only, not {entry['@odata.type']}."
        raise Refusal(501, "NotImplemented", text)
    require(entry, *REQUIRED)
    content = base64.b64decode(entry["contentBytes"])
    return describe(entry, content), content


def require(entry: dict[str, Any], *names: str) -> None:
    """Refuse an attachment that lacks one of these properties."""
    for name in names:
        if not entry.get(name):
            text = f"Required property is missing., The attachment has no {name}."
            raise Refusal(400, "ErrorRequiredPropertyMissing", text)


def describe(entry: dict[str, Any], content: Content) -> Attachment:
    """The attachment that a fileAttachment or an AttachmentItem becomes with this content."""
    return Attachment(
        name=one_line(entry["name"]),
        content_type=one_line(entry.get("contentType") or "application/octet-stream"),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        is_inline=entry.get("isInline") or False,
        content_id=entry.get("contentId") and one_line(entry["contentId"]),
    )


def one_line(text: str) -> str:
    """Line breaks cannot stand in a header; Exchange turns them into blanks."""
    return " ".join(text.splitlines())
