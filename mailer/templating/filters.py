"""The filters and tests of templates: jinja2's and those of mail, with nulls blank and nothing without bounds. No I/O.

https://jinja.palletsprojects.com/en/stable/templates/#builtin-filters
"""

import functools
import inspect
from collections.abc import Callable, Sized
from typing import Any

import jinja2
from jinja2 import filters, nodes, tests

from mailer.templating.null import Null, sorting
from mailer.templating.own_filters import OWN
from mailer.templating.page import current_page, take, weight, wrote
from mailer.templating.variables import Missing, note_fault

OF_MAIL = ("number", "percent", "money", "date", "time", "datetime")

# All others give a null on as it is. These mean something else by it.
_KNOW_NULL = {"default", "d", "tojson", "length", "count", "wordcount", "int", "float"}
# They write whatever they are given.
_WRITE = {
    "capitalize",
    "center",
    "e",
    "escape",
    "forceescape",
    "format",
    "indent",
    "lower",
    "replace",
    "safe",
    "string",
}
_WRITE |= {"striptags", "title", "tojson", "trim", "truncate", "upper", "urlencode", "urlize", "wordcount", "wordwrap"}
_SORT = {"sort", "groupby", "dictsort", "unique"}


@functools.lru_cache
def _formatter(name: str, locale: str) -> Callable[..., str]:
    from mailer.templating.formats import Formats  # noqa: PLC0415 - a mail without numbers and dates does without Babel

    def mistyped(value: object, must: str) -> None:
        if not note_fault(value, must):
            raise jinja2.TemplateRuntimeError(f"what the filter `{name}` is given {must}")

    write: Callable[..., str] = getattr(Formats(locale=locale, mistyped=mistyped), name)
    return write


def _of_mail(name: str) -> Callable[..., str]:
    def formatted(value: object, *arguments: object, **options: object) -> str:
        write = _formatter(name, current_page().locale)
        if any(isinstance(one, Null) for one in arguments):
            names = [*inspect.signature(write).parameters][1:]
            options, arguments = dict(zip(names, arguments, strict=False)) | options, ()
        given = {option: one for option, one in options.items() if not isinstance(one, Null) or option == "currency"}
        try:
            return str(write(value, *arguments, **given))
        except TypeError as error:
            raise jinja2.TemplateRuntimeError(_reason(name, write, (value, *arguments), given, error)) from error

    return formatted


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter with a null given on, its costs counted, and its name in what it raises."""
    place = int(hasattr(function, "jinja_pass_arg"))
    knows_null, writes, sorts = name in _KNOW_NULL, name in _WRITE, name in _SORT

    @functools.wraps(function)
    def filtered(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - any filter's
        value = arguments[place]
        if isinstance(value, Null) and not knows_null:
            return value
        take(1, weight(value) if writes and isinstance(value, list | dict | tuple) else 0)
        try:
            if sorts:
                with sorting():
                    made = function(*arguments, **options)
            else:
                made = function(*arguments, **options)
        except (jinja2.TemplateError, RecursionError):
            raise
        except Exception as error:
            nulls = [one for one in (*arguments, *options.values()) if isinstance(one, Null)]
            if sum(note_fault(null, f"must be what the filter `{name}` takes, and is null") for null in nulls):
                return Null()
            raise jinja2.TemplateRuntimeError(_reason(name, function, arguments, options, error)) from error
        if isinstance(made, str) or (isinstance(made, Sized) and not isinstance(made, Missing)):
            wrote(len(made))
        return Null() if made is None else made

    return filtered


def _reason(name: str, function: Any, arguments: Any, options: Any, error: Exception) -> str:  # noqa: ANN401 - any filter's
    """Why a filter failed, without what it was given."""
    if getattr(function, "jinja_async_variant", False) and isinstance(arguments[0], nodes.EvalContext):
        arguments = arguments[1:]  # which jinja2 takes off again
    try:
        inspect.signature(function).bind(*arguments, **options)
    except TypeError as wrong:
        return f"the filter `{name}` is used wrongly: {wrong}"
    return f"the filter `{name}` cannot take what it is given ({type(error).__name__})"


FILTERS = {
    name: _bounded(name, function)
    for name, function in {**filters.FILTERS, **OWN, **{name: _of_mail(name) for name in OF_MAIL}}.items()
}
TESTS: dict[str, Callable[..., bool]] = {
    "none": lambda value: value is None or isinstance(value, Null),
    "string": lambda value: isinstance(value, str) and not isinstance(value, Null),
    "sequence": lambda value: not isinstance(value, Null) and tests.test_sequence(value),
    "iterable": lambda value: not isinstance(value, Null) and tests.test_iterable(value),
    "sameas": lambda value, other: value is other or (isinstance(value, Null) and isinstance(other, Null)),
}
