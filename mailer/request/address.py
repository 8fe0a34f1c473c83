"""A mailbox's address, in every form that a person or a program writes it."""

import functools
import re
import unicodedata
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from mailer.request.encoded_words import decoded
from mailer.request.value import Line, Value, written_object

LONGEST = 320  # characters: 64, an @ and 255; https://www.rfc-editor.org/rfc/rfc3696#section-3
LONGEST_NAME = 256
KEPT = 256  # addresses that are known to be some: a mailbox sends many mails
ONE_EACH = "holds more than one e-mail address: give one address each, in a list"

# Most addresses, which email-validator would give back as they are: without it a cold start is shorter.
_USUAL = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*+@(?:[a-z0-9]+(?:-[a-z0-9]+)*+\.)+[a-z]{2,}")
LONGEST_USUAL = 63  # characters, which even a part of a domain may have
_PLAIN = re.compile(r"[^\s<>,;:\"()\[\]\\@]+@[\w.-]+")  # an address may begin with a brace, as an object does
_LISTED = re.compile(r";|<[^<>]*@[^<>]*>|>\s*,")  # between addresses, or around one
_BETWEEN = re.compile(r"[\s<>,;:\"'()\[\]{}|\\]+")  # what no unquoted address contains


@functools.lru_cache(KEPT)
def _mailbox_address(text: str) -> str:
    if len(text) <= LONGEST_USUAL and _USUAL.fullmatch(text):
        return text
    if _holds_several(text):
        raise ValueError(ONE_EACH)
    if re.search("[,;]", text):
        message = "is not an e-mail address: take the comma or semicolon out, and give one address each, in a list"
        raise ValueError(message)
    return _validated(text)


def _validated(text: str) -> str:
    import email_validator  # noqa: PLC0415 - for few addresses, see _USUAL

    # Whether a domain can be reached is Exchange's to say: a hybrid organisation may well route mail to a .local one.
    email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
    try:
        address = email_validator.validate_email(text, check_deliverability=False)
    except email_validator.EmailNotValidError as error:
        raise ValueError(_not_an_address(text, str(error))) from None
    return address.ascii_email or address.normalized


def _not_an_address(text: str, reason: str) -> str:
    """Why, unless the reason repeats a part of the address, which no log and no record may hold."""
    repeats = any(part in reason for part in re.split("[@.]", text) if len(part) > 1)
    return "is not an e-mail address" + ("" if repeats else f": {reason.rstrip('.')}")


def _addresses_in(text: str) -> set[str]:
    """What in a text could be an address, whatever stands between them."""
    words = _BETWEEN.split(unicodedata.normalize("NFKC", text).casefold())
    return {word.strip(".") for word in words if re.match(r"[^@]+@+[^@]*\.", word) or word.count("@") > 1}


def _holds_several(text: str) -> bool:
    return len(_addresses_in(text)) > 1 or any("." in between for between in text.split("@")[1:-1])


def _split_address(value: object) -> object:
    """`Name <a@b>` and `a@b` as the object form that they stand for; one that holds two stands for neither of them."""
    if isinstance(value, dict):
        if value and all("@" in name or name.isdigit() for name in value):
            message = "is an object whose names are addresses or numbers: give a list of addresses"
            raise ValueError(message)
        return value
    if not isinstance(value, str):
        message = "must be `a@b`, `Name <a@b>` or an object with `address` and `name`"
        raise ValueError(message)  # noqa: TRY004 - a TypeError would not reach the caller as a problem
    text = value.strip()
    if len(text) > LONGEST + LONGEST_NAME * 4:
        raise ValueError(ONE_EACH if text.count("@") > 1 else f"must have at most {LONGEST} characters")
    if (habit := written_object(text)) and not _PLAIN.fullmatch(text):
        raise ValueError(habit)
    if not (text.endswith(">") and "<" in text):
        if _holds_several(text):
            raise ValueError(ONE_EACH)
        return {"address": text}
    name, _, address = text[:-1].rpartition("<")
    name = name.strip()
    outside_quotes = "".join(re.sub(r"\\.", "", name).split('"')[::2])
    if _LISTED.search(outside_quotes) or _addresses_in(f"{name} {decoded(name)}") - _addresses_in(address):
        message = f"{ONE_EACH}; where one is a part of the name, give an object with `address` and `name`"
        raise ValueError(message)
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return {"address": address.strip(), "name": name}


def _decoded(name: object) -> object:
    return decoded(name) if isinstance(name, str) else name


class Address(Value):
    """A mailbox and the name to show with it."""

    address: Annotated[Line, Field(max_length=LONGEST), AfterValidator(_mailbox_address)]
    name: Annotated[Line, Field(max_length=LONGEST_NAME), BeforeValidator(_decoded)] = ""

    @model_validator(mode="after")
    def _one_mailbox(self) -> Self:
        """A name may look like another address, as some of Outlook's do, but not like a list with one in it."""
        if re.search("[<>,;]", self.name) and _addresses_in(self.name) - _addresses_in(self.address):
            raise ValueError(ONE_EACH)
        return self


AnAddress = Annotated[
    Address,
    BeforeValidator(_split_address),
    # An object with `address` and `name` is taken, too. Programs made of the description need one way.
    WithJsonSchema({"type": "string", "format": "email", "description": "`a@b.com` or `Name <a@b.com>`."}),
]

_type = TypeAdapter[Address](AnAddress)


def parse_address(text: str) -> Address:
    """The address in this text. Raises ValueError."""
    try:
        return _type.validate_python(text)
    except ValidationError as invalid:
        raise ValueError(invalid.errors()[0]["msg"].removeprefix("Value error, ")) from None
