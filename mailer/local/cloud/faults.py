"""Faults that tests switch on: which one hits a request, and what it does to it."""

import asyncio
import itertools
import random
import socket
import struct
from dataclasses import dataclass, field
from typing import Literal

from starlette.requests import Request

from mailer.local.cloud.model import Call, Fault


@dataclass(kw_only=True)
class Armed:
    """A fault that is switched on."""

    fault: Fault
    left: int | None
    dice: random.Random
    hits: int = 0
    removed: asyncio.Event = field(default_factory=asyncio.Event)


class Faults:
    """The faults switched on now, oldest first."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self.armed: dict[int, Armed] = {}

    def add(self, fault: Fault) -> int:
        number = next(self._ids)
        # Tests want the same dice every time.
        self.armed[number] = Armed(fault=fault, left=fault.times, dice=random.Random(fault.seed))  # noqa: S311 - no secret
        return number

    def remove(self, number: int) -> None:
        """Switch a fault off and let go of what hangs on it; an unknown number is a KeyError."""
        self.armed.pop(number).removed.set()

    def clear(self) -> None:
        for number in list(self.armed):
            self.remove(number)

    def take(self, call: Call, when: Literal["before", "after"], mailbox: str | None) -> Armed | None:
        """The first fault that hits this request, used up by one."""
        for armed in self.armed.values():
            fault = armed.fault
            if (fault.call, fault.when) != (call, when) or armed.left == 0:
                continue
            if fault.mailbox is not None and fault.mailbox != mailbox:
                continue
            if armed.dice.random() >= fault.probability:
                continue
            armed.hits += 1
            if armed.left is not None:
                armed.left -= 1
            return armed
        return None


def reset_connection(request: Request) -> None:
    """Cut the caller's connection with a TCP reset."""
    transport: asyncio.Transport = request.state.transport
    if transport.is_closing():
        return
    # Lingering for no time at all makes the kernel send RST in place of FIN.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def hang(request: Request, until: asyncio.Event) -> None:
    """Answer nothing until the caller goes away or the event comes."""
    waits = [asyncio.ensure_future(gone(request)), asyncio.ensure_future(until.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def gone(request: Request) -> None:
    """Return once the connection is closed."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
