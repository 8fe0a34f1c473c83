"""What all that comes from outside has in common."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]")

_OBJECT = re.compile(r"@\{|System\.(?:Object|Collections)\b|\[object Object\]")


def written_object(text: str) -> str:
    """What a string is that was to be an object or a list, by the habit that made it; else nothing."""
    text = text.lstrip()
    if re.match(r"\{|\[\s*(?:[\"{\]]|$)", text):
        return "is JSON inside a string: leave the quotes around it out"
    if _OBJECT.match(text):
        return "is an object or list that became text: write all of it as JSON, in PowerShell with `-Depth 10`"
    return ""


@dataclass(frozen=True, slots=True, eq=False)  # compared as itself, for a type must have a hash
class Described:
    """What the JSON Schema of a value tells beside its type: what its validator asks for in a way of its own.

    None takes a keyword out.
    """

    keywords: Mapping[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Called by pydantic."""
        schema = handler(core) | dict(self.keywords)
        return {keyword: value for keyword, value in schema.items() if value is not None}


def _one_line(text: str) -> str:
    if _UNPRINTABLE.search(text):
        message = "must be one line without control characters"
        raise ValueError(message)
    return text


Line = Annotated[str, AfterValidator(_one_line), Described({"pattern": r"^[^\u0000-\u001f\u007f\u0085\u2028\u2029]*$"})]


class Value(BaseModel):
    """What comes from outside: checked strictly, nothing unknown in it, never changed; null is not given."""

    # Built when one is first read: the first mail of a process needs but a few.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, members: Any) -> Any:  # noqa: ANN401 - whatever a caller sends
        if not isinstance(members, dict) or None not in members.values():
            return members
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {name: value for name, value in members.items() if value is not None or name not in known}


def without_null(entries: object) -> object:
    """An object of the caller's own names, without those that are null."""
    if not isinstance(entries, dict):
        return entries
    return {name: value for name, value in entries.items() if value is not None}


def at_most(limit: int) -> Callable[[object], object]:
    """Measures a list or an object before anybody looks at what is in it."""

    def measured(entries: object) -> object:
        if isinstance(entries, dict | list) and len(entries) > limit:
            message = f"must have at most {limit} entries; this has {len(entries)}"
            raise ValueError(message)
        return entries

    return measured
