"""A mail as it lies on the queue: the request's own JSON, and beside it mailer's envelope if it went through mailer."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from mailer.delivery.envelope import Envelope
from mailer.errors import InvalidRequest, Problem
from mailer.request.base64_text import OBJECT_BEGINS, read_base64
from mailer.request.events import mail_of, without_additions
from mailer.request.json_object import MARK, read_object, write_object

ENVELOPE = "mailer"  # the one member that is ours and not the producer's
MAX_BYTES = 64 * 1024  # https://learn.microsoft.com/azure/storage/queues/storage-queues-introduction
ROOM = 2048  # bytes that an envelope takes at most
MOST_TOGETHER = 16  # mails in one message, each delivered by a thread of its own
MOST_READ = 64  # in one that a later version has written, so that a step back to this one burns none of them
TOGETHER = "together"  # in our member, the messages of several mails that are due within seconds
SOON = timedelta(minutes=2)  # what is due later than this waits in the table: see pace/later.py


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


def write_message(content: bytes, envelope: Envelope) -> str:
    """The text of a message: the JSON object in these bytes, and beside it the envelope.

    JSON escapes all that XML, in which it travels, cannot hold, but for two characters.
    """
    beside = envelope.model_dump_json(exclude_defaults=True)
    rest = content.decode().lstrip()[1:].lstrip()
    text = f'{{"{ENVELOPE}":{beside}{"" if rest.startswith("}") else ","}{rest}'
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def write_together(texts: Sequence[str]) -> str:
    """The text of one message for the mails of these."""
    return f'{{"{ENVELOPE}":{{"{TOGETHER}":[{",".join(texts)}]}}}}' if len(texts) > 1 else texts[0]


def apart(body: bytes) -> list[bytes]:
    """The messages in one that was written for several mails; of any other one itself."""
    if not body.startswith(f'{{"{ENVELOPE}":{{"{TOGETHER}":['.encode()):
        return [body]
    try:
        several = read_object(body)[ENVELOPE][TOGETHER]
    except InvalidRequest:
        return [body]
    ours = all(isinstance(each, dict) and isinstance(each.get(ENVELOPE), dict) for each in several)
    if not ours or not 0 < len(several) <= MOST_READ:
        return [body]  # a producer has made it up, and it is refused as one message
    return [write_object(each) for each in several]


def fits(content: bytes) -> bool:
    """Whether one message can hold the request that was written out as these bytes."""
    return len(content) <= MAX_BYTES - ROOM
