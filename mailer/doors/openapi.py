"""The API described as OpenAPI 3.1, made of the registered routes and of the models of what they take and give.

https://spec.openapis.org/oas/v3.1.1. Optional members are types with `null`, not unions: programs that make clients
wrap each union in a type of its own.
"""

import functools
import re

import mailer
from mailer.delivery.jobs import CODE
from mailer.doors import answers
from mailer.doors.door import ROUTES, Route
from mailer.doors.schemas import REF, Schema, parameters_of, schemas_of
from mailer.doors.shapes import SHAPES, Shape
from mailer.request.mail_id import PATTERN

_HIDDEN = {"cursor"}  # of the parameters: `nextLink` is the one way to it
_PARAMETERS = {
    "emails": {"type": "string", "format": "uuid", "pattern": PATTERN},
    "templates": {"type": "string", "maxLength": 128, "pattern": r"^[^/\\\u0000-\u001f\u007f-\u009f]+$"},
    "failures": {"type": "string", "pattern": CODE},
}
_HEADERS = {
    "Idempotency-Key": {
        "description": "The same key and the same body again: the first answer again, and no second mail.",
        "schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,254}[!-~])?$"},
    },
    "x-batch-validation": {
        "description": "`strict` refuses all mails where one is wrong.",
        "schema": {"type": "string", "enum": ["strict", "permissive"], "default": "permissive"},
    },
    "Prefer": {
        "description": "`wait=20` delivers the mail before the answer, if that takes no longer.",
        "schema": {"type": "string"},
    },
}
_ABOUT = {
    400: "The request is wrong; each thing in it is named.",
    401: "The function key or the token is missing or wrong. The host's own answer has no content.",
    403: "The caller may not do this; the message names the rule.",
    404: "There is no such thing.",
    409: "The state of things does not allow it; the message says why.",
    413: "The request is too large.",
    422: "The request is well formed, and cannot be done here.",
    503: "Something that mailer needs does not work, or a setting is wrong; the message says what to do.",
}
_DONE = {200: "Done.", 201: "Made.", 202: "Accepted.", 204: "Done; there is nothing to tell."}
_STORAGE = ("storage_unavailable", "row_unreadable", "configuration_error")


@functools.cache
def description() -> Schema:
    """The whole description, made once for a worker."""
    described = [route for route in ROUTES if route.function in SHAPES]
    paths: dict[str, Schema] = {}
    for route in described:
        for method in route.methods:
            paths.setdefault(f"/{route.route}", {})[method.lower()] = _operation(route, SHAPES[route.function])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mailer",
            "version": mailer.__version__,
            "description": "Send mail from your Microsoft 365 mailbox: one JSON object, by HTTP or from a queue.",
        },
        "servers": [{"url": "/api"}],
        # In Azure the host asks for one of them; on a developer's machine neither host does.
        "security": [{}, {"functionKey": []}, {"entra": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas([SHAPES[route.function] for route in described]),
            "securitySchemes": {
                "functionKey": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "entra": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _operation(route: Route, shape: Shape) -> Schema:
    operation: Schema = {
        "operationId": route.function,
        "summary": route.summary,
        "tags": [route.route.partition("/")[0].removesuffix(".json")],
        "parameters": [*_path_parameters(route), *_query_parameters(shape), *_header_parameters(shape)],
        "responses": {str(status): _response(shape, status) for status in sorted(shape.gives)},
    }
    if shape.takes:
        schema: Schema = {"$ref": REF + shape.takes.__name__}
        if shape.takes_many:
            schema = {"type": "array", "items": schema, "minItems": 1, "maxItems": 100}
        operation["requestBody"] = {
            "required": not shape.takes_nothing,
            "content": {"application/json": {"schema": schema}},
        }
    for status, codes in sorted(_refusals(route, shape).items()):
        operation["responses"].setdefault(str(status), _refusal(status, codes))
    return operation


def _response(shape: Shape, status: int) -> Schema:
    model = shape.gives[status]
    if model is None:
        return {"description": _DONE[status]}
    content: Schema = {"application/json": {"schema": {"$ref": REF + model.__name__}}}
    if shape.page:
        content["text/html"] = {"schema": {"type": "string"}}
    response: Schema = {"description": _DONE.get(status, _ABOUT.get(status, "")), "content": content}
    if model is answers.Receipt:
        response["headers"] = {"Location": {"description": "The record's path.", "schema": {"type": "string"}}}
        mail = {"id": "$response.body#/id"}
        response["links"] = {
            other.function: {"operationId": other.function, "parameters": mail}
            for other in ROUTES
            if other.route.startswith("emails/{id}") and other.function in SHAPES
        }
    return response


def _refusals(route: Route, shape: Shape) -> dict[int, tuple[str, ...]]:
    """The codes of the errors of a call by their status: its own, and those that come from what it does."""
    found = {status: set(codes) for status, codes in shape.refuses.items()}

    def add(status: int, *codes: str) -> None:
        found.setdefault(status, set()).update(codes)

    if shape.takes or shape.query or "{code}" in route.route:
        add(400, "validation_error")
    if shape.takes:
        add(413, "request_too_large")
    add(401)
    if route.may:
        add(401, "invalid_token")
        add(403, "caller_not_allowed")
        add(503, "keys_unavailable", *_STORAGE)
    return {status: tuple(sorted(codes)) for status, codes in found.items()}


def _refusal(status: int, codes: tuple[str, ...]) -> Schema:
    told = f" Codes: {', '.join(f'`{code}`' for code in codes)}." if codes else ""
    response: Schema = {"description": _ABOUT[status] + told, "x-error-codes": list(codes)}
    if codes:
        response["content"] = {"application/json": {"schema": {"$ref": REF + answers.Error.__name__}}}
    return response


def _path_parameters(route: Route) -> list[Schema]:
    schema = _PARAMETERS.get(route.route.partition("/")[0], {"type": "string"})
    names = re.findall(r"{(\w+)}", route.route)
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _query_parameters(shape: Shape) -> list[Schema]:
    if not shape.query:
        return []
    members = parameters_of(shape.query)
    needed = {field.alias or name for name, field in shape.query.model_fields.items() if field.is_required()}
    return [
        {"name": name, "in": "query", "description": schema.pop("description", ""), "schema": schema, **_form(schema)}
        | ({"required": True} if name in needed else {})
        for name, schema in members.items()
        if name not in _HIDDEN
    ]


def _form(schema: Schema) -> Schema:
    """How a parameter with several values is written: separated by commas."""
    return {"style": "form", "explode": False} if schema.get("type") == "array" else {}


def _header_parameters(shape: Shape) -> list[Schema]:
    return [{"name": name, "in": "header", **_HEADERS[name]} for name in shape.headers]


def _schemas(shapes: list[Shape]) -> Schema:
    taken = {shape.takes for shape in shapes if shape.takes}
    given = {model for shape in shapes for model in shape.gives.values() if model} | {answers.Error}
    return schemas_of(taken, given)
