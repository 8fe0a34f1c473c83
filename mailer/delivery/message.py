"""A mail as it lies on the queue: the request's own JSON, and beside it mailer's envelope if it went through mailer."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from mailer.errors import InvalidRequest, Problem
from mailer.request.base64_text import OBJECT_BEGINS, read_base64
from mailer.request.events import mail_of, without_additions
from mailer.request.json_object import MARK, read_object
from mailer.request.model import Envelope, MailRequest

ENVELOPE = "mailer"  # the one member that is ours and not the producer's
MAX_BYTES = 64 * 1024  # https://learn.microsoft.com/azure/storage/queues/storage-queues-introduction
ROOM = 1024  # bytes that an envelope takes at most


def read_message(body: bytes) -> tuple[dict[str, Any], Envelope | None]:
    """A message's members and envelope. Raises InvalidRequest.

    The producer may have wrapped the mail in base64, in lines or in one, and an event source in its own envelope.
    """
    members = without_additions(read_object(_plain(body)))
    if ENVELOPE not in members:
        members = mail_of(members)
        if ENVELOPE in members:  # in an event, where mailer puts none
            raise _kept()
        return members, None
    content = members.pop(ENVELOPE)
    if content is None:
        return members, None
    try:
        return members, Envelope.model_validate(content)
    except ValidationError:
        raise _kept() from None


def _kept() -> InvalidRequest:
    message = f"`{ENVELOPE}` is kept for mailer's own messages; leave it out."
    return InvalidRequest([Problem(code="validation_error", message=message, target=ENVELOPE)])


def _plain(body: bytes) -> bytes:
    """A JSON object starts with `{`, which base64 cannot. What is neither stays as it is, for the parser to refuse."""
    text = body.strip()
    if text.startswith((b"{", b"[", b'"', MARK)):
        return body
    try:
        return read_base64(text.decode("ascii"))
    except UnicodeDecodeError:
        return body
    except ValueError as error:
        if not OBJECT_BEGINS.match(text.decode("ascii")):
            return body
        message = f"The message must be a JSON object, plain or in base64; {error or 'this is not right in either'}."
        raise InvalidRequest([Problem(code="validation_error", message=message)]) from None


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
