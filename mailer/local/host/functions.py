"""Load function_app.py and describe its functions, as Microsoft's worker does. Imports the app.

https://github.com/Azure/azure-functions-python-worker (runtimes/v2/azure_functions_runtime/loader.py)
"""

import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from azure.functions import FunctionRegister

from mailer.local.host import signatures
from mailer.local.host.bindings import OUTPUTS, RETURN, TRIGGERS, Binding
from mailer.local.host.errors import StartupError


@dataclass(frozen=True, kw_only=True)
class Function:
    """One indexed function."""

    name: str
    code: Callable[..., Any]
    directory: str
    trigger: Binding
    outputs: tuple[Binding, ...]
    signature: signatures.Signature
    disabled: bool

    @property
    def is_async(self) -> bool:
        """Whether it runs on the event loop instead of in the thread pool."""
        return inspect.iscoroutinefunction(self.code)

    @property
    def returns(self) -> Binding | None:
        """The binding that the returned value goes to."""
        return next((binding for binding in self.outputs if binding.name == RETURN), None)


def load(root: Path, environ: Mapping[str, str], only: Collection[str] = ()) -> list[Function]:
    """The functions of function_app.py in `root`, or `only` those named.

    Raises StartupError for whatever makes the real host find none.
    """
    if not (root / "function_app.py").is_file():
        message = f"There is no function_app.py in {root}. Start the host in the app's folder, or name it with --root."
        raise StartupError(message)
    sys.path.insert(0, str(root))
    module = _import()
    apps = [value for value in vars(module).values() if isinstance(value, FunctionRegister)]
    if not apps:
        raise StartupError(
            "Could not find top level function app instances in function_app.py. Define one: app = func.FunctionApp()."
        )
    if len(apps) > 1:
        message = (
            f"More than one {type(apps[0]).__name__} or other top level function app instances are defined. Keep one."
        )
        raise StartupError(message)
    try:
        indexed = apps[0].get_functions()
    except ValueError as problem:
        raise StartupError(str(problem)) from None
    names = {str(function.get_function_name()) for function in indexed}
    if unknown := set(only) - names:
        message = (
            f"There is no function {', '.join(sorted(unknown))} in function_app.py. It has: {', '.join(sorted(names))}."
        )
        raise StartupError(message)
    return [_describe(function, environ) for function in indexed if not only or function.get_function_name() in only]


def resolve(text: str, environ: Mapping[str, str]) -> str:
    """The text with each %NAME% replaced by that app setting; raises StartupError when there is none."""

    def setting(match: re.Match[str]) -> str:
        value = environ.get(match[1])
        if value is None:
            message = f"'%{match[1]}%' in a binding does not resolve to a value. Set {match[1]} in local.settings.json."
            raise StartupError(message)
        return value

    return re.sub("%([^%]+)%", setting, text)


def _import() -> ModuleType:
    try:
        return importlib.import_module("function_app")
    except ImportError as problem:
        message = (
            f"Importing function_app.py failed: {problem}. Cannot find module. "
            "Please check the requirements.txt file for the missing module."
        )
        raise StartupError(message) from problem
    except (Exception, SystemExit) as problem:
        message = f"Importing function_app.py failed: {type(problem).__name__}: {problem}"
        raise StartupError(message) from problem


def _describe(indexed: Any, environ: Mapping[str, str]) -> Function:  # noqa: ANN401 - azure.functions exports no name for it
    name, code = indexed.get_function_name(), indexed.get_user_function()
    bindings = [json.loads(raw) for raw in indexed.get_raw_bindings()]
    described = [Binding(name=raw["name"], type=raw["type"], properties=raw) for raw in bindings]
    trigger = next((binding for binding in described if binding.type in TRIGGERS), None)
    unknown = [binding.type for binding in described if binding is not trigger and binding.type not in OUTPUTS]
    if trigger is None or unknown:
        kinds = ", ".join(unknown)
        message = (
            f"Function '{name}' uses the binding type {kinds}, which this embedded host does not have: it has "
            f"{', '.join(TRIGGERS)} and the outputs http and queue. Leave it out with --functions, or use Core Tools."
        )
        raise StartupError(message)
    outputs = tuple(binding for binding in described if binding is not trigger)
    return Function(
        name=name,
        code=code,
        directory=str(Path(inspect.getfile(code)).parent),
        trigger=trigger,
        outputs=outputs,
        signature=signatures.check(name, code, trigger, outputs),
        disabled=environ.get(f"AzureWebJobs.{name}.Disabled", "").casefold() in {"1", "true"},
    )
