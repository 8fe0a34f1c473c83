"""HTTP triggers: match the route, check the key, run the function, write its reply. An ASGI application.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import unquote

from azure.functions.meta import Datum
from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from mailer.local.host.functions import Function
from mailer.local.host.invocation import InvocationFailed, Invoker
from mailer.local.host.keys import Keys
from mailer.local.host.route_templates import RouteTemplate

BODY_LIMIT = 104_857_600
HOMEPAGE = (
    "<!DOCTYPE html><title>Running</title><h1>Your function app is up and running</h1><p>in mailer's embedded host</p>"
)


@dataclass(frozen=True, kw_only=True)
class Route:
    """One HTTP function and where it answers."""

    function: Function
    template: RouteTemplate
    methods: tuple[str, ...]  # none given: any
    auth_level: str

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The route values when method and path fit."""
        return None if self.methods and method not in self.methods else self.template.match(path)


class FunctionRoutes:
    """The HTTP functions of the app as one ASGI application; `keys` are checked only when given."""

    def __init__(
        self, routes: Sequence[Route], invoker: Invoker, *, keys: Keys | None, environ: Mapping[str, str]
    ) -> None:
        self._routes = sorted(routes, key=lambda route: (route.template.precedence, route.template.text))
        self._invoker = invoker
        self._keys = keys
        self._body_limit = int(environ.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT") or BODY_LIMIT)
        self._homepage = environ.get("AzureWebJobsDisableHomepage", "").casefold() not in {"1", "true"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        try:
            response = await self._respond(Request(scope, receive))
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        path = _path(request.scope)
        matches = ((route, route.match(request.method, path)) for route in self._routes)
        found = next(((route, values) for route, values in matches if values is not None), None)
        if found is None:
            return self._without_function(request.method, path)
        route, values = found
        if status := self._refused(route, sent_key(request)):
            return Response(status_code=status)
        body = await _read(request, self._body_limit)
        if body is None:
            return Response(status_code=413)
        data = request_datum(
            method=request.method,
            url=_url(request),
            headers=_joined(request.headers),
            query=_joined(request.query_params),
            route_params=values,
            body=body,
        )
        try:
            reply = await self._invoker.invoke(
                route.function, data, {}, trace_parent=request.headers.get("traceparent")
            )
        except InvocationFailed:
            return Response(status_code=500)
        return _response(reply)

    def _without_function(self, method: str, path: str) -> Response:
        if path != "/" or method not in {"GET", "HEAD"}:
            return Response(status_code=404)
        return HTMLResponse(HOMEPAGE) if self._homepage else Response(status_code=204)

    def _refused(self, route: Route, key: str | None) -> int | None:
        """The status for a key that does not open this function."""
        if self._keys is None:
            return None
        if route.function.disabled and not self._keys.opens_admin(key):
            return 404
        return None if self._keys.allows(route.auth_level, route.function.name, key) else 401


def http_routes(functions: Sequence[Function], prefix: str) -> list[Route]:
    """The routes of all HTTP functions, the prefix included."""
    return [
        Route(
            function=function,
            template=RouteTemplate(f"{prefix}/{function.trigger.get('route', function.name).strip('/')}"),
            methods=tuple(method.upper() for method in function.trigger.get("methods", ())),
            auth_level=function.trigger.get("authLevel", "FUNCTION"),
        )
        for function in functions
        if function.trigger.type == "httpTrigger"
    ]


def request_datum(
    *,
    method: str,
    url: str,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    route_params: Mapping[str, str],
    body: bytes,
) -> Datum:
    """A request as the host hands it to the worker."""
    texts = {"headers": headers, "query": query, "params": route_params}
    value: dict[str, object] = {
        part: {name: Datum(text, "string") for name, text in pairs.items()} for part, pairs in texts.items()
    }
    value |= {"method": Datum(method, "string"), "url": Datum(url, "string"), "body": Datum(body, "bytes")}
    return Datum(value, "http")


def sent_key(request: Request) -> str | None:
    """The key that the caller sent; the header wins."""
    return request.headers.get("x-functions-key", request.query_params.get("code"))


def _path(scope: Scope) -> str:
    """The path as Kestrel has it: decoded, but for %2F."""
    raw: bytes = scope["raw_path"]
    return "/".join(unquote(segment).replace("/", "%2F") for segment in raw.decode("latin-1").split("/"))


def _url(request: Request) -> str:
    """The URL as it was sent; Starlette's own has its path decoded."""
    raw: bytes = request.scope["raw_path"]
    return str(request.url.replace(path=raw.decode("latin-1")))


def _joined(pairs: Headers | QueryParams) -> dict[str, str]:
    """Repeated names have their values joined by commas."""
    return {name: ",".join(pairs.getlist(name)) for name in pairs.keys()}  # noqa: SIM118 - both are multi-dicts


async def _read(request: Request, limit: int) -> bytes | None:
    """The body, or None when it is over the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def _response(reply: Datum | None) -> Response:
    if reply is None:  # an Out parameter that was never set
        return Response(status_code=200)
    if reply.type == "string":
        return Response(reply.value, headers={"content-type": f"{_kind(reply.value)}; charset=utf-8"})
    parts = reply.value
    response = Response(parts["body"].value, status_code=int(parts["status_code"].value))
    for name, text in parts["headers"].items():
        if name.casefold() != "content-length":
            response.headers[name] = text.value
    cookies: list[SimpleCookie] = parts["cookies"] or []
    for cookie in cookies:
        for morsel in cookie.values():
            response.headers.append("set-cookie", morsel.OutputString())
    return response


def _kind(text: str) -> str:
    """The host parses a returned string, and answers what is JSON as JSON."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return "text/plain"
    return "application/json"
