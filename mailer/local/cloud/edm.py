"""Checks JSON against Graph's own types, as its published metadata has them (graph-types.json).

The metadata calls `message` an open type, yet the live service refuses properties that it does not know
(microsoftgraph/msgraph-sdk-python#440), and so do we.
"""

import base64
import binascii
import json
from datetime import datetime
from pathlib import Path
from typing import Any

TYPES = json.loads(Path(__file__).with_name("graph-types.json").read_text(encoding="utf-8"))
INTEGERS = {"Int32": 2**31, "Int64": 2**63}


class TypeMismatch(Exception):
    """JSON that Graph cannot read; `code` is Graph's word for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def check_parameters(action: str, body: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the caller sent
    """The parameters of an action under the metadata's names; the first letter may be small. Raises TypeMismatch."""
    declared: dict[str, str] = TYPES["actions"][action]
    if not isinstance(body, dict):
        raise unreadable("", "an object")
    names = {name[0].lower() + name[1:]: name for name in declared} | {name: name for name in declared}
    parameters = {}
    for key, value in body.items():
        if key not in names:
            message = (
                f"The parameter '{key}' in the request payload is not a valid parameter for the operation '{action}'."
            )
            raise TypeMismatch("RequestBodyRead", message)
        check(value, declared[names[key]], key)
        parameters[names[key]] = value
    return parameters


def check_entity(type_name: str, body: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the caller sent
    """The body of a request that creates an entity, if it is one of this type. Raises TypeMismatch."""
    check(body, f"{type_name}!", type_name)
    entity: dict[str, Any] = body
    return entity


def check(value: object, type_name: str, path: str) -> None:
    """Raise TypeMismatch unless the value is of this type: `X`, `X!` (never null) or `[X]` (a list)."""
    if type_name.startswith("["):
        if not isinstance(value, list):
            raise unreadable(path, "a list")
        for number, item in enumerate(value):
            check(item, f"{type_name[1:-1]}!", f"{path}[{number}]")
    elif value is None:
        if type_name.endswith("!"):
            raise unreadable(path, "a value, not null")
    else:
        check_present(value, type_name.removesuffix("!"), path)


def check_present(value: object, type_name: str, path: str) -> None:
    """Check a value that is not null against the name of an enum, an object type or a primitive type."""
    if type_name in TYPES["enums"]:
        if not isinstance(value, str) or value.lower() not in {name.lower() for name in TYPES["enums"][type_name]}:
            raise unreadable(path, f"one of {', '.join(TYPES['enums'][type_name])}")
    elif type_name in TYPES["types"]:
        check_object(value, type_name, path)
    elif not is_primitive(value, type_name):
        raise unreadable(path, f"Edm.{type_name}")


def check_object(value: object, type_name: str, path: str) -> None:
    """Check an object and all that it holds; `@odata.type` may name a derived type and must where none is implied."""
    if not isinstance(value, dict):
        raise unreadable(path, f"an object of type microsoft.graph.{type_name}")
    actual = str(value.get("@odata.type", type_name)).removeprefix("#").removeprefix("microsoft.graph.")
    if type_name not in ancestry(actual):
        raise unreadable(f"{path}.@odata.type", f"microsoft.graph.{type_name} or a type derived from it")
    if TYPES["types"][actual].get("abstract"):
        raise unreadable(path, f"an @odata.type, for microsoft.graph.{actual} is abstract")
    declared = {name: kind for one in ancestry(actual) for name, kind in TYPES["types"][one]["props"].items()}
    for name, item in value.items():
        if "@odata." in name:
            continue
        if name not in declared:
            message = (
                f"The property '{name}' does not exist on type 'microsoft.graph.{actual}'. Make sure to only use "
                "property names that are defined by the type or mark the type as open type."
            )
            raise TypeMismatch("RequestBodyRead", message)
        check(item, declared[name], f"{path}.{name}")


def ancestry(type_name: str) -> list[str]:
    """The type and all that it derives from; empty for an unknown one."""
    chain = []
    while type_name in TYPES["types"]:
        chain.append(type_name)
        type_name = TYPES["types"][type_name].get("base", "")
    return chain


def is_primitive(value: object, type_name: str) -> bool:
    """Whether the value is of this primitive type of the Entity Data Model."""
    if type_name == "Boolean":
        return isinstance(value, bool)
    if type_name in INTEGERS:
        limit = INTEGERS[type_name]
        return isinstance(value, int) and not isinstance(value, bool) and -limit <= value < limit
    if not isinstance(value, str):
        return False
    return {"Binary": is_base64, "DateTimeOffset": is_instant}.get(type_name, is_text)(value)


def is_text(text: str) -> bool:
    """Whether the text is Unicode: JSON can escape half a surrogate pair, which no mail can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_base64(text: str) -> bool:
    """Whether the text is base64 with nothing else in it, line breaks included."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def is_instant(text: str) -> bool:
    """Whether the text is a date and time with an offset."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def unreadable(path: str, expected: str) -> TypeMismatch:
    """The mismatch of a value that is not what the metadata expects."""
    # The service says the first four words only; the rest is for whoever looks for the mistake.
    return TypeMismatch(
        "UnableToDeserializePostBody", f"were unable to deserialize {path or 'the body'}: not {expected}"
    )
