"""Ids of mails: UUIDs of version 7 (RFC 9562), so that they sort by time, and are good client-request-ids for Graph."""

import uuid
from datetime import UTC, datetime, timedelta

PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def mail_id(at: datetime, entropy: bytes) -> str:
    """The id made of an instant and at least 10 bytes; the same for the same."""
    milliseconds = (at - EPOCH) // timedelta(milliseconds=1) & (1 << 48) - 1
    low = int.from_bytes(entropy[:10], "big")
    bits = milliseconds << 80 | 0x7 << 76 | (low >> 68 & 0xFFF) << 64 | 0b10 << 62 | low & (1 << 62) - 1
    return str(uuid.UUID(int=bits))


def is_mail_id(text: str) -> bool:
    """Whether this is an id that mailer could have made."""
    try:
        given = uuid.UUID(text)
        instant_of(text)
    except (ValueError, OverflowError, OSError):
        return False
    return given.version == 7 and str(given) == text  # noqa: PLR2004 - RFC 9562's number


def instant_of(mail: str) -> datetime:
    """The instant that an id carries."""
    return EPOCH + timedelta(milliseconds=uuid.UUID(mail).int >> 80)
