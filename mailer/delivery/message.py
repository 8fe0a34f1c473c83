"""A mail as it lies on the queue: the request's own JSON, and beside it mailer's envelope if it went through mailer."""

import base64
import binascii
import json
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from mailer.delivery.envelope import Envelope
from mailer.errors import InvalidRequest, Problem
from mailer.request.model import MailRequest
from mailer.request.parse import read_object

ENVELOPE = "mailer"  # the one member that is ours and not the producer's
MAX_BYTES = 64 * 1024  # https://learn.microsoft.com/azure/storage/queues/storage-queues-introduction
ROOM = 2048  # bytes that an envelope takes at most
SOON = timedelta(minutes=2)  # what is due later than this waits in the table: see pace/later.py


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


def write_message(content: bytes, envelope: Envelope) -> str:
    """The text of a message: the JSON object in these bytes, and beside it the envelope.

    JSON escapes all that XML, in which it travels, cannot hold, but for two characters.
    """
    beside = envelope.model_dump_json(exclude_defaults=True)
    rest = content.decode().lstrip()[1:].lstrip()
    text = f'{{"{ENVELOPE}":{beside}{"" if rest.startswith("}") else ","}{rest}'
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def write_request(request: MailRequest) -> bytes:
    """The request alone, as a blob holds it."""
    return json.dumps(request.as_json(), separators=(",", ":"), ensure_ascii=False).encode()


def fits(content: bytes) -> bool:
    """Whether one message can hold the request that was written out as these bytes."""
    return len(content) <= MAX_BYTES - ROOM
