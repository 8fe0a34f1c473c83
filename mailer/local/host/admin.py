"""The host's own HTTP API under /admin. An ASGI application.

https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http
"""

import json
import platform
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mailer.local.host.functions import Function
from mailer.local.host.host_json import HostOptions
from mailer.local.host.keys import Keys
from mailer.local.host.web import sent_key

VERSION = "4.0 (mailer's embedded host)"

Start = Callable[[Function, str], Awaitable[None]]


class Admin:
    """Status, function list, and running a function by hand; `keys` are checked only when given."""

    def __init__(
        self,
        functions: Mapping[str, Function],
        options: HostOptions,
        start: Start,
        errors: Callable[[], dict[str, str]],
        *,
        keys: Keys | None,
    ) -> None:
        self._functions = {name.casefold(): function for name, function in functions.items()}
        self._options = options
        self._start = start
        self._errors = errors
        self._keys = keys
        self._began = time.monotonic()

    def routes(self) -> list[Route]:
        """Where each call answers."""
        return [
            Route("/admin/host/ping", self._ping, methods=["GET", "POST"]),
            Route("/admin/host/status", self._opened(self._status)),
            Route("/admin/functions", self._opened(self._list)),
            Route("/admin/functions/{name}", self._opened(self._get)),
            Route("/admin/functions/{name}", self._opened(self._post), methods=["POST"]),
            Route("/admin/functions/{name}/status", self._opened(self._function_status)),
        ]

    def _opened(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """The call, behind the master key."""

        async def check(request: Request) -> Response:
            if self._keys and not self._keys.opens_admin(sent_key(request)):
                return Response(status_code=401)
            return await answer(request)

        return check

    async def _ping(self, _: Request) -> Response:
        return Response()

    async def _status(self, _: Request) -> Response:
        return JSONResponse(
            {
                "id": platform.node(),
                "state": "Running",
                "version": VERSION,
                "versionDetails": VERSION,
                "processUptime": round((time.monotonic() - self._began) * 1000),
                "extensionBundle": self._options.extension_bundle,
                "errors": list(self._errors().values()),
            }
        )

    async def _list(self, request: Request) -> Response:
        return JSONResponse([self._describe(function, request) for function in self._functions.values()])

    async def _get(self, request: Request) -> Response:
        function = self._find(request)
        return JSONResponse(self._describe(function, request)) if function else Response(status_code=404)

    async def _function_status(self, request: Request) -> Response:
        function = self._find(request)
        if function is None:
            return Response(status_code=404)
        problem = self._errors().get(function.name)
        return JSONResponse({"errors": [problem]} if problem else {})

    async def _post(self, request: Request) -> Response:
        function = self._find(request)
        if function is None:
            return Response(status_code=404)
        try:
            document = json.loads(await request.body())
        except ValueError:
            document = None
        if not isinstance(document, dict):
            return Response(status_code=400)
        text = document.get("input") or ""
        return Response(status_code=202, background=BackgroundTask(self._start, function, str(text)))

    def _find(self, request: Request) -> Function | None:
        return self._functions.get(request.path_params["name"].casefold())

    def _describe(self, function: Function, request: Request) -> dict[str, Any]:
        bindings = [dict(binding.properties) for binding in (function.trigger, *function.outputs)]
        return {
            "name": function.name,
            "href": f"{request.base_url}admin/functions/{function.name}",
            "language": "python",
            "isDisabled": function.disabled,
            "config": {
                "name": function.name,
                "scriptFile": "function_app.py",
                "language": "python",
                "bindings": bindings,
            },
        }
