"""Whether a function's parameters and annotations fit its bindings, by the rules of Microsoft's worker. Pure.

https://github.com/Azure/azure-functions-python-worker (runtimes/v2/azure_functions_runtime/functions.py)
"""

import inspect
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from azure.functions import Out

from mailer.local.host.bindings import RETURN, Binding, converter
from mailer.local.host.errors import StartupError


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a function asks for beside its bindings."""

    takes_context: bool
    takes_body: bool  # the trigger's parameter is annotated str or bytes, and gets the message's body alone


def check(name: str, code: Callable[..., Any], trigger: Binding, outputs: Sequence[Binding]) -> Signature:
    """The function's signature; raises StartupError where Microsoft's worker refuses to load the function."""
    declared = set(inspect.signature(code).parameters)
    bound = {binding.name for binding in (trigger, *outputs)} - {RETURN}
    takes_context = "context" in declared - bound
    declared -= {"context"} if takes_context else set()
    if declared - bound:
        names = sorted(declared - bound)
        raise _refused(name, f"these parameters are declared in Python but not in the function decorators: {names}")
    if bound - declared:
        names = sorted(bound - declared)
        raise _refused(name, f"these parameters are declared as bindings but are not present in Python: {names}")
    try:
        annotations = typing.get_type_hints(code)
    except NameError as problem:
        raise _refused(name, f"an annotation cannot be resolved at run time: {problem}") from None
    if takes_context and getattr(annotations.get("context"), "__name__", "Context") != "Context":
        raise _refused(name, 'the "context" parameter is expected to be of type azure.functions.Context')
    annotation = annotations.get(trigger.name)
    takes_body = annotation in (str, bytes) and trigger.type == "queueTrigger"
    if annotation is not None and not takes_body and not _is_input(trigger, annotation):
        raise _refused(name, f'"{trigger.name}" is annotated {annotation!r}, which a {trigger.type} does not give')
    for output in outputs:
        _check_output(name, output, annotations)
    return Signature(takes_context=takes_context, takes_body=takes_body)


def _is_input(trigger: Binding, annotation: object) -> bool:
    return isinstance(annotation, type) and bool(converter(trigger.type).check_input_type_annotation(annotation))


def _check_output(name: str, output: Binding, annotations: dict[str, Any]) -> None:
    place = "return" if output.name == RETURN else output.name
    if place not in annotations:
        return
    value = annotations[place]
    if place != "return":
        if typing.get_origin(value) is not Out:
            raise _refused(
                name, f'"{place}" is an output, but it is annotated {value!r} and not azure.functions.Out[…]'
            )
        (value,) = typing.get_args(value)
        if value in (str, bytes):
            return
    # A typing.List[str] is a type to the worker, a list[str] or an Optional[…] is not.
    generic = isinstance(typing.get_origin(value), type) and not isinstance(value, types.GenericAlias)
    if not (isinstance(value, type) or (generic and place != "return")):
        raise _refused(name, f'"{place}" has the invalid non-type annotation {value!r}')
    if not converter(output.type).check_output_type_annotation(value):
        raise _refused(name, f'"{place}" is annotated {value!r}, which the output binding {output.type} does not take')


def _refused(name: str, problem: str) -> StartupError:
    return StartupError(f"cannot load the {name} function: {problem}. The worker in Azure refuses it too: correct it.")
