"""The Jinja2 environment of templates: sandboxed, strict, with the filters of mail. No I/O.

https://jinja.palletsprojects.com/en/stable/sandbox/
"""

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from types import BuiltinMethodType
from typing import Any

import jinja2
import jinja2.runtime
import jinja2.sandbox
import jinja2.utils
from markupsafe import escape

from mailer.templating.compiling import CodeGenerator
from mailer.templating.filters import FILTERS, TESTS
from mailer.templating.growth import check_call, check_format, check_number, check_repetition
from mailer.templating.images import bar_chart
from mailer.templating.loader import Loader
from mailer.templating.null import Null, plain
from mailer.templating.page import current_page, take, weight, wrote
from mailer.templating.variables import Missing, note_fault, note_path, noting_places

STEPS_OF_CALL = 10  # of a macro, a block or a function
STEPS_OF_FILE = 100  # that is included, imported or extended
_NUMBER = "must be a number"
_NUMBERS = (int, float)  # and not the copies of a caller's, of which faults are noted
_MISSING = jinja2.utils.missing
_MARKS = re.compile("[&<>\"']").search


class _Context(jinja2.runtime.Context):
    def resolve_or_missing(self, key: str) -> Any:  # noqa: ANN401 - jinja2's own signature
        # As jinja2's, without a call more.
        value = self.vars[key] if key in self.vars else self.parent.get(key, _MISSING)
        if value is True or value is False:
            note_path(value, _MISSING, key)
        return value


class Environment(jinja2.sandbox.SandboxedEnvironment):
    """What all templates have in common; `for_files` gives the one of a template."""

    context_class = _Context
    code_generator_class = CodeGenerator
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset({"+", "-"})

    def __init__(self) -> None:
        super().__init__(
            undefined=Missing,
            finalize=_written,
            auto_reload=False,
        )
        self.policies["json.dumps_function"] = lambda value, **options: json.dumps(plain(value), **options)
        self.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": str}
        self.filters = FILTERS | {"_steps": _steps, "_value": _value, "_weighed": _weighed, "_tick": _tick}
        self.tests |= TESTS
        self.globals |= {"bar_chart": bar_chart, "_null": Null()}
        del self.globals["lipsum"]

    def for_files(
        self, name: str, files: Mapping[str, bytes], shared: Mapping[str, bytes], *, html: bool
    ) -> "Environment":
        """The environment of one template; what is to become HTML is escaped, in whatever file it stands."""
        environment = self.overlay(autoescape=html, cache_size=-1)
        environment.loader = Loader(name, files, shared)
        return environment

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - jinja2's own signature
        """Prefer a variable to a method of the same name, so that `order.items` is what the caller sent."""
        if type(obj) is dict and attribute in obj:
            value = obj[attribute]
            if type(value) is str:  # as most are
                return value
        else:
            value = super().getattr(obj, attribute)
        if value is None:
            return Null()
        if value is True or value is False:
            note_path(value, obj, attribute)
        return value

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401 - jinja2's own signature
        value = super().getitem(obj, argument)
        note_path(value, obj, argument)
        return Null() if value is None else value

    def get_template(self, *arguments: Any, **options: Any) -> jinja2.Template:  # noqa: ANN401 - jinja2's own signature
        take(STEPS_OF_FILE)
        return super().get_template(*arguments, **options)

    def call(self, context: jinja2.runtime.Context, called: Any, /, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - jinja2's own signature
        """Call a macro, a function or a method, and let none of them run away."""
        take(STEPS_OF_CALL)
        arguments = check_call(called, arguments, options)
        try:
            value = super().call(context, called, *arguments, **options)
        except (TypeError, ValueError, LookupError, OverflowError) as error:
            name = getattr(called, "__name__", "").removeprefix("safe_")  # which macros have not: their lines tell more
            if not name:
                raise
            given = () if isinstance(error, LookupError) else (*arguments, *options.values())  # a format's place
            if sum(note_fault(one, f"must be what `{name}` takes") for one in given if isinstance(one, str | int)):
                return Null()
            message = f"`{name}` cannot take what it is given ({type(error).__name__})"
            raise jinja2.TemplateRuntimeError(message) from error
        if isinstance(value, str) or (isinstance(value, Sized) and not isinstance(value, Missing | range)):
            wrote(len(value))
        return Null() if value is None else value

    @staticmethod
    def escaped(value: Any) -> str:  # noqa: ANN401 - whatever a template writes
        """What `{{ }}` writes into HTML; a number, and text without any mark, are their own."""
        if type(value) is int:
            value = str(value)
        if type(value) is not str:
            return escape(_written(value))
        wrote(len(value))
        return escape(value) if _MARKS(value) else value

    def concat(self, pieces: Iterable[str]) -> str:
        """What a file, a macro or a block has written."""
        written = list(pieces)
        wrote(sum(map(len, written)))
        return "".join(written)

    def concatenate(self, join: Callable[[Iterable[Any]], str], parts: Iterable[Any]) -> str:
        """What `~` makes of its operands."""
        for part in parts:
            take(0, len(part) if isinstance(part, str) else weight(part))
        return join(parts)

    def call_unop(self, context: jinja2.runtime.Context, operator: str, arg: Any) -> Any:  # noqa: ANN401 - jinja2's own signature
        if isinstance(arg, Null):
            return arg
        return 0 if isinstance(arg, str) and note_fault(arg, _NUMBER) else super().call_unop(context, operator, arg)

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - jinja2's own signature
        """Tell a text of the caller's where a number must be, do nothing that runs away, and leave a null blank."""
        if type(left) in _NUMBERS and type(right) in _NUMBERS and operator in {"+", "-", "/"}:  # as most are
            take(1)
            value = self.binop_table[operator](left, right)
            check_number(value)
            return value
        operands = (left, right)
        is_format = operator == "%" and isinstance(left, str) and not isinstance(left, Null)
        wrong: list[Any] = [operand for operand in operands if isinstance(operand, Missing)]
        if operator != "+" and not is_format:  # which texts have, too
            wrong += [operand for operand in operands if isinstance(operand, str) and not isinstance(operand, Null)]
        if sum(note_fault(operand, _NUMBER) for operand in wrong):
            return 0
        if is_format:
            check_format(left, right)
        elif any(isinstance(operand, Null) for operand in operands):
            texts = operator == "+" and all(isinstance(operand, str) for operand in operands)
            return left + right if texts else Null()
        else:
            check_repetition(operator, left, right)
        take(1)
        try:
            value = super().call_binop(context, operator, left, right)
        except (TypeError, OverflowError):
            others = [operand for operand in operands if not isinstance(operand, int | float)]
            if sum(note_fault(operand, _NUMBER) for operand in others):
                return 0
            raise
        if isinstance(value, Sized):
            take(0, len(value))
        check_number(value)
        return value


@functools.cache
def environment() -> Environment:
    """The one of this worker: making it takes as long as rendering ten mails."""
    return Environment()


def _written(value: Any) -> Any:  # noqa: ANN401 - whatever a template writes
    """What `{{ }}` makes into text."""
    if value is None:
        return ""
    if isinstance(value, str):
        wrote(len(value))
    elif isinstance(value, list | dict | tuple):
        take(0, weight(value))
    return value


def _steps(value: Any) -> Any:  # noqa: ANN401 - whatever a template loops over
    """What a loop goes over: a list of the caller's where it must be one, and no more than is sane."""
    if (value is None or isinstance(value, str | int | float)) and note_fault(value, "must be a list"):
        return ()
    if isinstance(value, Sized) and not isinstance(value, Missing):
        current_page().take(len(value))
    if isinstance(value, Iterator):
        return _counted(value)
    if isinstance(value, list) and any(isinstance(part, bool) for part in value):
        return noting_places(value)
    return value


def _value(value: Any) -> Any:  # noqa: ANN401 - whatever a template looks up
    owner = getattr(value, "__self__", None) if isinstance(value, BuiltinMethodType) else None
    return Missing(obj=owner, name=value.__name__) if isinstance(owner, str | dict | list | int | float) else value


def _weighed(value: Any) -> Any:  # noqa: ANN401 - a list, tuple or object that a template puts together
    if any(isinstance(part, list | dict | tuple) for part in (value.values() if isinstance(value, dict) else value)):
        take(0, weight(value))
    return value


def _tick(_: object) -> None:
    current_page().take(0)


def _counted(values: Iterable[Any]) -> Iterator[Any]:
    page = current_page()
    for value in values:
        page.take()
        yield value
