"""The one way in by HTTP: asks who calls, and tells what goes wrong. No other file registers a route."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import azure.functions as func

from mailer import wiring
from mailer.callers.policy import NOBODY, Caller
from mailer.doors.replies import refused
from mailer.errors import ConfigError, MailerError

Right = Literal["send", "read", "preview", "operate"]
AtOnce = Callable[[func.HttpRequest, Caller], func.HttpResponse]
Awaited = Callable[[func.HttpRequest, Caller], Awaitable[func.HttpResponse]]
Handler = AtOnce | Awaited


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """One call by HTTP: the function's name, its route and methods, and the right that its caller needs."""

    function: str
    route: str
    methods: tuple[str, ...]
    may: Right | None
    summary: str


ROUTES: list[Route] = []
"""All calls by HTTP, in the order of their registration."""


def door(
    blueprint: func.Blueprint,
    route: str,
    *,
    methods: Sequence[str],
    may: Right | None,
    anonymous: bool = False,
    **statuses: int,
) -> Callable[[Handler], Handler]:
    """Register this function for a route. Whoever calls it needs the right; None is for what tells nothing of mails.

    `anonymous`: the host asks for no key, for it tells nothing at all. `statuses` are those of error codes
    that mean something else here.
    """

    def register(handler: Handler) -> Handler:
        entry = (
            _awaited(cast("Awaited", handler), may, statuses)
            if inspect.iscoroutinefunction(handler)
            else _run(cast("AtOnce", handler), may, statuses)
        )
        # Its name is the function's; its signature is its own, for the worker looks which parameters it has.
        entry.__name__ = entry.__qualname__ = handler.__name__
        entry.__doc__, entry.__module__ = handler.__doc__, handler.__module__
        summary = (inspect.getdoc(handler) or "").partition("\n")[0]
        ROUTES.append(Route(function=handler.__name__, route=route, methods=tuple(methods), may=may, summary=summary))
        level = func.AuthLevel.ANONYMOUS if anonymous else None  # none is the app's own, which is a function key
        blueprint.route(route, methods=methods, auth_level=level)(entry)
        return handler

    return register


def _run(handler: AtOnce, may: Right | None, statuses: dict[str, int]) -> Callable[..., Any]:
    def entry(req: func.HttpRequest) -> func.HttpResponse:
        try:
            return handler(req, _caller(req, may))
        except (MailerError, ConfigError) as error:
            return refused(error, **statuses)

    return entry


def _awaited(handler: Awaited, may: Right | None, statuses: dict[str, int]) -> Callable[..., Any]:
    async def entry(req: func.HttpRequest) -> func.HttpResponse:
        try:
            # Only a token may take a call of its own, for the keys that it was signed with.
            caller = await asyncio.to_thread(_caller, req, may) if _bearer(req) else _caller(req, may)
            return await handler(req, caller)
        except (MailerError, ConfigError) as error:
            return refused(error, **statuses)

    return entry


def _caller(req: func.HttpRequest, may: Right | None) -> Caller:
    """Who calls, and may. Raises InvalidRequest, UnknownCaller, TryLater, ConfigError."""
    if may is None:
        return NOBODY
    # As the host reads them: https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
    key = req.headers.get("x-functions-key") or req.params.get("code")
    caller = wiring.caller(key=key, token=_bearer(req), principal=req.headers.get("x-ms-client-principal"))
    caller.check(may)
    return wiring.named(caller) if may == "operate" else caller


def _bearer(req: func.HttpRequest) -> str | None:
    scheme, _, token = (req.headers.get("authorization") or "").partition(" ")
    return token.strip() if scheme.casefold() == "bearer" else None
