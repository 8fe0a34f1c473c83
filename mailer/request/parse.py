"""Bytes to a MailRequest, with every problem named at once. Touches nothing but what it is handed."""

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import pydantic_core
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from mailer.errors import InvalidRequest, Problem
from mailer.request.address import Address, AnAddress
from mailer.request.attachment import Attachment, Attachments
from mailer.request.model import ADVANCE, MAX_HEADERS, MAX_RECIPIENTS, MailRequest, Schedule, TemplateUse
from mailer.request.pool import Pools, pool_address

_MEMBERS = [field.alias or name for name, field in MailRequest.model_fields.items()]
_ADDRESS_MEMBERS = ("from", "to", "cc", "bcc", "reply_to")
_PREVIEW = [name for name in TemplateUse.model_fields if name != "id"]
_PARTS = {name: list(Address.model_fields) for name in _ADDRESS_MEMBERS} | {
    "template": list(TemplateUse.model_fields),
    "attachments": list(Attachment.model_fields),
}
_WORDS = {
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "tuple_type": "must be a list",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "string_unicode": "holds characters that no text can have",
    "missing": "is required",
}

T = TypeVar("T")

_template = TypeAdapter(TemplateUse)
_attachments: TypeAdapter[tuple[Attachment, ...]] = TypeAdapter(Attachments)
_schedule = TypeAdapter(Schedule)
_address: TypeAdapter[Address] = TypeAdapter(AnAddress)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a request must also meet: who may send (the first by default), which custom headers it may have.

    `content_problems` tells what keeps its content from becoming a mail.
    """

    senders: Sequence[Address]
    content_problems: Callable[[MailRequest], Iterable[Problem]]
    pools: Pools = field(default_factory=dict)
    headers: Collection[str] = ()
    max_headers: int = MAX_HEADERS


def parse(body: bytes, *, rules: Rules, key: str | None = None) -> MailRequest:
    """The request in an HTTP body; `key` is that of the Idempotency-Key header. Raises InvalidRequest."""
    members = read_object(body)
    problems = []
    if key is not None:
        if members.get("idempotency_key") not in (None, key):
            message = "The Idempotency-Key header and `idempotency_key` differ: give one of them, or the same in both."
            problems.append(_validation(message, target="idempotency_key"))
        members["idempotency_key"] = key
    return read_request(members, rules=rules, problems=problems)


def parse_schedule(body: bytes, *, now: datetime) -> datetime:
    """The instant in the body of a PATCH, `{"scheduled_at": …}`. Raises InvalidRequest."""
    members = read_object(body)
    try:
        instant = _schedule.validate_python(members).scheduled_at
    except ValidationError as invalid:
        raise InvalidRequest(_problem(error, members) for error in invalid.errors(include_url=False)) from None
    if instant > now + ADVANCE:
        raise _invalid(f"`scheduled_at` may be {ADVANCE.days} days ahead at most.", target="scheduled_at")
    return instant


def parse_preview(body: bytes, *, template: str) -> TemplateUse:
    """The use of this template in the body of a preview, `{"variables": …, "locale": …}` or nothing at all.

    Raises InvalidRequest.
    """
    members = read_object(body) if body.strip() else {}
    problems = [_unknown("id", ("id",), _PREVIEW)] if "id" in members else []
    try:
        use = _template.validate_python({**members, "id": template})
    except ValidationError as invalid:
        problems += [_problem(error, members, _PREVIEW) for error in invalid.errors(include_url=False)]
    if problems:
        raise InvalidRequest(problems)
    return use


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in these bytes. Raises InvalidRequest."""
    try:
        members = pydantic_core.from_json(body.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=False)
        json.dumps(members, allow_nan=False)  # a number like 1e999 has become infinite
    except ValueError as error:
        raise _invalid(f"The request must be a JSON object in UTF-8; this is not JSON: {error}.") from None
    if not isinstance(members, dict):
        raise _invalid("The request must be a JSON object; this is JSON, but no object.")
    return members


def read_request(members: dict[str, Any], *, rules: Rules, problems: Iterable[Problem] = ()) -> MailRequest:
    """The request that these members make, with the problems known so far. Raises InvalidRequest with all of them."""
    request, problems = None, list(problems)
    if pool := pool_address(members.get("from"), rules.pools):
        members = {**members, "from": {"address": pool.address, "name": pool.name}}
    try:
        request = MailRequest.model_validate(members)
    except ValidationError as invalid:
        problems += [_problem(error, members) for error in invalid.errors(include_url=False)]
    problems += _content_problems(members)
    problems += _recipient_problems(members)
    problems += () if pool else _sender_problems(members, rules)
    problems += _header_problems(members, rules)
    problems += rules.content_problems(request or _sound_part(members))
    if request is None or problems:
        raise InvalidRequest(problems)
    sender = pool or request.sender or rules.senders[0]
    return request if sender is request.sender else request.model_copy(update={"sender": sender})


def _content_problems(members: dict[str, Any]) -> Iterator[Problem]:
    given = [name for name in ("subject", "html", "text") if members.get(name) is not None]
    if members.get("template") is not None:
        for name in given:
            yield _validation(
                f"`{name}` and `template` exclude each other: the template makes the {name}.", target=name
            )
    elif not given:
        yield _validation("What the mail says is missing: give `template`, or `subject` and `html` or `text`.")
    elif "subject" not in given:
        yield _validation("`subject` is required where there is no template.", target="subject")
    elif given == ["subject"]:
        yield _validation("`html` or `text` is required where there is no template.", target="html")


def _recipient_problems(members: dict[str, Any]) -> Iterator[Problem]:
    count = sum(
        len(given) if isinstance(given, list) else 1 for given in map(members.get, ("to", "cc", "bcc")) if given
    )
    if count > MAX_RECIPIENTS:
        message = f"A mail takes {MAX_RECIPIENTS} recipients at most in to, cc and bcc together; this one has {count}."
        yield _validation(message, target="to")


def _sender_problems(members: dict[str, Any], rules: Rules) -> Iterator[Problem]:
    sender = _sound(_address, members.get("from"))
    if sender and sender.address.lower() not in {allowed.address.lower() for allowed in rules.senders}:
        message = "This sender is not allowed: `from` must be one of the addresses in the setting MAILER_SENDERS."
        yield Problem(code="sender_not_allowed", message=message, target="from")


def _header_problems(members: dict[str, Any], rules: Rules) -> Iterator[Problem]:
    headers = members.get("headers")
    names = list(headers) if isinstance(headers, dict) else []
    known = {name.casefold() for name in rules.headers}
    for name in names:
        if name.casefold().startswith("x-") and name.casefold() not in known:
            shown = _shown(name)
            message = (
                f"The header `{shown}` is not allowed: add it to the setting MAILER_HEADERS. Each name uses up a quota "
                "of the mailbox for good, so they never come from a caller alone."
            )
            yield Problem(code="header_not_allowed", message=message, target=f"headers.{shown}")
    if rules.max_headers < len(names) <= MAX_HEADERS:
        message = f"A mail takes {rules.max_headers} headers here: the gate needs one of Graph's {MAX_HEADERS}."
        yield _validation(message, target="headers")


def _sound_part(members: dict[str, Any]) -> MailRequest:
    """What of a wrong request can be checked further: the part that makes its content, as far as that is right."""
    return MailRequest.model_construct(
        template=_sound(_template, members.get("template")),
        attachments=_sound(_attachments, members.get("attachments")) or (),
        html=members["html"] if isinstance(members.get("html"), str) else None,
    )


def _sound(kind: TypeAdapter[T], value: object) -> T | None:
    """A member that is right in itself, so that it can be checked further although others are wrong."""
    if value is None:
        return None
    try:
        return kind.validate_python(value)
    except ValidationError:
        return None


def _problem(error: ErrorDetails, members: dict[str, Any], known: Sequence[str] = _MEMBERS) -> Problem:
    """A validator's finding in the words of the request's own members."""
    target = _path(error["loc"], members)
    if error["type"] == "extra_forbidden":
        return _unknown(target, error["loc"], known)
    words = _WORDS.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    if words.startswith("Input should"):
        words = words.replace("Input should", "must", 1)
    elif error["type"] in {"too_short", "too_long"}:
        words = _size_words(error)
    elif words.startswith("String should have"):
        words = words.replace("String should", "must", 1)
    return _validation(f"`{target}` {words}.".replace("..", "."), target=target)


def _size_words(error: ErrorDetails) -> str:
    bound, limit = ("least", "min_length") if error["type"] == "too_short" else ("most", "max_length")
    size = error["ctx"][limit]
    units = ("character", "characters") if isinstance(error["input"], str) else ("entry", "entries")
    return f"must have at {bound} {size} {units[size != 1]}"


def _unknown(target: str, location: tuple[int | str, ...], known: Sequence[str]) -> Problem:
    known = known if len(location) == 1 else _PARTS[str(location[0])]
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}."
    return _validation(f"`{target}` is unknown; {hint}", target=target)


def _path(location: Iterable[int | str], members: object) -> str:
    """Where the caller wrote what is wrong: an address given as a string, or alone, has no deeper place than itself."""
    path, given = "", members
    for step in location:
        if isinstance(step, int) and isinstance(given, list):
            path, given = f"{path}[{step}]", given[step]
        elif isinstance(step, str) and isinstance(given, dict) and step != "[key]":  # the validator's own mark
            path, given = f"{path}.{_shown(step)}" if path else _shown(step), given.get(step)
    return path


def _shown(name: str) -> str:
    """A name that the caller chose, as it may stand in a log: it could hold an address, or a line of its own."""
    return name if re.fullmatch(r"[\w.\[\]-]{1,64}", name, re.ASCII) else "…"


def _validation(message: str, *, target: str | None = None) -> Problem:
    return Problem(code="validation_error", message=message, target=target)


def _invalid(message: str, *, target: str | None = None) -> InvalidRequest:
    return InvalidRequest([_validation(message, target=target)])
