"""The values that travel: what a caller asks for, what goes to Graph, what a caller gets back."""

import contextlib
import hashlib
import hmac
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

from mailer.request.address import Address, AnAddress
from mailer.request.attachment import Attachments, File
from mailer.request.characters import body_text, one_line
from mailer.request.encoded_words import decoded
from mailer.request.pool import PoolAddress
from mailer.request.value import Described, Line, Value, at_most, without_null

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
ONE_REQUEST = 4_150_000  # bytes, all of the JSON counted; Graph's 4 MB are 4,194,304


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
        return list(Priority).index(self)


def read_instant(value: object) -> datetime:
    """The instant in this text, in UTC. Raises ValueError."""
    if isinstance(value, str) and len(value) <= LONGEST_INSTANT:
        with contextlib.suppress(ValueError, OverflowError):
            # RFC 3339 takes t and z for T and Z.
            instant = datetime.fromisoformat(value.strip().upper())
            if instant.tzinfo:
                return instant.astimezone(UTC)
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
        raise ValueError(message)
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


class TemplateUse(Value):
    """Which template, what to put into it, and in which language: a BCP 47 tag such as fr or fr-CA."""

    id: Annotated[str, Field(max_length=128)]
    variables: dict[str, Any] = Field(default_factory=dict)
    locale: Locale | None = None


class Schedule(Value):
    """Another instant for a scheduled mail."""

    scheduled_at: Instant


_NOT_GIVEN: JsonDict = {"type": "null"}
# What parse.py asks for beside each member by itself: a template, or else a subject and what the mail says.
_EITHER: JsonDict = {
    "if": {"required": ["template"], "properties": {"template": {"type": "object"}}},
    "then": {"properties": dict.fromkeys(("subject", "html", "text"), _NOT_GIVEN)},
    "else": {
        "required": ["subject"],
        "properties": {"subject": {"type": "string"}},
        "anyOf": [{"required": [name], "properties": {name: {"type": "string"}}} for name in ("html", "text")],
    },
}


class MailRequest(Value):
    """What a caller asks for: the one JSON object of HTTP and queue."""

    model_config = ConfigDict(json_schema_extra=_EITHER)

    to: Annotated[Addresses, Field(min_length=1)]
    cc: Addresses = ()
    bcc: Addresses = ()
    reply_to: Repliers = ()
    sender: Annotated[AnAddress | None, Field(alias="from")] = None
    template: TemplateUse | None = None
    subject: Subject | None = None
    html: Body | None = None
    text: Body | None = None
    attachments: Attachments = ()
    headers: Headers = Field(default_factory=dict)
    importance: Literal["low", "normal", "high"] = "normal"
    categories: Categories = ()
    delivery_receipt: bool = False
    read_receipt: bool = False
    tags: Tags = Field(default_factory=dict)
    priority: Annotated[Priority, Field(strict=False)] | None = None
    scheduled_at: Instant | None = None
    save_to_sent_items: bool = True
    idempotency_key: Annotated[Line, Field(min_length=1, max_length=256)] | None = None

    def as_json(self) -> dict[str, Any]:
        """The request in the shape it came in, without what is left to default."""
        members = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        if isinstance(self.sender, PoolAddress):
            members["from"] = self.sender.asked
        return members

    def digest(self) -> str:
        """Tells whether two requests ask for the same mail; the idempotency key itself does not count."""
        return digest_of(self.as_json())

    @property
    def pool(self) -> str | None:
        """The pool of mailboxes that sends, if `from` names one."""
        return self.sender.pool if isinstance(self.sender, PoolAddress) else None

    def sent_by(self, mailbox: str | None) -> Self:
        """The request as this mailbox of its pool sends it."""
        if not isinstance(self.sender, PoolAddress) or mailbox is None:
            return self
        sender = self.sender.model_copy(update={"address": mailbox})
        return self.model_copy(update={"sender": sender, "reply_to": self.reply_to or (self.sender.replies,)})

    @property
    def mailbox(self) -> Address:
        """The mailbox that sends; parsing has put the default one where the caller named none."""
        if self.sender is None:
            message = "a parsed request has a sender"
            raise AssertionError(message)
        return self.sender

    @property
    def recipients(self) -> int:
        return len(self.to) + len(self.cc) + len(self.bcc)


def digest_of(members: Mapping[str, Any]) -> str:
    """The digest of the request that was written out as these members. It has to stay the same for 366 days."""
    content = {name: value for name, value in members.items() if name != "idempotency_key"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What a mail says, with the template's images. Exchange makes the text part of an HTML mail itself."""

    subject: str
    body: str
    content_type: Literal["html", "text"]
    images: tuple[File, ...] = ()
    #: The content ids that the HTML shows; a template knows them.
    shown: Collection[str] | None = field(default=None, compare=False)
    #: That of the template which says it.
    version: str | None = field(default=None, compare=False)

    def digest(self, key: str) -> str:
        """A hash of subject and body. Keyed, because a mail with a short code in it could be guessed by a plain one."""
        said = f"{self.subject}\n{self.body}".encode(errors="surrogatepass")
        return hmac.digest(key.encode(), said, "sha256").hex()


_AROUND = 600  # bytes of the names of Graph's properties, for a mail and for a file
_AROUND_ONE = 70  # for an address, a header, a category
_MOST_OF_CHARACTER = 6  # bytes, as in \\u0001


def _json_bytes(text: str) -> int:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return len(text) + 2
    return len(json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass"))


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderedMail:
    """Everything that Graph is told about one mail."""

    id: str
    request: MailRequest
    content: Content
    files: tuple[File, ...] = ()

    @property
    def size(self) -> int:
        """The bytes that mailboxes and Graph count: the body's, and the files' after encoding."""
        return len(self.content.body.encode()) + sum(file.encoded for file in self.files)

    @property
    def around_files(self) -> int:
        """The bytes of what Graph is told beside the files, with quotes and line breaks as JSON has them.

        A body that cannot come near the limit is not written for it: it counts with the most that it could have.
        """
        most = self._around_body + _MOST_OF_CHARACTER * len(self.content.body)
        return most if most <= ONE_CALL else self._around_body + _json_bytes(self.content.body)

    @property
    def large(self) -> bool:
        """Whether one call cannot carry it, files and all."""
        if self.size > ONE_CALL:
            return True
        files = sum(_AROUND + _json_bytes(f"{file.filename}{file.content_type}") + file.encoded for file in self.files)
        if self.around_files + files <= ONE_REQUEST:
            return False
        return self._around_body + _json_bytes(self.content.body) + files > ONE_REQUEST

    @property
    def _around_body(self) -> int:
        request = self.request
        around = _AROUND + _json_bytes(self.content.subject)
        to = getattr(request, "to", ())  # which a request that is looked at for its other faults may not have
        for address in (*to, *request.cc, *request.bcc, *request.reply_to, request.sender):
            around += _AROUND_ONE + _json_bytes(f"{address.address}{address.name or ''}") if address else 0
        for text in (*request.headers, *request.headers.values(), *request.categories):
            around += _AROUND_ONE + _json_bytes(text)
        return around

    @property
    def sender(self) -> Address:
        """The mailbox that sends."""
        return self.request.mailbox
