"""What a caller asks for."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict, JsonValue

from mailer.request.address import Address, AnAddress
from mailer.request.attachment import Attachments
from mailer.request.members import (
    Addresses,
    Body,
    Categories,
    Headers,
    Instant,
    Locale,
    Priority,
    Repliers,
    Subject,
    Tags,
)
from mailer.request.pool import PoolAddress
from mailer.request.value import Line, Value


class TemplateUse(Value):
    """Which template, what to put into it, and in which language: a BCP 47 tag such as fr or fr-CA."""

    id: Annotated[str, Field(max_length=128)]
    variables: dict[str, Any] = Field(default_factory=dict)
    locale: Locale | None = None


class Schedule(Value):
    """Another instant for a scheduled mail."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"scheduled_at": "2026-12-01T08:00:00+01:00"}]})

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


_EXAMPLES: list[JsonValue] = [
    {
        "to": ["Ada <ada@example.com>"],
        "subject": "Your order 7",
        "html": "<p>Thank you.</p>",
        "tags": {"flow": "checkout"},
    },
    {"to": ["ada@example.com"], "template": {"id": "order-confirmation", "variables": {"order": {"number": 7}}}},
]


class MailRequest(Value):
    """What a caller asks for: the one JSON object of HTTP and queue."""

    model_config = ConfigDict(json_schema_extra={**_EITHER, "examples": _EXAMPLES})

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
