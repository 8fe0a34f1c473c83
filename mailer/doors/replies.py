"""Replies by HTTP: JSON, or the error in the envelope of https://github.com/microsoft/api-guidelines."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import azure.functions as func

from mailer.errors import (
    ConfigError,
    InvalidRequest,
    KeyReused,
    MailerError,
    Problem,
    TryLater,
    UnknownCaller,
    UnknownMail,
    WrongStatus,
    brief,
)

LARGEST_ERROR = 60_000  # bytes of an error's answer
LONGEST_MESSAGE = 4000  # characters of what it says beside its details

_HOSTS = {"code", "clientid"}  # https://learn.microsoft.com/azure/azure-functions/function-keys-how-to

UNPROCESSABLE = 422

# By the error's code, else by its class.
STATUS_BY_CODE = {
    "validation_error": 400,
    "caller_not_allowed": 403,
    "request_too_large": 413,
    "attachment_too_large": 413,
}
STATUS_BY_CLASS: dict[type[Exception], int] = {
    InvalidRequest: UNPROCESSABLE,
    KeyReused: 409,
    UnknownCaller: 401,
    UnknownMail: 404,
    WrongStatus: 409,
    TryLater: 503,
    ConfigError: 503,
    MailerError: 500,
}


def refused(error: MailerError | ConfigError, **statuses: int) -> func.HttpResponse:
    """The error in its envelope; `statuses` are those of codes that mean something else here."""
    if isinstance(error, InvalidRequest):
        codes = {problem.code for problem in error.problems}
        # Several things of different kinds, and none of them wrong in form.
        mixed = UNPROCESSABLE if len(codes) > 1 and error.code not in codes else None
        return _error(error, error.code, error.problems, status=statuses.get(error.code, mixed))
    if isinstance(error, ConfigError):
        problems = [Problem(code="setting_wrong", message=text) for text in error.problems]
        return _error(error, "configuration_error", problems)
    return _error(error, error.code)


def as_json(status: int, content: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """A reply with this content."""
    body = json.dumps(content, ensure_ascii=False)
    headers = {"Cache-Control": "no-store", **(headers or {})}
    return func.HttpResponse(body, status_code=status, mimetype="application/json", headers=headers)


def own_parameters(req: func.HttpRequest) -> dict[str, str]:
    """The call's parameters without those in which the host looks for a function key."""
    return {name: value for name, value in req.params.items() if name.lower() not in _HOSTS}


def link(req: func.HttpRequest, parameters: Mapping[str, str]) -> str:
    """The same call with these parameters, as an absolute URL without the function key.

    Its host is the one that the call came to. In Azure the front end hands on only calls to the app's own hosts, and
    the answer goes to nobody but who made the call: no store may keep it.
    """
    called = urlsplit(str(req.url))
    return urlunsplit((called.scheme, called.netloc, called.path, urlencode(parameters), ""))


def _error(
    error: Exception, code: str, problems: Sequence[Problem] = (), *, status: int | None = None
) -> func.HttpResponse:
    by_class = next(status for kind, status in STATUS_BY_CLASS.items() if isinstance(error, kind))
    details = [{"code": one.code, "message": one.message, "target": one.target} for one in problems]
    content: dict[str, Any] = {"code": code, "message": brief(str(error), LONGEST_MESSAGE), "details": details}
    if len(problems) == 1 and problems[0].target:
        content["target"] = problems[0].target
    while details and len(json.dumps(content, ensure_ascii=False).encode()) > LARGEST_ERROR:
        details.pop()
    headers = {"Retry-After": "30"} if isinstance(error, TryLater) else {}
    if isinstance(error, UnknownCaller):  # https://www.rfc-editor.org/rfc/rfc6750#section-3
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return as_json(status or STATUS_BY_CODE.get(code, by_class), {"error": content}, headers=headers)
