"""Follows the variables through the source of template files: jinja2's syntax tree is walked, nothing is rendered.

What cannot be followed (a computed name, a method) counts as a use of the whole of what was known up to there.
Touches nothing but the environment's loader.
"""

from collections.abc import Callable, Iterable
from typing import Any

import jinja2
from jinja2 import nodes

from mailer.templating.lint.expressions import Expressions
from mailer.templating.lint.trees import Trees
from mailer.templating.lint.uses import Kind, Place, Use
from mailer.templating.lint.values import (
    Block,
    Frame,
    Literal,
    Macro,
    Value,
    constant,
    either,
    entries,
    guarded,
    member,
)


class Trace:
    """What has been found in the files followed so far, and in all that they extend, include and import."""

    def __init__(self, environment: jinja2.Environment) -> None:
        self._environment = environment
        self._expressions = Expressions(
            environment, call_macro=self._call_macro, call_block=self._call_block, call_super=self._call_super
        )
        self.variables = Use()
        self.trees = Trees(environment)

    def follow(self, file: str) -> None:
        """Follow one file that is rendered by itself."""
        self._template(file, Frame(file=file, variables=self.variables), asked_by=Place(file, 0))

    # Files

    def _template(self, name: str, frame: Frame, *, asked_by: Place) -> None:
        found = self.trees.get(name, asked_by)
        if found is None or found[1] in frame.within:
            return
        tree, file = found
        frame = frame.changed(file=file, within=(*frame.within, file))
        for block in tree.find_all(nodes.Block):
            frame.blocks.setdefault(block.name, []).append((block, file))
        layouts = [node for node in tree.body if isinstance(node, nodes.Extends)]
        # Of a template that extends another one, only the blocks are shown; what it sets, the other one sees.
        unseen = (nodes.Extends, nodes.Output, nodes.Block) if layouts else ()
        self._statements([*(node for node in tree.body if not isinstance(node, unseen)), *layouts], frame)

    def _names(self, node: nodes.Expr, frame: Frame) -> list[str]:
        """The files that an extends, include or import may mean, as the loader calls them."""
        choices: Iterable[nodes.Expr] = [node]
        if isinstance(node, nodes.List | nodes.Tuple):
            choices = node.items
        elif isinstance(node, nodes.CondExpr):
            self._expressions.test(node.test, frame)
            choices = [choice for choice in (node.expr1, node.expr2) if choice]
        found = []
        for choice in choices:
            if isinstance(constant(choice), str):
                found.append(self._environment.join_path(constant(choice), frame.file))
            else:
                self._expressions.use(choice, Kind.TEXT, frame)
        return found

    # Statements

    def _statements(self, body: Iterable[nodes.Node], frame: Frame) -> None:
        for node in body:
            self._statement(node, frame)

    def _statement(self, node: nodes.Node, frame: Frame) -> None:
        known: Callable[[Any, Frame], None] = getattr(self, f"_do_{type(node).__name__.lower()}", self._do_other)
        known(node, frame)

    def _do_other(self, node: nodes.Node, frame: Frame) -> None:
        for part in node.iter_child_nodes():
            if isinstance(part, nodes.Stmt):
                self._statement(part, frame)
            elif isinstance(part, nodes.Expr):
                self._expressions.use(part, None, frame)

    def _do_output(self, node: nodes.Output, frame: Frame) -> None:
        for part in node.nodes:
            if not isinstance(part, nodes.TemplateData):
                self._expressions.use(part, Kind.TEXT, frame)

    def _do_if(self, node: nodes.If, frame: Frame) -> None:
        branches: list[Frame] = []
        for condition in (node, *node.elif_):
            yes, no = self._expressions.test(condition.test, frame)
            branches.append(frame.inner(known=frame.known | yes))
            self._statements(condition.body, branches[-1])
            frame = frame.knowing(no)
        branches.append(frame.inner())
        self._statements(node.else_, branches[-1])
        # What a branch sets is set afterwards; after one that does not, the name is what it was.
        for name in {
            name for one in branches for name, value in one.names.items() if frame.names.get(name) is not value
        }:
            values = [self._expressions.value(nodes.Name(name, "load"), branch) for branch in branches]
            frame.names[name] = either(*(guarded(value, at.known) for value, at in zip(values, branches, strict=True)))

    def _do_for(self, node: nodes.For, frame: Frame) -> None:
        rows = self._expressions.use(node.iter, Kind.LIST, frame)
        entry = entries(rows)
        inside = frame.inner()
        self._bind(node.target, entry, inside)
        inside.names["loop"] = (Literal({"previtem": entry, "nextitem": entry}),)
        if node.test:
            yes, _ = self._expressions.test(node.test, inside)
            inside = inside.knowing(yes)
        self._statements(node.body, inside)
        self._statements(node.else_, frame.inner())

    def _bind(self, target: nodes.Node, value: Value, frame: Frame) -> None:
        if isinstance(target, nodes.Tuple):
            for index, item in enumerate(target.items):
                self._bind(item, member(value, index), frame)
        elif isinstance(target, nodes.Name):
            frame.names[target.name] = value
        elif isinstance(target, nodes.NSRef):
            for space in frame.names.get(target.name, ()):
                if isinstance(space, Literal):
                    space.items[target.attr] = space.items.get(target.attr, ()) + value

    def _do_assign(self, node: nodes.Assign, frame: Frame) -> None:
        self._bind(node.target, self._expressions.value(node.node, frame), frame)

    def _do_assignblock(self, node: nodes.AssignBlock, frame: Frame) -> None:
        self._statements(node.body, frame.inner())
        self._bind(node.target, self._expressions.value(node.filter, frame) if node.filter else (), frame)

    def _do_with(self, node: nodes.With, frame: Frame) -> None:
        inside = frame.inner()
        for target, value in zip(node.targets, node.values, strict=True):
            self._bind(target, self._expressions.value(value, frame), inside)
        self._statements(node.body, inside)

    def _do_filterblock(self, node: nodes.FilterBlock, frame: Frame) -> None:
        self._statements(node.body, frame.inner())
        self._expressions.value(node.filter, frame)

    def _do_macro(self, node: nodes.Macro, frame: Frame) -> None:
        frame.names[node.name] = (Macro(node, frame),)

    def _do_callblock(self, node: nodes.CallBlock, frame: Frame) -> None:
        macros = [one for one in self._expressions.value(node.call.node, frame) if isinstance(one, Macro)]
        for macro in macros:
            self._run(macro, node.call, frame, caller=(Macro(node, frame),))
        if not macros:
            self._statements(node.body, frame.inner())

    # Macros, blocks and other files

    def _call_macro(self, macro: Macro, call: nodes.Call, frame: Frame) -> None:
        self._run(macro, call, frame, caller=())

    def _run(self, macro: Macro, call: nodes.Call, frame: Frame, *, caller: Value) -> None:
        if macro.node in frame.within:
            self._expressions.use_parts(call, frame)
            return
        inside = macro.frame.inner(known=frame.known, within=(*frame.within, macro.node))
        inside.names["caller"] = caller
        parameters = [str(parameter.name) for parameter in macro.node.args]
        given = dict(zip(parameters, call.args, strict=False)) | {one.key: one.value for one in call.kwargs}
        usual = dict(zip(reversed(parameters), reversed(macro.node.defaults), strict=False))
        for parameter in parameters:
            if parameter in given:
                inside.names[parameter] = self._expressions.value(given.pop(parameter), frame)
            else:
                inside.names[parameter] = (
                    self._expressions.value(usual[parameter], inside) if parameter in usual else ()
                )
        for rest in given.values():
            self._expressions.use(rest, Kind.ANYTHING, frame)
        self._statements(macro.node.body, inside)

    def _do_block(self, node: nodes.Block, frame: Frame) -> None:
        self._call_block(node.name, frame)

    def _call_block(self, name: str, frame: Frame) -> None:
        """Follow a block as the last template has it."""
        self._show(frame.blocks.get(name, []), frame)

    def _call_super(self, frame: Frame) -> None:
        """Follow the block that the one under way replaces."""
        inner = next((one for one in reversed(frame.within) if isinstance(one, nodes.Block)), None)
        chain = frame.blocks.get(inner.name, []) if inner else []
        self._show(chain[next((n + 1 for n, (block, _) in enumerate(chain) if block is inner), 0) :], frame)

    def _show(self, chain: list[Block], frame: Frame) -> None:
        for block, file in chain[:1]:
            if block not in frame.within:
                self._statements(block.body, frame.inner(file=file, within=(*frame.within, block)))

    def _do_extends(self, node: nodes.Extends, frame: Frame) -> None:
        for name in self._names(node.template, frame):
            self._template(name, frame, asked_by=Place(frame.file, node.lineno))

    def _do_include(self, node: nodes.Include, frame: Frame) -> None:
        inside = frame.inner(blocks={}) if node.with_context else self._apart(frame)
        for name in self._chosen(node, frame):
            self._template(name, inside, asked_by=Place(frame.file, node.lineno))

    def _chosen(self, node: nodes.Include, frame: Frame) -> list[str]:
        """Of several files to include the first one that is there."""
        names = self._names(node.template, frame)
        if len(names) > 1 or node.ignore_missing:
            there = [name for name in names if self.trees.is_there(name)]
            return there[:1] or ([] if node.ignore_missing else names)
        return names

    def _apart(self, frame: Frame) -> Frame:
        """For a file that sees no variables."""
        return Frame(file=frame.file, variables=Use(), within=frame.within)

    def _imported(self, node: nodes.Import | nodes.FromImport, frame: Frame) -> dict[Any, Value]:
        inside = frame.inner(blocks={}) if node.with_context else self._apart(frame)
        before = dict(inside.names)
        for name in self._names(node.template, frame):
            self._template(name, inside, asked_by=Place(frame.file, node.lineno))
        return {name: value for name, value in inside.names.items() if before.get(name) is not value}

    def _do_import(self, node: nodes.Import, frame: Frame) -> None:
        frame.names[node.target] = (Literal(self._imported(node, frame)),)

    def _do_fromimport(self, node: nodes.FromImport, frame: Frame) -> None:
        names = self._imported(node, frame)
        for name in node.names:
            source, target = name if isinstance(name, tuple) else (name, name)
            frame.names[target] = names.get(source, ())
