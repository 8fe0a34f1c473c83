"""Where a value does not fit a type."""

from collections.abc import Iterator
from typing import Any

from tests.bicep.scope import KINDS, Scope
from tests.bicep.source import MARK, called, is_literal
from tests.bicep.types import READ_ONLY, REQUIRED, Type, hint


def misfits(value: Any, wanted: Type, where: str, scope: Scope, *, whole: bool = True) -> Iterator[str]:
    """Each place of the value that the type does not allow; not `whole`: members may be missing."""
    values = scope.values(value)
    if values is not None:
        for one in values:
            yield from _of_value(one, wanted, where, scope, whole=whole)
    elif (call := called(value)) and call[0] == "union":
        for argument in call[1]:
            yield from misfits(argument, wanted, where, scope, whole=False)
    elif (kind := scope.kind(value)) and kind not in wanted.kinds:
        yield f"{where} is {kind}, and should be {_shown(wanted)}"


def _of_value(value: Any, wanted: Type, where: str, scope: Scope, *, whole: bool) -> Iterator[str]:
    if value is None or wanted.form == "AnyType":
        return
    if KINDS[type(value)] not in wanted.kinds:
        yield f"{where} is {KINDS[type(value)]}, and should be {_shown(wanted)}"
    elif isinstance(value, dict):
        yield from _of_object(value, wanted, where, scope, whole=whole)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from misfits(item, wanted.at(wanted.about["itemType"]), f"{where}[{number}]", scope)
    elif is_literal(value):
        yield from _of_text(value.removeprefix(MARK), wanted, where)
    elif isinstance(value, int) and wanted.form == "IntegerType":
        least, most = wanted.about.get("minValue", value), wanted.about.get("maxValue", value)
        if not least <= value <= most:
            yield f"{where} is {value}, and should be between {least} and {most}"


def _of_text(text: str, wanted: Type, where: str) -> Iterator[str]:
    """Held to the named values also where the type is open to others, for those are nearly always slips."""
    choices = wanted.choices if wanted.form == "UnionType" else [wanted]
    named = [choice.about["value"] for choice in choices if choice.form == "StringLiteralType"]
    if named and text not in named:
        yield f"{where} is '{text}', and should be {'one of ' if len(named) > 1 else ''}{', '.join(named)}"
    if len(text) > wanted.about.get("maxLength", len(text)):
        yield f"{where} is longer than {wanted.about['maxLength']} characters"


def _of_object(value: dict[str, Any], wanted: Type, where: str, scope: Scope, *, whole: bool) -> Iterator[str]:
    given = {key.strip("'").removeprefix(MARK): item for key, item in value.items()}
    if wanted.form == "DiscriminatedObjectType":
        name = wanted.about["discriminator"]
        tag = str(given.get(name, "")).removeprefix(MARK)
        variant = wanted.variant(tag)
        if variant is None:
            yield f"{where}.{name} is '{tag}', and should be one of {', '.join(wanted.about['elements'])}"
            return
        wanted = variant
    known, extra = wanted.about.get("properties", {}), wanted.about.get("additionalProperties")
    for name, item in given.items():
        place = f"{where}.{name}"
        if name in known:
            if known[name]["flags"] & READ_ONLY:
                yield f"{place} is read-only"
            yield from misfits(item, wanted.at(known[name]["type"]), place, scope)
        elif extra:
            yield from misfits(item, wanted.at(extra), place, scope)
        else:
            yield f"{place} is unknown{hint(name, known)}"
    for name, about in known.items() if whole else ():
        if about["flags"] & REQUIRED and not about["flags"] & READ_ONLY and name not in given:
            yield f"{where}.{name} is missing"


def _shown(wanted: Type) -> str:
    return " or ".join(sorted(wanted.kinds))
