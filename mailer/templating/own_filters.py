"""Filters of jinja2's that are done another way: without nulls, and without work or memory beyond measure. No I/O.

https://jinja.palletsprojects.com/en/stable/templates/#builtin-filters
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sized
from typing import Any

import jinja2
from jinja2 import filters, nodes
from markupsafe import Markup, escape

from mailer.templating.growth import check_format, check_number, check_replacing, check_width
from mailer.templating.null import Null, plain
from mailer.templating.page import take, weight
from mailer.templating.plain_text import without_tags
from mailer.templating.variables import Missing

LONGEST_WORD = 2_000  # characters; what is longer is neither a link nor wrapped like words
MOST_DECIMALS = 100
_LONG_WORD = re.compile(rf"(\S{{{LONGEST_WORD + 1},}})")


def _join(eval_ctx: nodes.EvalContext, value: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
    """The texts of a list, without the nulls in it."""
    values = _without_nulls(eval_ctx.environment, value, attribute)
    if attribute is not None:
        get = filters.make_attrgetter(eval_ctx.environment, attribute)
        values = [get(part) for part in values]
    take(0, sum(len(part) if isinstance(part, str) else weight(part) for part in values) + len(values) * len(str(d)))
    return filters.sync_do_join(eval_ctx, values, d)


def _sum(
    environment: jinja2.Environment,
    iterable: Iterable[Any],
    attribute: str | int | None = None,
    start: Any = 0,  # noqa: ANN401 - as jinja2's
) -> Any:  # noqa: ANN401 - as jinja2's
    """The sum of a list, without the nulls in it."""
    total = start
    get = filters.make_attrgetter(environment, attribute) if attribute is not None else lambda part: part
    for part in _without_nulls(environment, iterable, attribute):
        total = total + get(part)
        if isinstance(total, Sized) and not isinstance(total, Missing):
            take(0, len(total))
    check_number(total)
    return total


def _extreme(find: Callable[..., Any]) -> Callable[..., Any]:
    def found(
        environment: jinja2.Environment,
        value: Iterable[Any],
        case_sensitive: bool = False,
        attribute: str | int | None = None,
    ) -> Any:  # noqa: ANN401 - an entry of a list
        values = list(value)
        known = _without_nulls(environment, values, attribute)
        return Null() if values and not known else find(environment, known, case_sensitive, attribute)

    return found


def _without_nulls(environment: Any, values: Iterable[Any], attribute: str | int | None) -> list[Any]:  # noqa: ANN401 - jinja2's
    if attribute is None:
        return [part for part in values if part is not None and not isinstance(part, Null)]
    get = filters.make_attrgetter(environment, attribute)
    return [part for part in values if not isinstance(get(part), Null)]


def _xmlattr(eval_ctx: nodes.EvalContext, d: Mapping[str, Any], autospace: bool = True) -> str:
    return filters.do_xmlattr(
        eval_ctx, {name: value for name, value in d.items() if not isinstance(value, Null)}, autospace
    )


def _tojson(eval_ctx: nodes.EvalContext, value: Any, indent: int | None = None) -> Markup:  # noqa: ANN401 - any JSON
    check_width(indent or 0)
    return filters.do_tojson(eval_ctx, value, indent if isinstance(indent, int) else None)


def _format(value: str, *args: Any, **kwargs: Any) -> str:  # noqa: ANN401 - as jinja2's
    check_format(str(value), args or (kwargs,))
    return filters.do_format(value, *args, **kwargs)


def _replace(eval_ctx: nodes.EvalContext, s: str, old: str, new: str, count: int | None = None) -> str:
    if isinstance(old, Null):
        return s
    check_replacing(str(s), str(old), str(new))
    return filters.do_replace(eval_ctx, s, old, new, None if isinstance(count, Null) else count)


def _center(value: str, width: int = 80) -> str:
    check_width(width)
    return filters.do_center(value, width)


def _indent(s: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    wide = len(width) if isinstance(width, str) else width
    check_width(wide)
    take(0, (str(s).count("\n") + 2) * wide)
    return filters.do_indent(s, width, first, blank)


def _wordwrap(
    environment: jinja2.Environment,
    s: str,
    width: int = 79,
    break_long_words: bool = True,
    wrapstring: str | None = None,
    break_on_hyphens: bool = True,
) -> str:
    """Wrapped text; a very long word is cut by itself, since textwrap copies what is left of it for each line."""
    between = wrapstring or environment.newline_sequence
    take(0, (len(s) // max(width, 1) + 2) * len(between))
    pieces = _LONG_WORD.split(str(s)) if break_long_words else [str(s)]
    for number, piece in enumerate(pieces):
        if number % 2:
            pieces[number] = between.join(piece[at : at + width] for at in range(0, len(piece), width))
        else:
            pieces[number] = filters.do_wordwrap(environment, piece, width, break_long_words, between, break_on_hyphens)
    return "".join(pieces)


def _urlize(
    eval_ctx: nodes.EvalContext,
    value: str,
    trim_url_limit: int | None = None,
    nofollow: bool = False,
    target: str | None = None,
    rel: str | None = None,
    extra_schemes: Iterable[str] | None = None,
) -> str:
    """Links where there are any; a longer word is none, and jinja2 would take it apart again and again."""
    pieces = _LONG_WORD.split(str(value))
    take(0, 6 * len(value))
    options = (trim_url_limit, nofollow, target, rel, extra_schemes)
    made = "".join(
        str(escape(piece)) if number % 2 else str(filters.do_urlize(eval_ctx, piece, *options))
        for number, piece in enumerate(pieces)
    )
    return Markup(made) if eval_ctx.autoescape else made  # noqa: S704 - do_urlize and escape have escaped it


def _batch(value: Iterable[Any], linecount: int, fill_with: Any = None) -> Any:  # noqa: ANN401 - as jinja2's
    check_width(linecount)
    return filters.do_batch(value, linecount, None if fill_with is None else fill_with)


def _slice(value: Iterable[Any], slices: int, fill_with: Any = None) -> Any:  # noqa: ANN401 - as jinja2's
    check_width(slices)
    return filters.sync_do_slice(list(value), slices, fill_with)


def _round(value: float, precision: int = 0, method: Any = "common") -> float:  # noqa: ANN401 - as jinja2's
    check_width(abs(precision) * (100_000 // MOST_DECIMALS))
    return filters.do_round(value, precision, method)


def _striptags(value: str) -> str:
    return without_tags(str(value.__html__() if hasattr(value, "__html__") else value))


def _pprint(value: Any) -> str:  # noqa: ANN401 - any JSON
    take(0, weight(value))
    return json.dumps(plain(value), indent=1, default=str, ensure_ascii=False)


_eval, _env = jinja2.pass_eval_context, jinja2.pass_environment
OWN: dict[str, Callable[..., Any]] = {
    "batch": _batch,
    "center": _center,
    "format": _format,
    "indent": _indent,
    "join": _eval(_join),
    "max": _env(_extreme(filters.do_max)),
    "min": _env(_extreme(filters.do_min)),
    "pprint": _pprint,
    "replace": _eval(_replace),
    "round": _round,
    "slice": _slice,
    "striptags": _striptags,
    "sum": _env(_sum),
    "tojson": _eval(_tojson),
    "urlize": _eval(_urlize),
    "wordwrap": _env(_wordwrap),
    "xmlattr": _eval(_xmlattr),
}
