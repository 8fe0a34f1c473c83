"""Azure's resource types as data, https://github.com/Azure/bicep-types-az, and what they say of themselves."""

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REQUIRED, READ_ONLY = 1, 2
SIMPLE = {"StringType": "string", "StringLiteralType": "string", "IntegerType": "int", "BooleanType": "bool"}


@dataclass(frozen=True)
class Type:
    """One type of a types.json; the others that it refers to are in the same file."""

    index: list[dict[str, Any]]
    about: dict[str, Any]

    @property
    def form(self) -> str:
        """Its `$type`."""
        return str(self.about["$type"])

    def at(self, reference: dict[str, str]) -> "Type":
        """What `{"$ref": "#/7"}` stands for."""
        return Type(self.index, self.index[int(reference["$ref"].removeprefix("#/"))])

    @property
    def kinds(self) -> set[str]:
        """The kinds of value that it takes, in the words of Bicep."""
        if self.form == "UnionType":
            return {kind for choice in self.choices for kind in choice.kinds}
        if self.form == "AnyType":
            return {"string", "int", "bool", "array", "object"}
        return {"array" if self.form == "ArrayType" else SIMPLE.get(self.form, "object")}

    @property
    def choices(self) -> "list[Type]":
        """The elements of a union."""
        return [self.at(element) for element in self.about["elements"]]

    def variant(self, tag: str) -> "Type | None":
        """The object that a discriminator's value chooses, with what all have."""
        element = self.about["elements"].get(tag)
        if element is None:
            return None
        about = self.at(element).about
        return Type(self.index, about | {"properties": self.about["baseProperties"] | about["properties"]})


class Types:
    """The resource types of a folder of types.json files."""

    def __init__(self, folder: Path) -> None:
        self._bodies: dict[str, Type] = {}
        for file in sorted(folder.glob("*.json")):
            index = json.loads(file.read_text())
            found = (entry for entry in index if entry["$type"] == "ResourceType")
            self._bodies |= {entry["name"].lower(): Type(index, entry).at(entry["body"]) for entry in found}

    def body(self, name: str, version: str) -> Type | None:
        """What the statement of such a resource may hold."""
        return self._bodies.get(f"{name}@{version}".lower())

    def versions(self, name: str) -> list[str]:
        """The versions of this type that are known; none if the type is not."""
        return sorted(known.partition("@")[2] for known in self._bodies if known.partition("@")[0] == name.lower())


def hint(name: str, known: Iterable[str]) -> str:
    """What was probably meant."""
    names = list(known)
    close = difflib.get_close_matches(name.lower(), [other.lower() for other in names], n=1)
    return next((f"; did you mean {other}?" for other in names if close and other.lower() == close[0]), "")
