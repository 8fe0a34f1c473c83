"""What a template asks of its variables: those that its source uses and those that its schema declares. No I/O."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mailer.templating.lint.uses import ENTRY, Kind, Use

_KINDS = {
    "string": Kind.TEXT,
    "number": Kind.NUMBER,
    "integer": Kind.NUMBER,
    "boolean": Kind.YES_NO,
    "array": Kind.LIST,
    "object": Kind.OBJECT,
}
_DATES = {"date", "date-time", "time"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """One variable or part of one; `order.lines[].price` is the price of each line."""

    path: str
    type: str
    optional: bool
    description: str | None = None

    def as_json(self) -> dict[str, Any]:
        described = {"description": self.description} if self.description else {}
        return {"path": self.path, "type": self.type, "optional": self.optional} | described


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """What a schema says of one variable, which is a part of another one; no kind where it leaves that open."""

    parent: str
    kind: Kind | None
    required: bool
    description: str | None


def contract(uses: Use, schema: Mapping[str, Any] | None = None) -> list[Variable]:
    """Every variable that is used or declared, each before its parts. The schema's word counts where there is one."""
    known = declared(schema or {})
    used = {use.path: use for use in uses.all()}
    return [_variable(path, used.get(path), known.get(path)) for path in dict.fromkeys([*used, *known])]


def declared(schema: Mapping[str, Any]) -> dict[str, Declared]:
    """What a JSON Schema declares, by path."""
    return dict(_declarations(schema, schema, "", ()))


def part_paths(value: object, path: str = "") -> dict[str, str]:
    """The path of each part of JSON with that of what it is a part of, which goes first."""
    below: Iterator[tuple[str, object]] = iter(())
    if isinstance(value, dict):
        below = ((f"{path}.{name}" if path else name, part) for name, part in value.items())
    elif isinstance(value, list):
        below = ((f"{path}{ENTRY}", part) for part in value)
    found: dict[str, str] = {}
    for step, part in below:
        found |= {step: path} | part_paths(part, step)
    return found


def undeclared(use: Use, known: Collection[str]) -> Iterator[Use]:
    """What is used below a part but is not known; of what is not, its own parts need no mention."""
    for part in use.parts.values():
        if part.places and part.path not in known:
            yield part
        else:
            yield from undeclared(part, known)


def unused(paths: Mapping[str, str], uses: Iterable[Use]) -> Iterator[str]:
    """Those paths that are not used at all; of one that is not, its own parts need no mention."""
    used: dict[str, bool] = {}  # whether all of it is used at once
    for use in (use for root in uses for use in root.all()):
        used[use.path] = used.get(use.path, False) or use.whole
    settled = set()
    for path, parent in paths.items():
        if parent in settled or used.get(path) is not False:
            settled.add(path)
            if parent not in settled and path not in used and not path.endswith(ENTRY):
                yield path


def _variable(path: str, use: Use | None, said: Declared | None) -> Variable:
    kind = use.kind if use else Kind.TEXT
    # Money comes as a number or a text, so that the template tells more than the schema.
    if said and said.kind and not (kind is Kind.MONEY and said.kind in {Kind.NUMBER, Kind.TEXT}):
        kind = said.kind
    required = path.endswith(ENTRY) or bool(said.required if said else use and use.required)
    return Variable(path=path, type=kind, optional=not required, description=said.description if said else None)


def _declarations(
    schema: Mapping[str, Any], part: object, path: str, within: tuple[str, ...]
) -> Iterator[tuple[str, Declared]]:
    """The members and entries below one part of a schema; a schema that holds itself is followed once."""
    resolved = _resolved(schema, part, within)
    if resolved is None:
        return
    part, within = resolved
    members, required = _mapping(part.get("properties")), part.get("required")
    below = [
        (f"{path}.{name}" if path else name, member, isinstance(required, list) and name in required)
        for name, member in members.items()
    ]
    if isinstance(part.get("items"), dict):
        below.append((f"{path}{ENTRY}", part["items"], True))
    for step, member, is_required in below:
        if found := _resolved(schema, member, within):
            yield step, _declared(found[0], path, required=is_required)
            yield from _declarations(schema, member, step, within)
    for branch in part.get("allOf") or ():
        yield from _declarations(schema, branch, path, within)


def _declared(part: Mapping[str, Any], parent: str, *, required: bool) -> Declared:
    types = part.get("type")
    names = [types] if isinstance(types, str) else types if isinstance(types, list) else []
    kind = next((_KINDS[name] for name in names if name in _KINDS), None)
    if kind is Kind.TEXT and part.get("format") in _DATES:
        kind = Kind.DATE
    description = part.get("description")
    words = description if isinstance(description, str) else None
    return Declared(parent=parent, kind=kind, required=required, description=words)


def _resolved(
    schema: Mapping[str, Any], part: object, within: tuple[str, ...]
) -> tuple[Mapping[str, Any], tuple[str, ...]] | None:
    """What `$ref` points at within the same schema; None where it points elsewhere or in circles."""
    while isinstance(part, dict) and isinstance(reference := part.get("$ref"), str):
        if reference in within or not reference.startswith("#"):
            return None
        within = (*within, reference)
        target: Any = schema
        for step in reference[1:].split("/")[1:]:
            target = _mapping(target).get(step)
        part = {**_mapping(target), **{name: value for name, value in part.items() if name != "$ref"}}
    return (part, within) if isinstance(part, dict) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
