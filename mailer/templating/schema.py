"""What the JSON Schema of a template says about its variables. No I/O.

https://json-schema.org/draft/2020-12
"""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from mailer.templating.variables import MISSING, join

_TYPES = {
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


class Schema:
    """One schema; thread-safe. Raises ValueError with what is wrong with it."""

    def __init__(self, schema: dict[str, Any]) -> None:
        try:
            # No other document is fetched, and no message quotes a value.
            self._validator = jsonschema_rs.validator_for(schema, validate_formats=True, offline=True, mask="the value")
        except jsonschema_rs.ValidationError as error:
            raise ValueError(error.message) from error

    def faults(self, variables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The path of each wrong variable, and what is wrong with it, as in variables.py."""
        for error in self._validator.iter_errors(variables):
            path = ""
            for step in error.instance_path:
                path = join(path, step)
            yield from _faults(path, error)


def _faults(path: str, error: jsonschema_rs.ValidationError) -> Iterator[tuple[str, str]]:
    kind = error.kind
    if isinstance(kind, Kind.Required):
        yield join(path, kind.property), MISSING
    elif isinstance(kind, Kind.Type):
        yield path, f"must be {' or '.join(_TYPES[name] for name in kind.types)}"
    elif isinstance(kind, Kind.Format):
        yield path, f"must be of the format `{kind.format}`"
    elif isinstance(kind, Kind.AdditionalProperties | Kind.UnevaluatedProperties):
        for name in kind.unexpected:
            yield join(path, name), "is none of the template's variables"
    elif isinstance(kind, Kind.PropertyNames):  # whose own message quotes the name
        yield path, "has a part whose name does not fit the template's schema.json"
    else:
        yield path, f"must fit the template's schema.json: {error.message}"
