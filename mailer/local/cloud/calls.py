"""The way of every request: counted, held to the mailbox's limit, hit by faults, carried out, answered."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Literal

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from mailer.local.cloud.faults import Armed, gone, hang, reset_connection
from mailer.local.cloud.model import Call
from mailer.local.cloud.state import Cloud

CarryOut = Callable[[Cloud, Request], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


class Refusal(Exception):
    """A request that the service refuses; every service has its own way to say so."""

    def __init__(
        self, status: int, code: str, message: str, *, detail: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = headers or {}


class Cut(Response):
    """No answer at all: the connection is already gone."""

    async def __call__(self, scope: object, receive: object, send: object) -> None: ...


Refuse = Callable[[Request, Refusal], Response]


def endpoint(cloud: Cloud, call: Call, carry_out: CarryOut, refuse: Refuse, *, limited: bool = True) -> Endpoint:
    """`carry_out` with all that a service has around it; `refuse` puts its errors into the service's words.

    Not `limited`: the call does not count among the mailbox's requests.
    """

    async def answer(request: Request) -> Response:
        cloud.traffic.calls[call] += 1
        user = request.path_params.get("user")
        box = cloud.mailbox(user) if user else None
        mailbox = box.address if box else user
        flight = cloud.traffic.flight(mailbox) if mailbox and limited else nullcontext(False)
        with flight as too_many:
            try:
                # Read first: a client that is answered or cut while it still writes would report another error.
                await request.body()
            except ClientDisconnect:
                return Cut()
            if too_many:
                return refuse(request, THROTTLED)
            return await hit(request, "before", mailbox) or await carried_out(request, mailbox)

    async def carried_out(request: Request, mailbox: str | None) -> Response:
        try:
            response = await carry_out(cloud, request)
        except Refusal as refusal:
            return refuse(request, refusal)
        return await hit(request, "after", mailbox) or response

    async def hit(request: Request, when: Literal["before", "after"], mailbox: str | None) -> Response | None:
        armed = cloud.faults.take(call, when, mailbox)
        return await suffer(request, armed, refuse) if armed else None

    return answer


async def suffer(request: Request, armed: Armed, refuse: Refuse) -> Response | None:
    """What a fault does to a request; None when the request goes on."""
    fault = armed.fault
    await asyncio.sleep(fault.delay)
    if fault.outcome == "none":
        return None
    if fault.outcome == "answer":
        if fault.code:
            return refuse(request, Refusal(fault.status, fault.code, fault.message, headers=fault.headers))
        return Response(fault.body, fault.status, fault.headers)
    if fault.outcome == "hang":
        await hang(request, armed.removed)
    reset_connection(request)
    await gone(request)
    return Cut()


THROTTLED = Refusal(
    429,
    "ApplicationThrottled",
    "Application is over its MailboxConcurrency limit.",
    headers={"Retry-After": "1"},
)
