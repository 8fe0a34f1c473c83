"""The kinds of members that a request has, and what each must meet."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from mailer.request.address import AnAddress
from mailer.request.characters import body_text, one_line
from mailer.request.encoded_words import decoded
from mailer.request.value import Described, Line, at_most, without_null

MAX_RECIPIENTS = 500  # Exchange Online's default for to, cc and bcc together
MAX_REPLY_TO = 50
MAX_CATEGORIES = 25
MAX_TAGS = 10
LONGEST_SUBJECT = 998  # characters; https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1
LONGEST_HEADER = 998
ADVANCE = timedelta(days=366)  # how far ahead a mail may be scheduled
LONGEST_INSTANT = 64  # characters
MAX_HEADERS = 5  # Graph: InvalidInternetMessageHeaderCollection above
ONE_CALL = 4_000_000  # bytes; https://learn.microsoft.com/graph/api/user-sendmail takes no more


class Priority(StrEnum):
    """Who goes first where a mailbox has a queue."""

    #: Codes, resets, alarms.
    URGENT = "urgent"
    NORMAL = "normal"
    #: Reports, newsletters.
    BULK = "bulk"

    @property
    def level(self) -> int:
        """0 goes first."""
        return _LEVELS[self]


_LEVELS = {priority: level for level, priority in enumerate(Priority)}


def read_instant(value: object) -> datetime:
    """The instant in this text, in UTC. Raises ValueError."""
    if isinstance(value, str) and len(value) <= LONGEST_INSTANT:
        try:
            # RFC 3339 takes t and z for T and Z.
            instant = datetime.fromisoformat(value.strip().upper())
            if instant.tzinfo:
                return instant.astimezone(UTC)
        except OverflowError:
            message = "must lie within the years 1 to 9999 in UTC"
            raise PydanticCustomError("out_of_range", message) from None
        except ValueError:
            pass
    message = "must be ISO 8601 with an offset, such as 2026-12-01T08:00:00+01:00"
    raise ValueError(message)


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _subject(value: object) -> object:
    """In one line, as a template's subject becomes, and a system's alarm often is not."""
    if not isinstance(value, str):
        return value
    line = one_line(value)
    # Read once more it is the same: what an encoded word hides is no word again.
    plain = one_line(decoded(line))
    return plain if decoded(plain) == plain else line


def _body(value: object) -> object:
    return body_text(value) if isinstance(value, str) else value


def _header_name(name: str) -> str:
    if not re.fullmatch(r"[xX]-[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        message = "cannot be sent: Graph takes only headers whose name starts with x-"
        if name.casefold().startswith("list-unsubscribe"):
            message += "; put the link to unsubscribe into the mail itself"
        raise ValueError(message)
    if name.casefold().startswith("x-ms-exchange-"):
        message = "cannot be sent: headers of this kind belong to Exchange itself"
        raise ValueError(message)
    return name


def _distinct(headers: dict[str, str]) -> dict[str, str]:
    if len({name.casefold() for name in headers}) < len(headers):
        message = "has a name twice: capitals and small letters make no difference"
        raise PydanticCustomError("header_repeated", message)
    return headers


def _language_tag(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[0-9A-Za-z]{2,8})*", text):
        message = "must be a language tag such as fr or fr-CA"
        raise ValueError(message)
    return text


Addresses = Annotated[
    tuple[AnAddress, ...],
    Field(strict=False),
    BeforeValidator(at_most(MAX_RECIPIENTS)),
    BeforeValidator(_as_list),
    Described({"maxItems": MAX_RECIPIENTS}),
]
Repliers = Annotated[
    tuple[AnAddress, ...],
    Field(strict=False),
    BeforeValidator(at_most(MAX_REPLY_TO)),
    BeforeValidator(_as_list),
    Described({"maxItems": MAX_REPLY_TO}),
]
Instant = Annotated[datetime, BeforeValidator(read_instant)]
Body = Annotated[
    str,
    Field(min_length=1, max_length=ONE_CALL),
    BeforeValidator(_body),
    # How long it may be is said by the size of the whole mail.
    Described({"pattern": r"[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]", "maxLength": None}),
]
Subject = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_SUBJECT),
    BeforeValidator(_subject),
    Described({"pattern": r"[^\s\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]"}),
]
Categories = Annotated[
    tuple[Annotated[Line, Field(min_length=1, max_length=255)], ...],
    Field(strict=False),
    BeforeValidator(at_most(MAX_CATEGORIES)),
    Described({"maxItems": MAX_CATEGORIES}),
]
HeaderName = Annotated[
    str,
    Field(max_length=64),
    AfterValidator(_header_name),
    Described({"pattern": r"^[xX]-(?![mM][sS]-)[!#$%&'*+.^_`|~0-9A-Za-z-]+$"}),
]
Headers = Annotated[
    dict[HeaderName, Annotated[Line, Field(max_length=LONGEST_HEADER)]],
    AfterValidator(_distinct),
    BeforeValidator(at_most(MAX_HEADERS)),
    BeforeValidator(without_null),
    Described({"maxProperties": MAX_HEADERS}),
]
Tags = Annotated[
    dict[Annotated[Line, Field(max_length=64)], Annotated[Line, Field(max_length=256)]],
    BeforeValidator(at_most(MAX_TAGS)),
    BeforeValidator(without_null),
    Described({"maxProperties": MAX_TAGS}),
]
Locale = Annotated[
    str,
    Field(max_length=35),
    AfterValidator(_language_tag),
    Described({"pattern": "^[A-Za-z]{2,3}(-[0-9A-Za-z]{2,8})*$"}),
]
