"""The values that travel: what a caller asks for, what goes to Graph, what a caller gets back."""

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field

from mailer.request.address import Address, AnAddress, Line, Value
from mailer.request.attachment import Attachments, File
from mailer.request.pool import PoolAddress

MAX_RECIPIENTS = 500  # Exchange Online's default for to, cc and bcc together
ADVANCE = timedelta(days=366)  # how far ahead a mail may be scheduled
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
        return list(Priority).index(self)


def _instant(value: object) -> datetime:
    if isinstance(value, str):
        with contextlib.suppress(ValueError, OverflowError):
            instant = datetime.fromisoformat(value)
            if instant.tzinfo:
                return instant.astimezone(UTC)
    message = "must be ISO 8601 with an offset, such as 2026-12-01T08:00:00+01:00"
    raise ValueError(message)


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


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


Addresses = Annotated[tuple[AnAddress, ...], Field(strict=False), BeforeValidator(_as_list)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Headers = Annotated[
    dict[Annotated[str, AfterValidator(_header_name)], Line], Field(max_length=MAX_HEADERS), AfterValidator(_distinct)
]
Tags = Annotated[
    dict[Annotated[Line, Field(max_length=64)], Annotated[Line, Field(max_length=256)]], Field(max_length=10)
]


class TemplateUse(Value):
    """Which template, what to put into it, and in which language: a BCP 47 tag such as fr or fr-CA."""

    id: str
    variables: dict[str, Any] = Field(default_factory=dict)
    locale: Annotated[str, AfterValidator(_language_tag)] | None = None


class Schedule(Value):
    """Another instant for a scheduled mail."""

    scheduled_at: Instant


class MailRequest(Value):
    """What a caller asks for: the one JSON object of HTTP and queue."""

    to: Annotated[Addresses, Field(min_length=1)]
    cc: Addresses = ()
    bcc: Addresses = ()
    reply_to: Addresses = ()
    sender: Annotated[AnAddress | None, Field(alias="from")] = None
    template: TemplateUse | None = None
    subject: Annotated[Line, Field(min_length=1)] | None = None
    html: Annotated[str, Field(min_length=1)] | None = None
    text: Annotated[str, Field(min_length=1)] | None = None
    attachments: Attachments = ()
    headers: Headers = Field(default_factory=dict)
    importance: Literal["low", "normal", "high"] = "normal"
    categories: Annotated[tuple[Annotated[Line, Field(min_length=1, max_length=255)], ...], Field(strict=False)] = ()
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
    def large(self) -> bool:
        """Whether one call cannot carry it."""
        return self.size > ONE_CALL

    @property
    def sender(self) -> Address:
        """The mailbox that sends."""
        return self.request.mailbox
