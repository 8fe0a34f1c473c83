"""A mail as it lies on the queue: the request's own JSON, and beside it mailer's envelope if it went through mailer."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from mailer.errors import InvalidRequest, Problem
from mailer.request.model import Envelope, MailRequest
from mailer.request.parse import read_object

ENVELOPE = "mailer"  # the one member that is ours and not the producer's
MAX_BYTES = 64 * 1024  # https://learn.microsoft.com/azure/storage/queues/storage-queues-introduction
ROOM = 1024  # bytes that an envelope takes at most


def read_message(body: bytes) -> tuple[dict[str, Any], Envelope | None]:
    """A message's members and envelope; the producer may have wrapped it in base64. Raises InvalidRequest."""
    members = read_object(_plain(body))
    content = members.pop(ENVELOPE, None)
    if content is None:
        return members, None
    try:
        return members, Envelope.model_validate(content)
    except ValidationError:
        message = f"`{ENVELOPE}` is kept for mailer's own messages; leave it out."
        raise InvalidRequest([Problem(code="validation_error", message=message, target=ENVELOPE)]) from None


def _plain(body: bytes) -> bytes:
    """A JSON object starts with `{`, which base64 cannot."""
    if body.lstrip().startswith((b"{", b"\xef\xbb\xbf")):
        return body
    try:
        return base64.b64decode(body.strip(), validate=True)
    except binascii.Error:
        return body


def write_message(members: Mapping[str, Any], envelope: Mapping[str, Any]) -> str:
    """The text of a message. JSON escapes all that XML, in which it travels, cannot hold, but for two characters."""
    text = json.dumps({ENVELOPE: envelope, **members}, separators=(",", ":"), ensure_ascii=False)
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def write_request(request: MailRequest) -> bytes:
    """The request alone, as a blob holds it."""
    return json.dumps(request.as_json(), separators=(",", ":"), ensure_ascii=False).encode()


def fits(request: MailRequest) -> bool:
    """Whether one message can hold the request."""
    if sum(len(attachment.content or "") for attachment in request.attachments) > MAX_BYTES:
        return False  # known without writing out megabytes
    return len(write_request(request)) <= MAX_BYTES - ROOM


def grave(body: bytes, reason: Mapping[str, str]) -> str:
    """The text that keeps a message on the poison queue: its members, with the reason as its envelope."""
    try:
        members = read_object(_plain(body))
    except InvalidRequest:
        members = {"message": body.decode(errors="backslashreplace")}
    members.pop(ENVELOPE, None)
    # The reason is in the record too, and what no message can hold is in a blob.
    texts = (write_message(members, reason), body.decode(errors="backslashreplace"), write_message({}, reason))
    return next(text for text in texts if len(text.encode()) <= MAX_BYTES)
