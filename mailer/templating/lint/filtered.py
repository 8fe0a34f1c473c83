"""What a filter does with the variables that it is given. No I/O."""

from typing import TYPE_CHECKING, Any

from jinja2 import nodes

from mailer.templating.lint.uses import Kind
from mailer.templating.lint.values import (
    Frame,
    Literal,
    Value,
    constant,
    constant_kind,
    either,
    entries,
    guarded,
    lineage,
    member,
)

if TYPE_CHECKING:
    from mailer.templating.lint.expressions import Expressions

FILTER_KINDS = dict.fromkeys(("number", "percent", "round", "int", "float", "abs", "filesizeformat"), Kind.NUMBER)
FILTER_KINDS |= {"money": Kind.MONEY, "date": Kind.DATE, "time": Kind.DATE, "datetime": Kind.DATE}
FILTER_KINDS |= dict.fromkeys(("tojson", "pprint", "dictsort", "items", "xmlattr", "urlencode"), Kind.ANYTHING)
SAME_LIST = {"sort", "list", "reverse", "unique", "select", "reject", "selectattr", "rejectattr"}
ONE_ENTRY = {"first", "last", "random", "min", "max"}
OF_LIST = SAME_LIST | ONE_ENTRY | {"length", "count", "join", "sum", "map", "groupby", "batch", "slice"}


def filtered(expressions: "Expressions", node: nodes.Filter, frame: Frame) -> Value:
    """What a filter makes of a value; that which it uses is noted."""
    value = expressions.value(node.node, frame) if node.node else ()
    options: dict[Any, Any] = {option.key: option.value for option in node.kwargs}
    if node.name in {"default", "d"}:
        return _default(expressions, node, value, frame)
    if node.name in OF_LIST:
        return _of_list(expressions, node, value, options, frame)
    expressions.note(value, FILTER_KINDS.get(node.name, Kind.TEXT), node, frame)
    for argument in (*node.args, *options.values()):
        expressions.use(argument, Kind.TEXT, frame)
    return ()


def _default(expressions: "Expressions", node: nodes.Filter, value: Value, frame: Frame) -> Value:
    found: Value = ()
    for one in value:
        sure = frozenset(lineage(one))
        expressions.note((one,), constant_kind(node.args[:1]), node, frame.knowing(sure))
        found += guarded((one,), sure)
    return either(found, expressions.value(node.args[0], frame) if node.args else ())


def _of_list(
    expressions: "Expressions", node: nodes.Filter, value: Value, options: dict[str, Any], frame: Frame
) -> Value:
    expressions.note(value, Kind.LIST, node, frame)
    of_each = entries(value)
    positions = {"selectattr": 0, "rejectattr": 0, "groupby": 0, "sum": 0, "join": 1, "sort": 2, "unique": 1}
    position = positions.get(node.name, len(node.args))
    by = options.get("attribute", node.args[position] if position < len(node.args) else None)
    name = constant(by) if by else None
    part = of_each
    for step in name.split(".") if isinstance(name, str) else ():
        part = member(part, int(step) if step.isdigit() else step)
    if node.name in {"selectattr", "rejectattr"}:
        expressions.note(part, constant_kind(node.args[1:]) or Kind.YES_NO, node, frame)
    elif node.name in {"sum", "join"}:
        expressions.note(part, Kind.NUMBER if node.name == "sum" else Kind.TEXT, node, frame)
    elif name is not None:
        expressions.note(part, None, node, frame)
    if node.name == "groupby":
        of_group = {0: part, "grouper": part, 1: value, "list": value}
        return (Literal({0: (Literal(dict(of_group)),)}),)
    if node.name in {"batch", "slice"}:
        return (Literal({0: value}),)
    if node.name == "map":
        return _mapped(expressions, node, part, frame, by_attribute="attribute" in options)
    if node.name in SAME_LIST:
        return value
    return of_each if node.name in ONE_ENTRY else ()


def _mapped(expressions: "Expressions", node: nodes.Filter, part: Value, frame: Frame, *, by_attribute: bool) -> Value:
    if node.args:  # a filter for each entry
        expressions.note(part, FILTER_KINDS.get(constant(node.args[0]), Kind.TEXT), node, frame)
    return (Literal({0: part if by_attribute else ()}),)
