"""What an expression of one file may be: its values where the file tells them, else its kind, else nothing."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.bicep.source import MARK, Source, called, member, operated
from tests.bicep.types import Types, hint

TEXT_FUNCTIONS = {"concat", "format", "guid", "load_text_content", "replace", "resource_id", "string"}
TEXT_FUNCTIONS |= {"subscription_resource_id", "take", "to_lower", "trim", "unique_string"}
TRUTH = {"equals", "not_equals", "not", "and", "or"}
KINDS = {bool: "bool", int: "int", str: "string", list: "array", dict: "object"}


class Scope:
    """The names of one file; `items` holds what the item of a loop may be."""

    def __init__(self, source: Source, sources: Mapping[Path, Source], types: Types) -> None:
        self.source, self.sources, self.types = source, sources, types
        self.items: dict[str, list[Any]] = {}

    def values(self, value: Any) -> list[Any] | None:
        """What an expression may give; None where the file does not tell."""
        if _is_symbol(value):
            known = self.source.variables.get(value)
            return self.values(known) if known is not None else self.items.get(value) or None
        if (operation := operated(value)) and operation[0] == "conditional":
            branches = [self.values(branch) for branch in operation[1][1:]]
            return [one for branch in branches for one in branch or ()] if all(branches) else None
        if (parts := member(value)) and _is_symbol(parts[0]) and len(parts) == 2:
            items = self.items.get(parts[0])
            return [item.get(parts[1]) for item in items] if items else None
        return None if called(value) or operated(value) else [value]

    def kind(self, value: Any) -> str | None:
        """The kind of an expression's value, where the file tells."""
        if _is_symbol(value):
            if value in self.source.params:
                return str(self.source.params[value]["type"])
            value = self.source.variables.get(value)
        if call := called(value):
            return "string" if call[0] in TEXT_FUNCTIONS else None
        if parts := member(value):
            return self.walk(parts)[0]
        if operation := operated(value):
            return "bool" if operation[0] in TRUTH else None
        return KINDS.get(type(value))

    def walk(self, parts: list[Any]) -> tuple[str | None, str]:
        """The kind that `resource.properties.x` or `module.outputs.x` ends in, and what is wrong with it."""
        first, *rest = parts
        if not _is_symbol(first):  # the call of a function
            return None, ""
        if first in self.source.modules and rest[:1] == ["outputs"] and len(rest) == 2:
            target = self.sources.get(self.source.modules[first].path.resolve())
            output = target and target.outputs.get(rest[1])
            if target and not output:
                return None, f"{first} has no output {rest[1]}{hint(rest[1], target.outputs)}"
            return (output["type"] if output else None), ""
        resource = self.source.resources.get(first)
        wanted = resource and self.types.body(resource.type, resource.version)
        for name in rest if wanted else ():
            known = wanted.about.get("properties", {})
            if wanted.form != "ObjectType" or wanted.about.get("additionalProperties"):
                return None, ""
            if name not in known:
                return None, f"{first}.{'.'.join(rest)}: {name} is unknown{hint(name, known)}"
            wanted = wanted.at(known[name]["type"])
        kinds = wanted.kinds if wanted else set()
        return (kinds.pop() if len(kinds) == 1 else None), ""

    def wrong_members(self, value: Any) -> Iterator[str]:
        """Each chain of members in a value that leads nowhere."""
        for parts in _chains(value):
            if problem := self.walk(parts)[1]:
                yield problem


def _is_symbol(value: Any) -> bool:
    return isinstance(value, str) and not value.startswith(MARK)


def _chains(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, str) and value.startswith(MARK):
        yield from (inside.split(".") for inside in re.findall(r"\$\{(\w+(?:\.\w+)+)\}", value))
    elif parts := member(value):
        yield parts
    elif isinstance(value, dict | list):
        inner = called(value) or operated(value)
        for item in inner[1] if inner else value.values() if isinstance(value, dict) else value:
            yield from _chains(item)
