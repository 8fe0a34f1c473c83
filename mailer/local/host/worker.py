"""Run one function as Microsoft's Python worker runs it: converters, context, outputs. Runs the app's code.

Sync functions share a thread pool of PYTHON_THREADPOOL_THREAD_COUNT threads, async ones one event loop of their own.
https://learn.microsoft.com/azure/azure-functions/functions-reference-python
"""

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import azure.functions as func
from azure.functions.meta import Datum

from mailer.local.host.bindings import RETURN, converter
from mailer.local.host.functions import Function

_thread_local = threading.local()


@dataclass(frozen=True, kw_only=True)
class TraceContext:
    """W3C trace context: https://www.w3.org/TR/trace-context/."""

    trace_parent: str
    trace_state: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RetryContext:
    """The host retries neither HTTP nor queue functions, so this never counts."""

    retry_count: int = 0
    max_retry_count: int = 0
    exception: None = None


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a `context: func.Context` parameter receives."""

    invocation_id: str
    function_name: str
    function_directory: str
    trace_context: TraceContext
    retry_context: RetryContext = field(default_factory=RetryContext)
    thread_local_storage: threading.local = _thread_local


class Output(func.Out[Any]):
    """What a `func.Out` parameter receives."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:  # noqa: ANN401 - the protocol's type
        self._value = val

    def get(self) -> Any:  # noqa: ANN401 - the protocol's type
        return self._value


class Worker:
    """The thread pool and the event loop of one worker process."""

    def __init__(self, thread_count: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(thread_count, thread_name_prefix="worker")
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="worker-loop", daemon=True).start()

    def submit(
        self, function: Function, data: Datum, metadata: Mapping[str, Datum], context: Context
    ) -> Future[dict[str, Datum]]:
        """Start the function; the future holds what goes to each output binding, or the exception."""
        if function.is_async:
            return asyncio.run_coroutine_threadsafe(_run_async(function, data, metadata, context), self._loop)
        return self._pool.submit(_run_sync, function, data, metadata, context)


def thread_count(environ: Mapping[str, str]) -> int | None:
    """PYTHON_THREADPOOL_THREAD_COUNT; None, Python's own default, when it is missing or no number from 1 up."""
    value = environ.get("PYTHON_THREADPOOL_THREAD_COUNT", "")
    return int(value) if value.isdecimal() and int(value) > 0 else None


async def _run_async(
    function: Function, data: Datum, metadata: Mapping[str, Datum], context: Context
) -> dict[str, Datum]:
    arguments = _arguments(function, data, metadata, context)
    _thread_local.invocation_id = context.invocation_id
    try:
        returned = await function.code(**arguments)
    except SystemExit as problem:
        raise _exit_called(function) from problem
    return _collect(function, arguments, returned)


def _run_sync(function: Function, data: Datum, metadata: Mapping[str, Datum], context: Context) -> dict[str, Datum]:
    arguments = _arguments(function, data, metadata, context)
    _thread_local.invocation_id = context.invocation_id
    try:
        returned = function.code(**arguments)
    except SystemExit as problem:
        raise _exit_called(function) from problem
    finally:
        _thread_local.invocation_id = None
    return _collect(function, arguments, returned)


def _arguments(function: Function, data: Datum, metadata: Mapping[str, Datum], context: Context) -> dict[str, Any]:
    trigger = function.trigger
    value = (
        data.value if function.signature.takes_body else converter(trigger.type).decode(data, trigger_metadata=metadata)
    )
    arguments = {trigger.name: value}
    arguments |= {output.name: Output() for output in function.outputs if output.name != RETURN}
    return arguments | ({"context": context} if function.signature.takes_context else {})


def _collect(function: Function, arguments: Mapping[str, Any], returned: object) -> dict[str, Datum]:
    if returned is not None and function.returns is None:
        message = f"function '{function.name}' without a $return binding returned a non-None value"
        raise RuntimeError(message)
    values = {output.name: arguments[output.name].get() for output in function.outputs if output.name != RETURN}
    values = {name: value for name, value in values.items() if value is not None}
    if function.returns is not None:
        values[RETURN] = returned
    types = {output.name: output.type for output in function.outputs}
    return {name: _encode(types[name], value) for name, value in values.items()}


def _encode(binding_type: str, value: object) -> Datum:
    try:
        datum: Datum = converter(binding_type).encode(value, expected_type=None)
    except NotImplementedError:
        message = f"unable to send Python type '{type(value).__name__}' through the output binding '{binding_type}'"
        raise TypeError(message) from None
    return datum


def _exit_called(function: Function) -> RuntimeError:
    return RuntimeError(
        f"{function.name} called sys.exit(): in Azure this ends the worker process and fails all that it is running"
    )
