"""What an expression of a template may be, as far as its source tells: variables, and what is made of them. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from jinja2 import nodes

from mailer.templating.lint.uses import ENTRY, Kind, Use

CONSTANTS: dict[type, Kind] = {str: Kind.TEXT, int: Kind.NUMBER, float: Kind.NUMBER, bool: Kind.YES_NO}


@dataclass(frozen=True, slots=True)
class Part:
    """A variable or a part of one; `known` are the parts that are there wherever this value is."""

    use: Use
    known: frozenset[Use] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A list, tuple or dict that the template itself puts together."""

    items: dict[Any, "Value"]


@dataclass(frozen=True, slots=True, eq=False)
class Macro:
    """A macro with the names that it sees."""

    node: nodes.Macro | nodes.CallBlock
    frame: "Frame"


Value: TypeAlias = tuple[Part | Literal | Macro, ...]  # what an expression may be; empty where nobody can tell
Block: TypeAlias = tuple[nodes.Block, str]  # with the file that it stands in


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where the walk is: the file, the names known there besides the variables, and what is sure to exist."""

    file: str
    variables: Use
    names: dict[str, Value] = field(default_factory=dict)
    known: frozenset[Use] = frozenset()
    blocks: dict[str, list[Block]] = field(default_factory=dict)
    within: tuple[object, ...] = ()  # files, blocks and macros under way, so that none goes round in circles

    def inner(self, **changes: Any) -> "Frame":  # noqa: ANN401 - as dataclasses.replace
        """A frame whose own names do not reach this one."""
        return replace(self, **{"names": dict(self.names), **changes})

    def changed(self, **changes: Any) -> "Frame":  # noqa: ANN401 - as dataclasses.replace
        """The same names elsewhere."""
        return replace(self, **changes)

    def knowing(self, known: frozenset[Use]) -> "Frame":
        """The same names where more is sure to exist."""
        return replace(self, known=self.known | known)


def guarded(value: Value, known: frozenset[Use]) -> Value:
    """The value, which is there only where these parts are."""
    return tuple(Part(one.use, one.known | known) if isinstance(one, Part) else one for one in value)


def either(*values: Value) -> Value:
    """One of several values; that one of them cannot be told is not forgotten."""
    return tuple(dict.fromkeys(one for value in values for one in value or (Literal({}),)))


def lineage(one: Part | Literal | Macro) -> Iterable[Use]:
    """A part and what it is a part of, up to the variable."""
    return one.use.lineage if isinstance(one, Part) else ()


def member(value: Value, step: str | int) -> Value:
    """A member of an object by its name, an entry of a list by its number."""
    found: Value = ()
    for one in value:
        if isinstance(one, Part):
            found += (Part(one.use.part(ENTRY if isinstance(step, int) else step), one.known),)
        elif isinstance(one, Literal):
            found += one.items.get(step, ())
    return found


def entries(value: Value) -> Value:
    """What any entry of a list may be."""
    found: Value = ()
    for one in value:
        if isinstance(one, Part):
            found += (Part(one.use.part(ENTRY), one.known),)
        elif isinstance(one, Literal):
            found += tuple(part for item in one.items.values() for part in item)
    return found


def constant(node: nodes.Node) -> Any:  # noqa: ANN401 - whatever a template may write
    """The value of a constant, None for all else."""
    return node.value if isinstance(node, nodes.Const) else None


def constant_kind(candidates: Iterable[nodes.Node]) -> Kind | None:
    """The kind of the first constant among these, or in a list of them."""
    for node in candidates:
        kind = CONSTANTS.get(type(constant(node)))
        if kind is None and isinstance(node, nodes.List | nodes.Tuple):
            kind = constant_kind(node.items)
        if kind:
            return kind
    return None
