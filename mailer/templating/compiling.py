"""What a template's source is rewritten to before jinja2 compiles it, so that nothing in it runs away. No I/O.

Its filters with `_` before their names are sandbox.py's.
"""

from typing import Any

import jinja2.compiler
from jinja2 import nodes
from jinja2.visitor import NodeTransformer

# What Python's own values have beside what a caller sent; it is meant only where it is called.
_METHODS = {name for kind in (str, dict, list, int, float) for name in dir(kind) if not name.startswith("_")}


class _Rewriting(NodeTransformer):
    """A method that nobody calls is a variable that is not there, and `none` a null like a caller's."""

    def visit_Const(self, node: nodes.Const, *_: Any) -> nodes.Node:  # noqa: ANN401, N802 - jinja2's own
        return nodes.Name("_null", "load", lineno=node.lineno) if node.value is None else node

    def visit_List(self, node: nodes.Expr, *arguments: Any) -> nodes.Node:  # noqa: ANN401, N802 - jinja2's own
        """What is put together is weighed: a list of twice the same list, over and over, has no end."""
        self.generic_visit(node, *arguments)
        return nodes.Filter(node, "_weighed", [], [], None, None, lineno=node.lineno)

    visit_Dict = visit_List  # noqa: N815 - jinja2's own

    def visit_Tuple(self, node: nodes.Tuple, *arguments: Any) -> nodes.Node:  # noqa: ANN401, N802 - jinja2's own
        return self.visit_List(node, *arguments) if node.ctx == "load" else node

    def visit_Call(self, node: nodes.Call, *arguments: Any) -> nodes.Node:  # noqa: ANN401, N802 - jinja2's own
        callee = node.node
        if isinstance(callee, nodes.Getattr):
            callee.node = self.visit(callee.node)
            node.node = nodes.Const(None)
        self.generic_visit(node, *arguments)
        if isinstance(callee, nodes.Getattr):
            node.node = callee
        return node

    def visit_Getattr(self, node: nodes.Getattr, *arguments: Any) -> nodes.Node:  # noqa: ANN401, N802 - jinja2's own
        self.generic_visit(node, *arguments)
        is_method = node.ctx == "load" and node.attr in _METHODS
        return nodes.Filter(node, "_value", [], [], None, None, lineno=node.lineno) if is_method else node


class CodeGenerator(jinja2.compiler.CodeGenerator):
    def visit_Template(self, node: nodes.Template, frame: Any = None) -> None:  # noqa: ANN401, N802 - jinja2's own
        _Rewriting().visit(node)
        for loop in node.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "_steps", [], [], None, None, lineno=loop.lineno)
            if any(
                map(loop.find, (nodes.Compare, nodes.Slice, nodes.Test))
            ):  # which look at whole texts and cost nothing else
                tick = nodes.Filter(nodes.Const(0), "_tick", [], [], None, None, lineno=loop.lineno)
                loop.body.insert(0, nodes.ExprStmt(tick, lineno=loop.lineno))
        super().visit_Template(node, frame)

    def _output_child_pre(self, node: nodes.Expr, frame: Any, finalize: Any) -> None:  # noqa: ANN401 - jinja2's own
        """One call escapes and finalizes what `{{ }}` writes into HTML."""
        if _is_html(frame):
            self.write("environment.escaped(")
        else:
            super()._output_child_pre(node, frame, finalize)

    def _output_child_post(self, node: nodes.Expr, frame: Any, finalize: Any) -> None:  # noqa: ANN401 - jinja2's own
        if _is_html(frame):
            self.write(")")
        else:
            super()._output_child_post(node, frame, finalize)

    def visit_Concat(self, node: nodes.Concat, frame: Any) -> None:  # noqa: ANN401, N802 - jinja2's own
        join = "markup_join" if frame.eval_ctx.autoescape else "str_join"
        if frame.eval_ctx.volatile:
            join = "(markup_join if context.eval_ctx.autoescape else str_join)"
        self.write(f"environment.concatenate({join}, (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


def _is_html(frame: Any) -> bool:  # noqa: ANN401 - jinja2's own
    return bool(frame.eval_ctx.autoescape) and not frame.eval_ctx.volatile
