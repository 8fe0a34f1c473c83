"""What an expression of a template does with the variables in it, without evaluating it. No I/O."""

from collections.abc import Callable
from typing import Any

import jinja2
from jinja2 import nodes

from mailer.templating.lint.filtered import filtered
from mailer.templating.lint.uses import Kind, Place, Use
from mailer.templating.lint.values import (
    Frame,
    Literal,
    Macro,
    Part,
    Value,
    constant,
    constant_kind,
    either,
    entries,
    guarded,
    lineage,
    member,
)

OBJECT_METHODS = {"items", "keys", "values", "get"}
TEST_KINDS = dict.fromkeys(("number", "integer", "float", "even", "odd", "divisibleby"), Kind.NUMBER)
TEST_KINDS |= {"string": Kind.TEXT, "mapping": Kind.OBJECT, "iterable": Kind.LIST, "sequence": Kind.LIST}
TEST_KINDS |= dict.fromkeys(("boolean", "true", "false"), Kind.YES_NO)
COMPARING = ("==", "eq", "equalto", "!=", "ne", ">", "gt", "greaterthan", ">=", "ge", "<", "lt", "lessthan", "<=", "le")


class Expressions:
    """Notes what an expression uses, and tells what it may be. One method for each kind of node that matters."""

    def __init__(
        self,
        environment: jinja2.Environment,
        *,
        call_macro: Callable[[Macro, nodes.Call, Frame], None],
        call_block: Callable[[str, Frame], None],
        call_super: Callable[[Frame], None],
    ) -> None:
        self._environment = environment
        self._call_macro = call_macro
        self._call_block = call_block
        self._call_super = call_super

    def value(self, node: nodes.Node, frame: Frame) -> Value:
        """What the expression may be; that which it uses is noted."""
        known: Callable[[Any, Frame], Value] = getattr(self, f"_{type(node).__name__.lower()}", self.use_parts)
        return known(node, frame)

    def note(self, value: Value, kind: Kind | None, node: nodes.Node, frame: Frame) -> None:
        """The value is used here."""
        for one in value:
            if isinstance(one, Part):
                one.use.note(kind, Place(frame.file, node.lineno), known=frame.known | one.known)
            elif isinstance(one, Literal) and kind in {Kind.TEXT, Kind.ANYTHING}:
                for item in one.items.values():
                    self.note(item, kind, node, frame)

    def use(self, node: nodes.Node, kind: Kind | None, frame: Frame) -> Value:
        value = self.value(node, frame)
        self.note(value, kind, node, frame)
        return value

    def test(self, node: nodes.Node, frame: Frame) -> tuple[frozenset[Use], frozenset[Use]]:
        """Note a condition; what is sure to exist where it holds, and where it does not."""
        self.use(node, Kind.YES_NO, frame)
        return self._known(node, frame)

    def use_parts(self, node: nodes.Expr, frame: Frame) -> Value:
        """An expression whose value is a new one: all that it is made of is used."""
        for part in node.iter_child_nodes():
            self.use(part.value if isinstance(part, nodes.Keyword) else part, Kind.ANYTHING, frame)
        return ()

    def _known(self, node: nodes.Node, frame: Frame) -> tuple[frozenset[Use], frozenset[Use]]:
        nothing: frozenset[Use] = frozenset()
        if isinstance(node, nodes.Not):
            return self._known(node.node, frame)[::-1]
        if isinstance(node, nodes.And | nodes.Or):
            pairs = zip(self._known(node.left, frame), self._known(node.right, frame), strict=True)
            yes, no = (left | right for left, right in pairs)
            return (yes, nothing) if isinstance(node, nodes.And) else (nothing, no)
        if isinstance(node, nodes.Test) and node.name in {"defined", "undefined"}:
            value = self.value(node.node, frame)
            # Of something that may be one of several, being there says nothing about any of them.
            is_sure = len(value) == 1 and isinstance(value[0], Part) and value[0].use not in value[0].known
            found = frozenset(lineage(value[0])) if is_sure else nothing
            return (found, nothing) if node.name == "defined" else (nothing, found)
        return nothing, nothing

    def _arithmetic(self, node: nodes.BinExpr, frame: Frame) -> Value:
        sides = (node.left, node.right)
        is_text = any(isinstance(side, nodes.Const) and isinstance(side.value, str) for side in sides)
        for side in sides:
            self.use(side, Kind.TEXT if is_text else Kind.NUMBER, frame)
        return ()

    _add = _sub = _mul = _div = _floordiv = _mod = _pow = _arithmetic

    def _neg(self, node: nodes.UnaryExpr, frame: Frame) -> Value:
        self.use(node.node, Kind.NUMBER, frame)
        return ()

    _pos = _neg

    def _not(self, node: nodes.Not, frame: Frame) -> Value:
        self.use(node.node, Kind.YES_NO, frame)
        return ()

    def _concat(self, node: nodes.Concat, frame: Frame) -> Value:
        for part in node.nodes:
            self.use(part, Kind.TEXT, frame)
        return ()

    def _compare(self, node: nodes.Compare, frame: Frame) -> Value:
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        kind = constant_kind(sides) or Kind.ANYTHING
        for side, operand in zip(sides, [None, *node.ops], strict=True):
            holds = operand is not None and operand.op in {"in", "notin"}
            self.use(side, Kind.LIST if holds else kind, frame)
        return ()

    def _and(self, node: nodes.And, frame: Frame) -> Value:
        left = self.use(node.left, Kind.YES_NO, frame)
        yes, _ = self._known(node.left, frame)
        return either(left, guarded(self.value(node.right, frame.knowing(yes)), yes))

    def _or(self, node: nodes.Or, frame: Frame) -> Value:
        left = self.use(node.left, Kind.YES_NO, frame)
        _, no = self._known(node.left, frame)
        return either(left, guarded(self.value(node.right, frame.knowing(no)), no))

    def _condexpr(self, node: nodes.CondExpr, frame: Frame) -> Value:
        yes, no = self.test(node.test, frame)
        first = guarded(self.value(node.expr1, frame.knowing(yes)), yes)
        second = guarded(self.value(node.expr2, frame.knowing(no)), no) if node.expr2 else ()
        return either(first, second)

    def _name(self, node: nodes.Name, frame: Frame) -> Value:
        if node.name in frame.names:
            return frame.names[node.name]
        if node.name in self._environment.globals or node.name in {"locale", "self", "super", "varargs", "kwargs"}:
            return ()
        return (Part(frame.variables.part(node.name)),)

    def _list(self, node: nodes.List | nodes.Tuple, frame: Frame) -> Value:
        return (Literal({index: self.value(item, frame) for index, item in enumerate(node.items)}),)

    _tuple = _list

    def _dict(self, node: nodes.Dict, frame: Frame) -> Value:
        return (Literal({constant(pair.key): self.value(pair.value, frame) for pair in node.items}),)

    def _getattr(self, node: nodes.Getattr, frame: Frame) -> Value:
        return member(self.value(node.node, frame), node.attr)

    def _getitem(self, node: nodes.Getitem, frame: Frame) -> Value:
        value = self.value(node.node, frame)
        if isinstance(node.arg, nodes.Slice):
            self.note(value, Kind.LIST, node, frame)
            return value
        step = constant(node.arg)
        if isinstance(step, str | int):
            return member(value, step)
        self.use(node.arg, None, frame)
        self._note_whole(value, node, frame)
        return entries(tuple(one for one in value if isinstance(one, Literal)))

    def _note_whole(self, value: Value, node: nodes.Expr, frame: Frame) -> None:
        """An object of which nobody can tell here what is used of it."""
        for kind in (Kind.OBJECT, Kind.ANYTHING):
            self.note(value, kind, node, frame)

    def _test(self, node: nodes.Test, frame: Frame) -> Value:
        value = self.value(node.node, frame)
        if node.name in {"defined", "undefined"}:
            for one in value:
                self.note((one,), None, node, frame.knowing(frozenset(lineage(one))))
            return ()
        kind = constant_kind(node.args) if node.name in COMPARING else TEST_KINDS.get(node.name)
        self.note(value, kind or Kind.YES_NO, node, frame)
        for argument in node.args:
            self.use(argument, None, frame)
        return ()

    def _filter(self, node: nodes.Filter, frame: Frame) -> Value:
        return filtered(self, node, frame)

    def _call(self, node: nodes.Call, frame: Frame) -> Value:
        called = node.node
        if isinstance(called, nodes.Name) and called.name not in frame.names:
            return self._function(called.name, node, frame)
        if isinstance(called, nodes.Getattr):
            if isinstance(called.node, nodes.Name) and called.node.name == "self":
                self._call_block(called.attr, frame)
                return ()
            if any(isinstance(one, Part) for one in self.value(called.node, frame)):
                return self._method(node, called, frame)
        for macro in self.value(called, frame):
            if isinstance(macro, Macro):
                self._call_macro(macro, node, frame)
                return ()
        return self.use_parts(node, frame)

    def _function(self, name: str, node: nodes.Call, frame: Frame) -> Value:
        options = {option.key: option.value for option in node.kwargs}
        if name == "super":
            self._call_super(frame)
        elif name == "bar_chart":
            self._bar_chart(node, options, frame)
        elif name in {"namespace", "dict"}:
            return (Literal({key: self.value(option, frame) for key, option in options.items()}),)
        else:
            self.use_parts(node, frame)
        return ()

    def _method(self, node: nodes.Call, called: nodes.Getattr, frame: Frame) -> Value:
        """A method of a variable's value, such as the entries of an object or a text in capitals."""
        value = self.value(called.node, frame)
        for argument in node.args:
            self.use(argument, None, frame)
        key = constant(node.args[0]) if node.args else None
        if called.attr == "get" and isinstance(key, str):
            found = member(value, key)
            return tuple(two for one in found for two in guarded((one,), frozenset(lineage(one))))
        if called.attr in OBJECT_METHODS:
            self._note_whole(value, node, frame)
        else:
            self.note(value, Kind.TEXT, node, frame)
        return ()

    def _bar_chart(self, node: nodes.Call, options: dict[str, Any], frame: Frame) -> None:
        given = dict(zip(("rows", "label", "value", "alt", "width"), node.args, strict=False)) | options
        rows = self.use(given.pop("rows"), Kind.LIST, frame) if "rows" in given else ()
        for option, usual, kind in (("label", "day", Kind.TEXT), ("value", "visits", Kind.NUMBER)):
            name = constant(given.pop(option)) if option in given else usual
            self.note(member(entries(rows), str(name)), kind, node, frame)
        for rest in given.values():
            self.use(rest, Kind.TEXT, frame)
