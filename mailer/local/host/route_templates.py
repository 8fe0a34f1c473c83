"""ASP.NET route templates, as HTTP triggers use them. Pure.

https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-template-reference
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from mailer.local.host.errors import StartupError

INT32, INT64 = 2**31, 2**63
GUID = re.compile(r"[0-9a-f]{32}|(\{)?(\()?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?(1)\})(?(2)\))", re.IGNORECASE)
PARAMETER = re.compile(
    r"(?P<stars>\*{0,2})(?P<name>[^:=?*]+)(?P<constraints>(?::.*?)?)(?:=(?P<default>.*))?(?P<optional>\?)?", re.DOTALL
)
_TOKEN = re.compile(r"\{\{|\}\}|.", re.DOTALL)  # a doubled brace stands for itself

Check = Callable[[str], bool]


@dataclass(frozen=True, kw_only=True)
class _Parameter:
    name: str
    checks: tuple[Check, ...]
    default: str | None
    optional: bool
    catch_all: bool


class RouteTemplate:
    """One template, ready to match. Raises StartupError when it is not valid."""

    def __init__(self, template: str) -> None:
        self.text = template.strip("/")
        self._parameters: list[_Parameter] = []
        pattern, ranks = "", []
        for segment in _segments(self.text):
            parts = [self._parameter(text) if braces else text for braces, text in segment]
            ranks.append(_rank(parts))
            pattern += self._pattern(parts)
        self._regex = re.compile(pattern or "/?", re.IGNORECASE | re.DOTALL)
        self.precedence = tuple(ranks)
        names = [parameter.name.casefold() for parameter in self._parameters]
        if len(names) != len(set(names)):
            message = f"Route '{template}' names a parameter twice. Give each its own name."
            raise StartupError(message)

    def match(self, path: str) -> dict[str, str] | None:
        """The route values of a path such as /emails/7, absent optional ones left out; None when it does not match."""
        found = self._regex.fullmatch(path[:-1] if path.endswith("/") and path != "/" else path)
        if found is None:
            return None
        values: dict[str, str] = {}
        for number, parameter in enumerate(self._parameters):
            value = found[f"p{number}"] or parameter.default
            if value is None:
                continue
            if not all(check(value) for check in parameter.checks):
                return None
            values[parameter.name] = value
        return values

    def _pattern(self, parts: list["str | _Parameter"]) -> str:
        """One segment as a regular expression, its slash included."""
        pattern, optional = "", False
        for part in parts:
            if isinstance(part, str):
                pattern += re.escape(part)
                continue
            group = f"p{len(self._parameters)}"
            self._parameters.append(part)
            pattern += f"(?P<{group}>.*)" if part.catch_all else f"(?P<{group}>[^/]+)"
            optional = len(parts) == 1 and (part.optional or part.catch_all or part.default is not None)
        return f"(?:/{pattern})?" if optional else f"/{pattern}"

    def _parameter(self, text: str) -> _Parameter:
        found = PARAMETER.fullmatch(text)
        if found is None:
            message = f"Route '{self.text}': '{{{text}}}' is not a parameter. Write {{name}} or {{name:constraint}}."
            raise StartupError(message)
        return _Parameter(
            name=found["name"],
            checks=tuple(self._check(constraint) for constraint in _split(found["constraints"])),
            default=found["default"],
            optional=found["optional"] is not None,
            catch_all=bool(found["stars"]),
        )

    def _check(self, constraint: str) -> Check:
        name, _, rest = constraint.partition("(")
        argument = rest.removesuffix(")")
        numbers = (
            [int(number) for number in argument.split(",")]
            if re.fullmatch(r"\s*-?\d+\s*(,\s*-?\d+\s*)?", argument)
            else []
        )
        match name.casefold(), numbers:
            case "regex", _ if argument:
                regex = re.compile(argument, re.IGNORECASE)
                return lambda value: regex.search(value) is not None
            case (("length" | "range"), [low, high]):
                size = _length if name.casefold() == "length" else _integer
                return lambda value: (n := size(value)) is not None and low <= n <= high
            case "length", [size_]:
                return lambda value: len(value) == size_
            case (("minlength" | "min"), [low]):
                size = _length if name.casefold() == "minlength" else _integer
                return lambda value: (n := size(value)) is not None and n >= low
            case (("maxlength" | "max"), [high]):
                size = _length if name.casefold() == "maxlength" else _integer
                return lambda value: (n := size(value)) is not None and n <= high
            case simple, [] if not argument and simple in SIMPLE:
                return SIMPLE[simple]
        message = f"Route '{self.text}': the constraint '{constraint}' is not known here. Correct it."
        raise StartupError(message)


def _segments(template: str) -> Iterator[list[tuple[bool, str]]]:
    """The template's segments, each as its parts: whether the part stood in braces, and its text."""
    parts: list[tuple[bool, str]] = []
    part, inside = "", False
    for character in _TOKEN.findall(template):
        if character == ("}" if inside else "{"):
            parts.append((inside, part))
            part, inside = "", not inside
        elif character == "/" and not inside:
            yield [one for one in (*parts, (False, part)) if any(one)]
            parts, part = [], ""
        else:
            part += character[0]
    if inside:
        message = f"Route '{template}' has a {{ without its }}. Close it."
        raise StartupError(message)
    if template:
        yield [one for one in (*parts, (False, part)) if any(one)]


def _split(constraints: str) -> list[str]:
    """':int:range(1,5)' as its parts; a colon within parentheses does not split."""
    return re.findall(r":((?:[^:(]|\((?:[^()]|\([^()]*\))*\))+)", constraints)


def _rank(parts: list["str | _Parameter"]) -> int:
    """How early ASP.NET tries a segment: literals, then constrained parameters, then others, then catch-alls."""
    first = parts[0]
    if len(parts) == 1 and isinstance(first, str):
        return 1
    if len(parts) > 1 or isinstance(first, str):
        return 2
    return (4 if first.catch_all else 2) + (0 if first.checks else 1)


def _length(value: str) -> int | None:
    return len(value)


def _integer(value: str) -> int | None:
    return int(value) if re.fullmatch(r"\s*[+-]?[0-9]+\s*", value) else None


def _whole(limit: int) -> Check:
    return lambda value: (number := _integer(value)) is not None and -limit <= number < limit


def _real(value: str) -> bool:
    try:
        float(value.replace(",", ""))
    except ValueError:
        return False
    return True


def _moment(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


SIMPLE: dict[str, Check] = {
    "alpha": lambda value: re.fullmatch("[a-z]*", value, re.IGNORECASE) is not None,
    "bool": lambda value: value.casefold() in {"true", "false"},
    "datetime": _moment,
    "decimal": _real,
    "double": _real,
    "float": _real,
    "guid": lambda value: GUID.fullmatch(value) is not None,
    "int": _whole(INT32),
    "long": _whole(INT64),
    "required": lambda value: value != "",
}
