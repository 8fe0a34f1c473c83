"""A mailbox's address, in every form that a person or a program writes it."""

import re
from typing import Annotated

import email_validator
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

# Whether a domain can be reached is Exchange's to say: a hybrid organisation may well route mail to a .local one.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

_NAMED = re.compile(r"(?P<name>.*)<(?P<address>[^<>]*)>", re.DOTALL)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]")


def _one_line(text: str) -> str:
    if _UNPRINTABLE.search(text):
        message = "must be one line without control characters"
        raise ValueError(message)
    return text


def _mailbox_address(text: str) -> str:
    try:
        address = email_validator.validate_email(text, check_deliverability=False)
    except email_validator.EmailNotValidError as error:
        message = f"is not an e-mail address: {error}"
        raise ValueError(message) from None
    return address.ascii_email or address.normalized


def _split_address(value: object) -> object:
    """`Name <a@b>` and `a@b` as the object form that they stand for."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        message = "must be `a@b`, `Name <a@b>` or an object with `address` and `name`"
        raise ValueError(message)  # noqa: TRY004 - a TypeError would not reach the caller as a problem
    named = _NAMED.fullmatch(value.strip())
    if not named:
        return {"address": value.strip()}
    name = named["name"].strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return {"address": named["address"].strip(), "name": name}


Line = Annotated[str, AfterValidator(_one_line)]


class Value(BaseModel):
    """What comes from outside: checked strictly, nothing unknown in it, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Address(Value):
    """A mailbox and the name to show with it."""

    address: Annotated[Line, AfterValidator(_mailbox_address)]
    name: Annotated[Line, Field(max_length=256)] = ""


AnAddress = Annotated[Address, BeforeValidator(_split_address)]

_type = TypeAdapter[Address](AnAddress)


def parse_address(text: str) -> Address:
    """The address in this text. Raises ValueError."""
    try:
        return _type.validate_python(text)
    except ValidationError as invalid:
        raise ValueError(invalid.errors()[0]["msg"].removeprefix("Value error, ")) from None
