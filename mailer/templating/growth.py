"""What a template may not ask of Python because the answer has no end: each checked before it is made. No I/O."""

import re
from collections.abc import Mapping, Sized
from typing import Any

import jinja2
import jinja2.runtime

from mailer.templating.page import take, weight
from mailer.templating.variables import check_change

MAX_REPEATED = 1_000_000  # characters of a text, or entries of a list, that is repeated
MAX_EXPONENT = 1_000
MAX_BITS = 20_000  # of a whole number: some six thousand digits
WIDEST = 100_000  # characters that a text is filled up to, digits of a number

_WIDE = re.compile(r"\d{6}")  # in a format; too wide in any case
_DIGITS = 9  # as many as tell that a width is too large
_FILLING = {"ljust", "rjust", "center", "zfill", "to_bytes", "expandtabs"}
_GROWING = {"append", "insert", "extend", "update", "setdefault", "add"}
_OF_TEMPLATES = {jinja2.runtime.Macro, jinja2.runtime.BlockReference}  # whose own content is accounted for
_CHANGING = _GROWING | {"pop", "popitem", "remove", "discard", "clear", "sort", "reverse"}


def check_call(called: Any, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> tuple[Any, ...]:  # noqa: ANN401 - whatever a template calls
    """The arguments to call it with. Raises TemplateRuntimeError for a method that would make too much."""
    if type(called) in _OF_TEMPLATES:
        return arguments
    called = getattr(called, "__wrapped__", called)  # jinja2 wraps str.format
    owner, name = getattr(called, "__self__", None), getattr(called, "__name__", "")
    if isinstance(owner, str | bytes):
        if name in _FILLING:
            check_width(*arguments, *options.values())
        elif name in {"format", "format_map"}:
            check_format(str(owner), (*arguments, *options.values()))
        elif name == "join" and arguments:
            return ([*_joined(owner, arguments[0])], *arguments[1:])
        elif name == "replace" and len(arguments) > 1:
            check_replacing(owner, arguments[0], arguments[1])
        elif name in {"translate", "striptags"}:
            raise jinja2.TemplateRuntimeError(f"`.{name}()` is not to be used here; there are filters")
    elif name in _FILLING:
        check_width(*arguments)
    elif isinstance(owner, list | dict | set) and name in _CHANGING:
        check_change(owner)
        take(0, sum(map(weight, arguments)) if name in _GROWING else 0)
    return arguments


def check_width(*widths: object) -> None:
    """For texts that are filled up."""
    if any(isinstance(width, int | float) and width > WIDEST for width in widths):
        raise jinja2.TemplateRuntimeError(f"a text is filled up to more than {WIDEST:,} characters")


def check_format(pattern: str, arguments: object) -> None:
    """For `%`, `format` and `.format()`: neither a width nor what is put in may be beyond measure."""
    if _WIDE.search(pattern):
        message = f"a format has a number of more than {len(str(WIDEST)) - 1} digits"
        raise jinja2.TemplateRuntimeError(message)
    parts = arguments if isinstance(arguments, tuple) else (arguments,)
    if "*" in pattern or re.search(r"\{[^{}]*\{", pattern):  # a width among the arguments
        check_width(*(int(part[:_DIGITS]) if isinstance(part, str) and part.isdecimal() else part for part in parts))
    take(0, len(pattern) + weight(parts))
    places = pattern.count("%") + pattern.count("{")
    if places > len(parts):  # so that one is put in more than once
        take(0, places * max(map(weight, parts), default=0))


def check_replacing(text: Any, old: Any, new: Any) -> None:  # noqa: ANN401 - texts or bytes
    """For texts in which something short becomes something long."""
    if isinstance(old, (type(text), str)):
        longer = max(0, len(new) - len(old)) if isinstance(new, Sized) else 0
        take(0, len(text) + (text.count(old) * longer if longer else 0))


def check_repetition(operator: str, left: object, right: object) -> None:
    """For `*` and `**`: Python would go on for as long as memory lasts."""
    if operator not in {"*", "**"}:
        return
    sized, times = (left, right) if isinstance(left, Sized) else (right, left)
    if isinstance(sized, Sized) and isinstance(times, int):
        if len(sized) * times > MAX_REPEATED:
            raise jinja2.TemplateRuntimeError(f"a text or list repeated becomes longer than {MAX_REPEATED:,}")
        if isinstance(sized, list | tuple):
            take(0, weight(sized) * max(times, 0))
    if operator == "**" and isinstance(right, int | float) and abs(right) > MAX_EXPONENT:
        raise jinja2.TemplateRuntimeError(f"an exponent is over {MAX_EXPONENT}")
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
        if bits > MAX_BITS:
            raise jinja2.TemplateRuntimeError("a number has thousands of digits")


def check_number(value: object) -> None:
    """For sums that grow step by step."""
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise jinja2.TemplateRuntimeError("a number has thousands of digits")


def _joined(between: str | bytes, parts: Any) -> list[Any]:  # noqa: ANN401 - whatever a template joins
    values = list(parts)
    take(
        len(values) // 100, len(between) * len(values) + sum(len(value) for value in values if isinstance(value, Sized))
    )
    return values
