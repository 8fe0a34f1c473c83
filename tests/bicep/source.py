"""Bicep files as data: pycep-parser's tree, with string literals told apart from symbols. No compiler is asked.

pycep gives `location` and `'location'` as the same text, so each literal gets a mark before it is parsed. Statements
are parsed one by one: a mistake has a line, and cannot keep the parser busy for ever, as one in a whole file may.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pycep

MARK = "\u00a7"
_TOKEN = re.compile(r"//[^\n]*|'(?:\\.|\$\{(?:[^{}']|'[^']*')*\}|[^'\\\n])*'")
_PARSER = pycep.BicepParser()
_START = re.compile(r"^(?=targetScope\b|@|param\b|var\b|resource\b|module\b|output\b)", re.MULTILINE)


class NotUnderstood(Exception):
    """A statement that the parser refuses; the text says where."""


@dataclass(kw_only=True)
class Resource:
    """A resource statement."""

    line: int
    type: str
    version: str
    existing: bool
    config: dict[str, Any]
    loop: tuple[str, Any] | None  # the item's name, and the array
    condition: Any


@dataclass(kw_only=True)
class Module:
    """A module statement."""

    line: int
    path: Path
    config: dict[str, Any]


@dataclass(kw_only=True)
class Source:
    """One file by its statements."""

    path: Path
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    modules: dict[str, Module] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def symbols(self) -> set[str]:
        """All that an expression may name."""
        return {*self.params, *self.variables, *self.resources, *self.modules}


def read(path: Path) -> Source:
    """The statements of a file. Raises NotUnderstood."""
    source = Source(path=path)
    for line, text in statements(path.read_text()):
        try:
            tree = _PARSER.parse(text=marked(text))
        except Exception as error:
            raise NotUnderstood(_where(path, line, str(error))) from error
        found = {
            "params": tree.get("parameters", {}),
            "variables": {name: one["value"] for name, one in tree.get("variables", {}).items()},
            "resources": {name: _resource(one, line) for name, one in tree.get("resources", {}).items()},
            "modules": {name: _module(one, path, line) for name, one in tree.get("modules", {}).items()},
            "outputs": tree.get("outputs", {}),
        }
        for kind, declared in found.items():
            twice = source.outputs.keys() if kind == "outputs" else source.symbols
            for name in declared.keys() & twice:
                raise NotUnderstood(f"{path.name}:{line}: {name} is declared twice")
            getattr(source, kind).update(declared)
    return source


def _where(path: Path, line: int, reason: str) -> str:
    """The parser's first line, with the line counted from the top of the file."""
    text = reason.splitlines()[0]
    if inside := re.search(r",? at line (\d+).*", text):
        line, text = line + int(inside[1]) - 1, text[: inside.start()]
    return f"{path.name}:{line}: {text}"


def statements(text: str) -> list[tuple[int, str]]:
    """Each statement with its decorators, and the line that it begins on."""
    starts = [match.start() for match in _START.finditer(text)]
    head = text[: starts[0]] if starts else text
    found, decorators = [(1, head)] if _TOKEN.sub("", head).strip() else [], ""
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        decorators += text[start:end]
        if not text.startswith("@", start):
            found.append((text.count("\n", 0, start) + 1, decorators))
            decorators = ""
    return found


def marked(statement: str) -> str:
    """Without comments, and with a mark in each string but the type of a resource and the path of a module."""
    seen_header = not re.search(r"^(resource|module|targetScope)\b", statement, re.MULTILINE)

    def mark(match: re.Match[str]) -> str:
        nonlocal seen_header
        token = match[0]
        if token.startswith("//"):
            return ""
        if not seen_header and re.search(r"(resource \w+|module \w+|targetScope =) $", statement[: match.start()]):
            seen_header = True
            return token
        return f"'{MARK}{token[1:]}"

    return _TOKEN.sub(mark, statement)


def is_literal(value: Any) -> bool:
    """Whether this is a string of known content."""
    return isinstance(value, str) and value.startswith(MARK) and "${" not in value


def called(value: Any) -> tuple[str, list[Any]] | None:
    """Name and arguments, if this is the call of a function."""
    if isinstance(value, dict) and set(value) == {"function"} and isinstance(value["function"], dict):
        return value["function"]["type"], list((value["function"].get("parameters") or {}).values())
    return None


def operated(value: Any) -> tuple[str, list[Any]] | None:
    """Operator and operands, if this is an operation."""
    if isinstance(value, dict) and set(value) == {"operator"} and isinstance(value["operator"], dict):
        return value["operator"]["type"], list(value["operator"]["operands"].values())
    return None


def member(value: Any) -> list[Any] | None:
    """`a.b.c` as its parts, the first of which is a symbol or a call."""
    operation = operated(value)
    if not operation or operation[0] != "property_accessor":
        return None
    first, rest = operation[1]
    return [first, *(member(rest) or [rest])]


def named(value: Any) -> set[str]:
    """Every symbol that a value names."""
    if isinstance(value, str):
        return _interpolated(value) if value.startswith(MARK) else {value}
    if parts := member(value):
        return named(parts[0])
    if inner := called(value) or operated(value):
        value = inner[1]
    if isinstance(value, dict):
        value = [f"{MARK}{key}" for key in value] + list(value.values())
    return {name for item in value for name in named(item)} if isinstance(value, list) else set()


def _interpolated(text: str) -> set[str]:
    inside = " ".join(re.findall(r"\$\{(.*?)\}", text))
    inside = re.sub(r"'[^']*'", "", inside)
    return set(re.findall(r"(?<![\w.])[A-Za-z_]\w*(?![\w(])", inside))


def _module(found: dict[str, Any], path: Path, line: int) -> Module:
    return Module(line=line, path=path.parent / found["detail"]["path"], config=found["config"])


def _resource(found: dict[str, Any], line: int) -> Resource:
    config, loop, condition = found["config"], None, found.get("condition")
    if "loop_type" in config:
        detail = config["loop_type"]["detail"]
        loop, config = (detail["item_name"], detail["array_name"]), config["config"]
    if set(config) == {"condition", "config"}:
        condition, config = config["condition"], config["config"]
    return Resource(
        line=line,
        type=found["type"],
        version=found["api_version"],
        existing=found["existing"],
        config=config,
        loop=loop,
        condition=condition,
    )
