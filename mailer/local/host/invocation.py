"""One invocation from the host's side: its log lines, the function in the worker, then its outputs."""

import asyncio
import secrets
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from azure.functions.meta import Datum

from mailer.local.host import console
from mailer.local.host.bindings import Binding
from mailer.local.host.functions import Function
from mailer.local.host.worker import Context, TraceContext, Worker

HOST_API = "This function was programmatically called via the host APIs."


class InvocationFailed(Exception):
    """The function raised, or its output could not be sent. Both are in the log."""


class OutputFailed(Exception):
    """A queue output could not be sent. The text says which and why."""


class Invoker:
    """Runs functions and knows which are running."""

    def __init__(self, worker: Worker, send: Callable[[Binding, Datum], Awaitable[None]]) -> None:
        self._worker = worker
        self._send = send
        self.running: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    async def drain(self) -> None:
        """Wait until nothing runs."""
        await self._idle.wait()

    async def invoke(
        self,
        function: Function,
        data: Datum,
        metadata: Mapping[str, Datum],
        *,
        reason: str = HOST_API,
        details: str = "",
        trace_parent: str | None = None,
    ) -> Datum | None:
        """Run the function, send its queue outputs, return its HTTP output. Raises InvocationFailed."""
        invocation_id = str(uuid.uuid4())
        console.line(f"Executing 'Functions.{function.name}' (Reason='{reason}', Id={invocation_id})")
        if details:
            console.line(f"Trigger Details: {details}")
        context = Context(
            invocation_id=invocation_id,
            function_name=function.name,
            function_directory=function.directory,
            trace_context=TraceContext(trace_parent=_continue(trace_parent)),
        )
        began = time.monotonic()
        self.running.add(invocation_id)
        self._idle.clear()
        try:
            outputs = await asyncio.wrap_future(self._worker.submit(function, data, metadata, context))
            for binding in function.outputs:
                if binding.type == "queue" and binding.name in outputs:
                    await self._send(binding, outputs[binding.name])
        except Exception as problem:
            self._finish(function, invocation_id, began, "Failed")
            console.line(_failure(function, problem))
            raise InvocationFailed(function.name) from problem
        else:
            self._finish(function, invocation_id, began, "Succeeded")
        finally:
            self.running.discard(invocation_id)
            if not self.running:
                self._idle.set()
        return next((outputs[b.name] for b in function.outputs if b.type == "http" and b.name in outputs), None)

    def _finish(self, function: Function, invocation_id: str, began: float, outcome: str) -> None:
        took = round((time.monotonic() - began) * 1000)
        console.line(f"Executed 'Functions.{function.name}' ({outcome}, Id={invocation_id}, Duration={took}ms)")


def _failure(function: Function, problem: Exception) -> str:
    """The exception, and its traceback from the app's first frame on."""
    frames = problem.__traceback__
    while frames and not _in_app(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    stack = "".join(traceback.format_tb(frames)).rstrip()
    return (
        f"Exception while executing function: Functions.{function.name}. Result: Failure\n"
        f"Exception: {type(problem).__name__}: {problem}" + (f"\nStack: {stack}" if stack else "")
    )


def _in_app(filename: str) -> bool:
    return Path(filename).parent != Path(__file__).parent and Path(filename).parent.name not in {"futures", "asyncio"}


def _continue(trace_parent: str | None) -> str:
    """A span of our own, within the caller's trace if there is one."""
    trace_id = trace_parent.split("-")[1] if trace_parent and trace_parent.count("-") == 3 else secrets.token_hex(16)  # noqa: PLR2004 - version, trace, span, flags
    return f"00-{trace_id}-{secrets.token_hex(8)}-00"
