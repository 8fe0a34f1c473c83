"""Where a template uses its variables, and as what: a tree of them. No I/O."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import NamedTuple

ENTRY = "[]"  # the step from a list to its entries


class Kind(StrEnum):
    """What a template takes a variable for."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"
    LIST = "list"
    OBJECT = "object"
    YES_NO = "yes/no"
    ANYTHING = "anything"


# Of several uses the first one here tells most: a number may be printed, and a text be tested.
_TELLING = (Kind.MONEY, Kind.DATE, Kind.NUMBER, Kind.TEXT, Kind.LIST, Kind.OBJECT, Kind.YES_NO)


class Place(NamedTuple):
    """A line of a template file."""

    file: str
    line: int


class Use:
    """One variable or part of one, with all that is done to it; the root stands for all variables together."""

    def __init__(self, path: str = "", parent: "Use | None" = None) -> None:
        self.path = path
        self.parts: dict[str, Use] = {}
        self.kinds: set[Kind] = set()
        self.places: list[Place] = []
        self.required = False
        self.parent = parent

    def part(self, step: str) -> "Use":
        """A member by its name, or the entries of a list."""
        if step not in self.parts:
            dot = "." if self.path and step != ENTRY else ""
            self.parts[step] = Use(f"{self.path}{dot}{step}", self)
        return self.parts[step]

    def note(self, kind: Kind | None, place: Place, *, known: AbstractSet["Use"] = frozenset()) -> None:
        """Remember a use; what is sure to be there at this place (`known`) need not be there for it."""
        self.places.append(place)
        if kind:
            self.kinds.add(kind)
        needed: Use | None = self
        while needed and needed not in known:
            needed.required, needed = True, needed.parent

    @property
    def lineage(self) -> "Iterator[Use]":
        """Itself and what it is a part of."""
        yield self
        if self.parent:
            yield from self.parent.lineage

    @property
    def used(self) -> bool:
        return bool(self.places) or any(part.used for part in self.parts.values())

    @property
    def whole(self) -> bool:
        """Whether all that it holds is used at once, by printing it or in a way that cannot be followed."""
        return bool(self.kinds & {Kind.TEXT, Kind.ANYTHING})

    @property
    def kind(self) -> Kind:
        """What its uses tell of it."""
        if any(part.used for step, part in self.parts.items() if step != ENTRY):
            return Kind.OBJECT
        if ENTRY in self.parts:
            return Kind.LIST
        return next((kind for kind in _TELLING if kind in self.kinds), Kind.TEXT)

    def all(self) -> "Iterator[Use]":
        """Every part that is used, each before its own parts."""
        for part in self.parts.values():
            if part.used:
                yield part
                yield from part.all()
