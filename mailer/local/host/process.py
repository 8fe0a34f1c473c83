"""What the host asks of the operating system: a port, signals. Binds one port; handles SIGINT and SIGTERM."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator

import uvicorn

from mailer.local.host.errors import StartupError


def bind(address: str, port: int) -> socket.socket:
    """The port, held but not yet listening; raises StartupError when it is taken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    held = socket.socket(family)
    if os.name != "nt":
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((address, port))
    except OSError as problem:
        held.close()
        message = (
            f"Port {port} of {address} is unavailable ({problem.strerror}). "
            "Close the process using that port, or specify another port using --port."
        )
        raise StartupError(message) from None
    return held


class Server(uvicorn.Server):
    """uvicorn, but signals are the host's: it stops the queues first, and ends with code 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def stop_on_signal() -> asyncio.Event:
    """The first signal stops gently, the second at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def handle(number: int, _: object) -> None:
        if stop.is_set():
            os._exit(128 + number)  # as a shell reports death by this signal
        loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    return stop
