"""Microsoft's own Python worker library, azure-functions-runtime, running an app's functions without a host.

Python 3.13 and later: `pytest.importorskip("azure_functions_runtime")` before importing this. The library is internal
to Azure Functions and pinned exactly (1.3.0); all that is known of its insides is in this file.
"""

import asyncio
import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.functions import FunctionLoadError
from azure_functions_runtime.handle_event import _functions
from azure_functions_runtime.loader import index_function_app, process_indexed_function
from azure_functions_runtime.native_invocation import invocation_request_native
from azure_functions_runtime.utils.threadpool import get_threadpool_executor, start_threadpool_executor
from werkzeug.datastructures import Headers

__all__ = ["FunctionFailed", "FunctionLoadError", "Worker"]


class FunctionFailed(Exception):
    """The function raised. The text is the worker's traceback."""


class Worker:
    """The functions of `root`/function_app.py as Microsoft's worker indexes and runs them."""

    def __init__(self, root: Path) -> None:
        load_binding_registry()
        if get_threadpool_executor() is None:
            start_threadpool_executor()
        self._root = str(root)
        self._functions, self.module = _index(self._root)

    def names(self):
        """The functions that the worker would report to a host; raises FunctionLoadError for one it refuses."""
        return [function.name for function in self._register()]

    def invoke_http(self, name, *, method, url, headers=None, body=b"", route_params=None):
        """Run an HTTP function; returns status, werkzeug's Headers and body, or raises FunctionFailed."""
        query = {key: ",".join(values) for key, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}
        value = {
            "method": Datum(method, "string"),
            "url": Datum(url, "string"),
            "headers": _texts(headers),
            "query": _texts(query),
            "params": _texts(route_params),
            "body": Datum(body, "bytes"),
        }
        returned, _ = self._invoke(name, Datum(value, "http"), {})
        if returned.type == "string":
            return 200, Headers({"content-type": "text/plain; charset=utf-8"}), returned.value.encode()
        reply = returned.value
        pairs = [(header.lower(), text.value) for header, text in reply["headers"].items()]
        cookies = [morsel.OutputString() for cookie in reply["cookies"] or [] for morsel in cookie.values()]
        pairs += [("set-cookie", cookie) for cookie in cookies]
        return int(reply["status_code"].value), Headers(pairs), reply["body"].value

    def invoke_queue(self, name, body, metadata=None):
        """Run a queue function; `metadata` maps Id, DequeueCount, … to texts. Returns what each output binding got."""
        told = {
            key: value if isinstance(value, Datum) else Datum(value, "string")
            for key, value in (metadata or {}).items()
        }
        returned, outputs = self._invoke(name, Datum(body, "bytes" if isinstance(body, bytes) else "string"), told)
        sent = {output: datum.value for output, datum in outputs}
        return sent | ({"$return": returned.value} if returned is not None else {})

    def invoke_timer(self, name):
        """Run a function whose time has come."""
        told = {"IsPastDue": False, "Schedule": {"AdjustForDST": True}, "ScheduleStatus": {}}
        self._invoke(name, Datum(json.dumps(told), "json"), {})

    def _invoke(self, name, data, metadata):
        # The library has one registry for all apps, and another Worker may have put a function of this name there.
        identifier = next(function.function_id for function in self._register() if function.name == name)
        indexed = next(function for function in self._functions if function.get_function_name() == name)
        inputs = [(indexed.get_trigger().name, data)]
        ok, returned, outputs, _, trace = asyncio.run(
            invocation_request_native(str(uuid4()), identifier, inputs, metadata)
        )
        if not ok:
            raise FunctionFailed(trace)
        return returned, outputs

    def _register(self):
        registered, _ = process_indexed_function(PROTOS, _functions, self._functions, self._root)
        return registered


def _index(root):
    """Import function_app of this root, whichever other one was imported before, and leave no trace of it.

    Returns its functions and the module.
    """
    before = sys.modules.pop("function_app", None)
    sys.path.insert(0, root)
    importlib.invalidate_caches()
    try:
        functions = index_function_app("function_app.py")
        return functions, sys.modules["function_app"]
    finally:
        sys.path.remove(root)
        sys.modules.pop("function_app", None)
        if before is not None:
            sys.modules["function_app"] = before


def _texts(pairs):
    return {key: Datum(value, "string") for key, value in (pairs or {}).items()}


class _BindingInfo(SimpleNamespace):
    undefined, out, inout = 0, 1, 2


# What the library expects of the protobuf messages that the real worker speaks.
PROTOS = SimpleNamespace(BindingInfo=_BindingInfo, RpcFunctionMetadata=SimpleNamespace, RpcRetryOptions=SimpleNamespace)
