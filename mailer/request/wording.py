"""A validator's findings in the words of the request's own members."""

from collections.abc import Iterable, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mailer.errors import MOST_PROBLEMS, Problem, meant
from mailer.request.address import Address
from mailer.request.attachment import Attachment
from mailer.request.json_object import shown
from mailer.request.model import MailRequest, TemplateUse
from mailer.request.value import written_object

MEMBERS = [field.alias or name for name, field in MailRequest.model_fields.items()]

_ADDRESS_MEMBERS = ("from", "to", "cc", "bcc", "reply_to")
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
# Validators' own codes, of what is wrong though each part of it is well formed.
_OWN = {"header_repeated", "content_id_repeated", "out_of_range"}
# What other services call it.
_ELSEWHERE = {
    "recipient": "to",
    "recipients": "to",
    "torecipients": "to",
    "ccrecipients": "cc",
    "bccrecipients": "bcc",
    "replytorecipients": "reply_to",
    "internetmessageheaders": "headers",
    "files": "attachments",
    "content": "html` or `text",
    "sender": "from",
    "fromaddress": "from",
    "body": "html` or `text",
    "htmlbody": "html",
    "htmlcontent": "html",
    "textbody": "text",
    "plaintext": "text",
    "textcontent": "text",
    "templateid": "template.id",
    "templatedata": "template.variables",
    "dynamictemplatedata": "template.variables",
    "sendat": "scheduled_at",
    "mimetype": "content_type",
    "type": "content_type",
    "cid": "content_id",
    "contentbytes": "content",
    "email": "address",
    "emailaddress": "address",
    "data": "variables",
    "params": "variables",
}
_LONGEST_GUESS = 64  # characters of a name whose neighbours are looked for


def found_problems(
    invalid: ValidationError, members: object, known: Sequence[str] = MEMBERS
) -> tuple[list[Problem], int]:
    """What the validator found, and how much more of it is only counted."""
    errors = invalid.errors(include_url=False)
    return [_problem(error, members, known) for error in errors[:MOST_PROBLEMS]], max(0, len(errors) - MOST_PROBLEMS)


def validation(message: str, *, target: str | None = None) -> Problem:
    """A problem of the request's form."""
    return Problem(code="validation_error", message=message, target=target)


def unknown(target: str, location: tuple[int | str, ...], known: Sequence[str] = MEMBERS) -> Problem:
    """A member that is not known, with the one that was perhaps meant."""
    known = known if len(location) == 1 else _PARTS[str(location[0])]
    close = _close(str(location[-1]), known)
    hint = f"did you mean `{close}`?" if close else f"known are {', '.join(known)}."
    return validation(f"`{target}` is unknown; {hint}", target=target)


def _close(name: str, known: Sequence[str]) -> str | None:
    if len(name) > _LONGEST_GUESS:
        return None
    plain = _plain(name)
    if same := next((one for one in known if _plain(one) == plain), None):
        return same
    elsewhere = _ELSEWHERE.get(plain, "")
    if elsewhere.partition(".")[0].partition("`")[0] in known:
        return elsewhere
    return meant(name.casefold(), known)


def _plain(name: str) -> str:
    """`ReplyTo`, `reply-to` and `reply_to` are one name."""
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")


def _problem(error: ErrorDetails, members: object, known: Sequence[str]) -> Problem:
    target = _path(error["loc"], members)
    if error["type"] == "extra_forbidden":
        return unknown(target, error["loc"], known)
    words = _WORDS.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    if words.startswith("Input should"):
        words = words.replace("Input should", "must", 1)
    elif error["type"] in {"too_short", "too_long"}:
        words = _size_words(error)
    elif words.startswith("String should have"):
        words = words.replace("String should", "must", 1)
    words += _habit(error["type"], error["input"])
    code = error["type"] if error["type"] in _OWN else "validation_error"
    return Problem(code=code, message=f"`{target}` {words}.".replace("..", "."), target=target)


def _habit(kind: str, given: object) -> str:
    """What the value is instead, where people are used to it."""
    if kind not in {"model_type", "dict_type", "tuple_type"}:
        return ""
    if isinstance(given, str) and (habit := written_object(given)):
        return f"; this {habit}"
    if kind == "tuple_type" and isinstance(given, dict):
        return "; this is an object: put [ and ] around it"
    return ""


def _size_words(error: ErrorDetails) -> str:
    bound, limit = ("least", "min_length") if error["type"] == "too_short" else ("most", "max_length")
    size = error["ctx"][limit]
    units = ("character", "characters") if isinstance(error["input"], str) else ("entry", "entries")
    return f"must have at {bound} {size} {units[size != 1]}"


def _path(location: Iterable[int | str], members: object) -> str:
    """Where the caller wrote what is wrong: an address given as a string, or alone, has no deeper place than itself."""
    path, given = "", members
    for step in location:
        if isinstance(step, int) and isinstance(given, list):
            path, given = f"{path}[{step}]", given[step]
        elif isinstance(step, str) and isinstance(given, dict) and step != "[key]":  # the validator's own mark
            path, given = f"{path}.{shown(step)}" if path else shown(step), given.get(step)
    return path
