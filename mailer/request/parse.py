"""Bytes to a MailRequest, with every problem named at once. Touches nothing but what it is handed."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from mailer.errors import InvalidRequest, Problem
from mailer.request.address import Address, AnAddress
from mailer.request.attachment import MAX_ATTACHMENTS, Attachment, Attachments
from mailer.request.events import envelope_of
from mailer.request.json_object import read_object, shown
from mailer.request.members import ADVANCE, MAX_CATEGORIES, MAX_HEADERS, MAX_RECIPIENTS, MAX_REPLY_TO, MAX_TAGS
from mailer.request.model import MailRequest, Schedule, TemplateUse
from mailer.request.pool import Pools, pool_address
from mailer.request.wording import found_problems, unknown, validation

__all__ = ["Rules", "parse", "parse_preview", "parse_schedule", "read_request"]

MOST_PARTS = 10_000  # members and entries outside of a template's variables; the largest mail has about 3,500

_PREVIEW = [name for name in TemplateUse.model_fields if name != "id"]
_LONGEST = dict.fromkeys(("to", "cc", "bcc"), MAX_RECIPIENTS) | {
    "reply_to": MAX_REPLY_TO,
    "attachments": MAX_ATTACHMENTS,
    "headers": MAX_HEADERS,
    "tags": MAX_TAGS,
    "categories": MAX_CATEGORIES,
}

T = TypeVar("T")

_template = TypeAdapter(TemplateUse)
_LATER = ConfigDict(defer_build=True)
_attachments: TypeAdapter[tuple[Attachment, ...]] = TypeAdapter(Attachments, config=_LATER)
_schedule = TypeAdapter(Schedule)
_address: TypeAdapter[Address] = TypeAdapter(AnAddress)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a request must also meet: who may send (the first by default), which custom headers it may have.

    `content_problems` tells what keeps its content from becoming a mail, `forbidden` what its caller may not ask for.
    """

    senders: Sequence[Address]
    content_problems: Callable[[MailRequest], Iterable[Problem]]
    pools: Pools = field(default_factory=dict)
    headers: Collection[str] = ()
    max_headers: int = MAX_HEADERS
    forbidden: Callable[[MailRequest], Iterable[Problem]] = lambda _: ()


def parse(body: bytes, *, rules: Rules, key: str | None = None) -> MailRequest:
    """The request in an HTTP body; `key` is that of the Idempotency-Key header. Raises InvalidRequest."""
    members = read_object(body)
    if event := envelope_of(members):
        message = f"This is {event}, and mailer takes those from its queue: here, send what is in its `data`."
        raise InvalidRequest([validation(message)])
    problems = []
    if key is not None:
        if members.get("idempotency_key") not in (None, key):
            message = "The Idempotency-Key header and `idempotency_key` differ: give one of them, or the same in both."
            problems.append(Problem(code="idempotency_keys_differ", message=message, target="idempotency_key"))
        members["idempotency_key"] = key
    return read_request(members, rules=rules, problems=problems)


def parse_schedule(body: bytes, *, now: datetime) -> datetime:
    """The instant in the body of a PATCH, `{"scheduled_at": …}`. Raises InvalidRequest."""
    members = read_object(body)
    _measure(members)
    try:
        instant = _schedule.validate_python(members).scheduled_at
    except ValidationError as invalid:
        problems, more = found_problems(invalid, members, list(Schedule.model_fields))
        raise InvalidRequest(problems, more=more) from None
    if instant > now + ADVANCE:
        message = f"`scheduled_at` may be {ADVANCE.days} days ahead at most."
        raise InvalidRequest([Problem(code="too_far_ahead", message=message, target="scheduled_at")])
    return instant


def parse_preview(body: bytes, *, template: str) -> TemplateUse:
    """The use of this template in the body of a preview, `{"variables": …, "locale": …}` or nothing at all.

    Raises InvalidRequest.
    """
    members = read_object(body) if body.strip() else {}
    _measure({"template": members})
    problems = [unknown("id", ("id",), _PREVIEW)] if "id" in members else []
    more = 0
    try:
        use = _template.validate_python({**members, "id": template})
    except ValidationError as invalid:
        found, more = found_problems(invalid, members, _PREVIEW)
        problems += found
    if problems:
        raise InvalidRequest(problems, more=more)
    return use


def read_request(members: dict[str, Any], *, rules: Rules, problems: Iterable[Problem] = ()) -> MailRequest:
    """The request that these members make, with the problems known so far. Raises InvalidRequest with all of them."""
    _measure(members)
    request, problems, more = None, list(problems), 0
    if pool := pool_address(members.get("from"), rules.pools):
        members = {**members, "from": {"address": pool.address, "name": pool.name}}
    try:
        request = MailRequest.model_validate(members)
    except ValidationError as invalid:
        found, more = found_problems(invalid, members)
        problems += found
    problems += _content_problems(members)
    problems += _recipient_problems(members)
    problems += () if pool else _sender_problems(request.sender if request else _sender_of(members), rules)
    problems += _header_problems(members, rules)
    if request and (sender := pool or request.sender or rules.senders[0]) is not request.sender:
        request = request.model_copy(update={"sender": sender})
    known = request or _sound_part(members)
    forbidden = list(rules.forbidden(known))
    # A template that its caller may not use is not shown to it by what it says of the variables.
    problems += forbidden or rules.content_problems(known)
    if request is None or problems:
        raise InvalidRequest(problems, more=more)
    return request


def _measure(members: dict[str, Any]) -> None:
    """Raises InvalidRequest for more parts than any mail has, before each of them gets a problem of its own.

    What is too long is told so without a look into it, and a template's variables are measured by their bytes.
    """
    left = [value for name, value in members.items() if _length(value) <= _LONGEST.get(name, MOST_PARTS)]
    if isinstance(use := members.get("template"), dict):
        left = [*(value for value in left if value is not use), *(use[name] for name in use if name != "variables")]
    parts = len(left)
    while left and parts <= MOST_PARTS:
        value = left.pop()
        if isinstance(value, dict | list):
            parts += len(value)
            left += value.values() if isinstance(value, dict) else value
    if parts > MOST_PARTS:
        message = f"The request has over {MOST_PARTS} members and entries beside its variables: no mail has that many."
        raise InvalidRequest([Problem(code="request_too_large", message=message)])


def _length(value: object) -> int:
    return len(value) if isinstance(value, dict | list) else 1


def _content_problems(members: dict[str, Any]) -> Iterator[Problem]:
    given = [name for name in ("subject", "html", "text") if members.get(name) is not None]
    if members.get("template") is not None:
        for name in given:
            yield validation(f"`{name}` and `template` exclude each other: the template makes the {name}.", target=name)
    elif not given:
        yield validation("What the mail says is missing: give `template`, or `subject` and `html` or `text`.")
    elif "subject" not in given:
        yield validation("`subject` is required where there is no template.", target="subject")
    elif given == ["subject"]:
        yield validation("`html` or `text` is required where there is no template.", target="html")


def _recipient_problems(members: dict[str, Any]) -> Iterator[Problem]:
    counts = [len(given) if isinstance(given, list) else 1 for given in map(members.get, ("to", "cc", "bcc")) if given]
    if sum(counts) > MAX_RECIPIENTS >= max(counts):  # one list that is too long has been named
        message = (
            f"A mail takes {MAX_RECIPIENTS} recipients at most in to, cc and bcc together; this one has {sum(counts)}."
        )
        yield Problem(code="too_many_recipients", message=message, target="to")


def _sender_of(members: dict[str, Any]) -> Address | None:
    """The sender of a request whose other members may be wrong."""
    return _sound(_address, members.get("from"))


def _sender_problems(sender: Address | None, rules: Rules) -> Iterator[Problem]:
    if sender and sender.address.lower() not in {allowed.address.lower() for allowed in rules.senders}:
        message = "This sender is not allowed: `from` must be one of the addresses in the setting MAILER_SENDERS."
        yield Problem(code="sender_not_allowed", message=message, target="from")


def _header_problems(members: dict[str, Any], rules: Rules) -> Iterator[Problem]:
    headers = members.get("headers")
    names = [name for name, value in headers.items() if value is not None] if isinstance(headers, dict) else []
    known = {name.casefold() for name in rules.headers}
    for name in names[: MAX_HEADERS * 2]:
        if name.casefold().startswith("x-") and name.casefold() not in known:
            header = shown(name)
            message = (
                f"The header `{header}` is not allowed: add it to the setting MAILER_HEADERS. Each name uses up a "
                "quota of the mailbox for good, so they never come from a caller alone."
            )
            yield Problem(code="header_not_allowed", message=message, target=f"headers.{header}")
    if rules.max_headers < len(names) <= MAX_HEADERS:
        message = f"A mail takes {rules.max_headers} headers here: the gate needs one of Graph's {MAX_HEADERS}."
        yield validation(message, target="headers")


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
