"""Bytes to one JSON object, or to the texts of several; what is none is refused by the habit that made it. No I/O."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic_core

from mailer.errors import InvalidRequest, Problem
from mailer.request.base64_text import OBJECT_BEGINS, PYTHON_BYTES

MARK = b"\xef\xbb\xbf"  # the byte order mark of UTF-8
_BLANK = " \t\r\n"

# By how the bytes begin; the first that fits.
_HABITS = (
    (rb"\s*$", "there is nothing in it"),
    (rb"b['\"]", PYTHON_BYTES),
    (rb"\{\s*'", "this is Python's text for a dict: write it with `json.dumps`"),
    (rb"\xff\xfe|\xfe\xff|[\[{]\x00|\x00[\[{]", "this is UTF-16: write it in UTF-8"),
    (rb"\x1f\x8b", "this is compressed with gzip: send it as it is"),
    (rb"\s*<", "this is XML or HTML"),
    (rb"\s*data:", "this begins with `data:`: leave out all up to the comma"),
    (rb"\s*'", "this stands in single quotes: leave them out"),
    (rb"\s*@\{|System\.", "this is PowerShell's or .NET's text for an object: write it as JSON"),
    (rb"--[^\r\n]{1,100}\r?\ncontent-disposition", "this is form data: send JSON, with files in base64"),
    (rb"eyJ[0-9A-Za-z+/\s]+", "this is base64 of JSON, or base64 of base64: send the JSON itself"),
    (rb"[\w.%+-]{1,100}=[^{}\"]{0,100}", "this is form data: send JSON"),
)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in these bytes. Raises InvalidRequest."""
    body = body.removeprefix(MARK)
    try:
        # Values are not kept as names are, which come again: a mebibyte of addresses and the like.
        members = pydantic_core.from_json(body, allow_inf_nan=False, cache_strings="keys")
        repeats = _repeats(body.decode()) if isinstance(members, dict) else []
    except ValueError as error:
        said = _habit(body) or f"this is not JSON: {error}"
        raise _invalid(f"The request must be a JSON object in UTF-8; {said}.") from None
    if not isinstance(members, dict):
        raise _invalid(f"The request must be a JSON object; this is JSON, but {_kind(members)}.")
    if repeats:
        raise InvalidRequest(map(_repeated, _paths(repeats[0], "")))
    return members


def write_object(members: Mapping[str, Any]) -> bytes:
    """The JSON of an object, in UTF-8 and without blanks, in a third of the time that `json` takes."""
    return pydantic_core.to_json(members)


def read_items(body: bytes, *, most: int) -> list[bytes]:
    """The texts of the entries of the JSON array in these bytes, which nothing more is known of. Raises InvalidRequest.

    They are not read here, so that one of them that cannot be hurts no other.
    """
    try:
        text = body.removeprefix(MARK).decode().strip(_BLANK)
        if text.startswith("{"):
            raise _invalid("A batch is a JSON array of mails, and this is an object: put it into [ ], or call /emails.")
        if not text.startswith("["):
            raise _invalid(f"A batch must be a JSON array in UTF-8; {_habit(body) or 'this is none'}.")
        return list(_entries(text, most))
    except (ValueError, RecursionError) as error:
        said = _habit(body) or f"this is not JSON: {error}"
        raise _invalid(f"A batch must be a JSON array in UTF-8; {said}.") from None


def _entries(text: str, most: int) -> Iterator[bytes]:
    """Raises ValueError where there is no array, InvalidRequest where it is too long."""
    decoder, at, number, after = json.JSONDecoder(), _next(text, 1), 0, ","
    if text[at : at + 1] == "]":
        after, at = "]", at + 1
    while after == ",":
        if number == most:
            raise _invalid(f"A batch takes {most} mails at most: split this one.")
        _, end = decoder.raw_decode(text, at)
        yield text[at:end].encode()
        number, at = number + 1, _next(text, end)
        after, at = text[at : at + 1], _next(text, at + 1)
    if after != "]" or at < len(text):
        message = "expecting a comma or the end of the array"
        raise json.JSONDecodeError(message, text, at)


def _next(text: str, at: int) -> int:
    """Where the next character stands that is no white space."""
    while text[at : at + 1] and text[at] in _BLANK:
        at += 1
    return at


def shown(name: str) -> str:
    """A name that the caller chose, as it may stand in a log: it could hold an address, or a line of its own."""
    return name if re.fullmatch(r"[\w.\[\]$-]{1,64}", name, re.ASCII) else "…"


def _habit(body: bytes) -> str:
    if words := next((words for start, words in _HABITS if re.match(start, body[:300], re.IGNORECASE)), ""):
        return words
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start + 1} is no UTF-8: an older encoding such as windows-1252 has to be converted"
    return ""


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "a list and no object: send each of its objects by itself"
    if not isinstance(value, str):
        return "no object"
    if value.lstrip().startswith(("{", "[")):
        return "no object: it is JSON inside a JSON string, written twice; send it without the quotes around it"
    if OBJECT_BEGINS.match(value.lstrip()):
        return "a string and no object, perhaps of base64: send it without the quotes around it"
    return "a string and no object"


class _Repeats(dict[str, Any]):
    """An object in which names stand twice."""

    names: tuple[str, ...] = ()


def _repeats(text: str) -> list[object]:
    """The whole content if a member stands twice somewhere in it; a parser keeps the last and never tells.

    Raises ValueError for a number such as 1e999, which has become infinite.
    """
    found = []

    def members_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) == len(pairs):
            return members
        repeats = _Repeats(members)
        repeats.names = tuple(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        found.append(repeats)
        return repeats

    content = json.loads(text, object_pairs_hook=members_of, parse_float=_finite)
    return [content] if found else []


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        message = f"{text[:20]} is too large a number"
        raise ValueError(message)
    return number


def _paths(value: object, path: str) -> Iterator[str]:
    if isinstance(value, _Repeats):
        yield from (f"{path}.{shown(name)}" if path else shown(name) for name in value.names)
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, f"{path}.{shown(name)}" if path else shown(name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, f"{path}[{index}]")


def _repeated(path: str) -> Problem:
    message = f"`{path}` stands there twice in one object: leave one of them out."
    return Problem(code="validation_error", message=message, target=path)


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest([Problem(code="validation_error", message=message)])
