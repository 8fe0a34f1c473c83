"""The JSON Schemas of models, as an API's description has them: without unions that stand for `null` alone.

Programs that make clients wrap each union in a type of its own. So what may be null has `null` among its types; an
object that may be stands where it is used, under its name, and a choice that may be is a text with a pattern.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

Schema = dict[str, Any]

REF = "#/components/schemas/"
_NULL = {"type": "null"}


def schemas_of(taken: Iterable[type[BaseModel]], given: Iterable[type[BaseModel]]) -> Schema:
    """The schemas of models and of their parts, by name: requests as they are read, answers as they are written."""
    requests, answers = _made(taken, "validation"), _made(given, "serialization")
    found = {name: _request(_plain(schema, requests)) for name, schema in requests.items()}
    found |= {name: _answer(_plain(schema, answers)) for name, schema in answers.items()}
    roots = {model.__name__ for model in (*taken, *given)}
    return {name: schema for name, schema in sorted(found.items()) if name in roots or _is_used(name, found)}


def parameters_of(model: type[BaseModel]) -> Schema:
    """The schemas of a model's members by their names; a parameter is there, or it is not."""
    members: Schema = _made([model], "validation")[model.__name__]["properties"]
    return {name: _plain(_without_null(member), {}) for name, member in members.items()}


def _made(models: Iterable[type[BaseModel]], mode: JsonSchemaMode) -> dict[str, Schema]:
    named = sorted(models, key=lambda model: model.__name__)
    made: dict[str, Schema] = models_json_schema([(one, mode) for one in named], ref_template=REF + "{model}")[1][
        "$defs"
    ]
    return made


def _plain(schema: Any, parts: Mapping[str, Schema]) -> Any:  # noqa: ANN401 - any part of a schema
    """The schema without unions with `null`, and without what says nothing."""
    if isinstance(schema, list):
        return [_plain(part, parts) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {
        name: {member: _plain(one, parts) for member, one in value.items()}
        if name == "properties"
        else _plain(value, parts)
        for name, value in schema.items()
        if name != "title" and (name, value) != ("default", None)
    }
    if _NULL in plain.get("anyOf", ()):
        about = {name: value for name, value in plain.items() if name != "anyOf"}
        (other,) = (one for one in plain["anyOf"] if one != _NULL)
        if name := other.get("$ref", "").removeprefix(REF):
            other = _plain(parts[name], parts) | {"title": name}
        plain = _nullable(other | about)
    if "patternProperties" in plain:  # of names as their type has them
        ((pattern, values),) = plain.pop("patternProperties").items()
        names = plain.get("propertyNames", {}) | {"pattern": pattern}
        plain |= {"propertyNames": names, "additionalProperties": values}
    if plain.get("type") == "array" and "minLength" in plain:  # a bound that pydantic puts behind a validator
        plain["minItems"] = plain.pop("minLength")
    return plain


def _without_null(member: Schema) -> Schema:
    others = [one for one in member.get("anyOf", ()) if one != _NULL]
    return others[0] | {name: value for name, value in member.items() if name != "anyOf"} if others else member


def _nullable(schema: Schema) -> Schema:
    if "enum" in schema:
        choice = "|".join(schema["enum"])
        schema = {name: value for name, value in schema.items() if name not in {"enum", "title"}}
        schema["pattern"] = f"^({choice})$"
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    return schema


def _request(schema: Schema) -> Schema:
    """An optional member of a request may be null, which is as if it were not there; so may an entry be left out."""
    members = schema.get("properties", {})
    for name in members.keys() - set(schema.get("required", ())):
        members[name] = _nullable(members[name])
        if isinstance(values := members[name].get("additionalProperties"), dict):
            members[name] |= {"title": name.title(), "additionalProperties": _nullable(values)}
    return schema


def _answer(schema: Schema) -> Schema:
    """A member that is not always there is never null; a later version may have more of them."""
    schema.pop("additionalProperties", None)
    members = schema.get("properties", {})
    for name in members.keys() - set(schema.get("required", ())):
        if isinstance(members[name].get("type"), list):
            members[name]["type"] = next(one for one in members[name]["type"] if one != "null")
    return schema


def _is_used(name: str, schemas: Mapping[str, Schema]) -> bool:
    return any(f"'{REF}{name}'" in str(schema) for other, schema in schemas.items() if other != name)
