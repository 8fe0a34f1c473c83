"""The Jinja2 environment of templates: sandboxed, strict, with the filters of mail. No I/O.

https://jinja.palletsprojects.com/en/stable/sandbox/
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from types import BuiltinMethodType
from typing import Any

import jinja2
import jinja2.compiler
import jinja2.runtime
import jinja2.sandbox
import jinja2.utils
from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from mailer.templating.images import bar_chart
from mailer.templating.page import current_page
from mailer.templating.variables import Missing, note_fault, note_path, noting_places

FILTERS = ("number", "percent", "money", "date", "time", "datetime")
MAX_STEPS = 1_000_000  # of all loops of one file together, and as long as a repeated text or list may become
MAX_EXPONENT = 1_000
_NUMBER = "must be a number"


class _Context(jinja2.runtime.Context):
    def resolve_or_missing(self, key: str) -> Any:  # noqa: ANN401 - jinja2's own signature
        value = super().resolve_or_missing(key)
        note_path(value, jinja2.utils.missing, key)
        return value


# What Python's own values have beside what a caller sent; it is meant only where it is called.
_METHODS = {name for kind in (str, dict, list, int, float) for name in dir(kind) if not name.startswith("_")}


class _Methods(NodeTransformer):
    """A method that nobody calls is a variable that is not there."""

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


class _CodeGenerator(jinja2.compiler.CodeGenerator):
    def visit_Template(self, node: nodes.Template, frame: Any = None) -> None:  # noqa: ANN401, N802 - jinja2's own
        _Methods().visit(node)
        for loop in node.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "_steps", [], [], None, None, lineno=loop.lineno)
        super().visit_Template(node, frame)


class Environment(jinja2.sandbox.SandboxedEnvironment):
    """What all templates have in common; `for_files` gives the one of a template."""

    context_class = _Context
    code_generator_class = _CodeGenerator
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self) -> None:
        super().__init__(
            undefined=Missing,
            finalize=lambda value: "" if value is None else value,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": str}
        self.filters |= {name: _formatting(name) for name in FILTERS} | {"_steps": _steps, "_value": _value}
        self.globals["bar_chart"] = bar_chart
        del self.globals["lipsum"]

    def for_files(
        self, name: str, files: Mapping[str, bytes], shared: Mapping[str, bytes], *, html: bool
    ) -> "Environment":
        """The environment of one template; what is to become HTML is escaped, in whatever file it stands."""
        environment = self.overlay(autoescape=html, cache_size=-1)
        environment.loader = _Loader(name, files, shared)
        return environment

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - jinja2's own signature
        """Prefer a variable to a method of the same name, so that `order.items` is what the caller sent."""
        value = obj[attribute] if isinstance(obj, dict) and attribute in obj else super().getattr(obj, attribute)
        note_path(value, obj, attribute)
        return value

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401 - jinja2's own signature
        value = super().getitem(obj, argument)
        note_path(value, obj, argument)
        return value

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - jinja2's own signature
        """Tell a text of the caller's where a number must be, and do nothing that runs away."""
        operands = (left, right)
        wrong: list[Any] = [operand for operand in operands if isinstance(operand, Missing)]
        if operator not in {"+", "%"}:  # which texts have, too
            wrong += [operand for operand in operands if isinstance(operand, str)]
        if sum(note_fault(operand, _NUMBER) for operand in wrong):
            return 0
        if operator in {"*", "**"}:
            _check_growth(operator, left, right)
        try:
            return super().call_binop(context, operator, left, right)
        except (TypeError, OverflowError):
            others = [operand for operand in operands if not isinstance(operand, int | float)]
            if sum(note_fault(operand, _NUMBER) for operand in others):
                return 0
            raise


@functools.cache
def environment() -> Environment:
    """The one of this worker: making it takes as long as rendering ten mails."""
    return Environment()


class _Loader(jinja2.BaseLoader):
    """Files by `_shared/FILE`, by `NAME/FILE`, and a template's own by `FILE`."""

    def __init__(self, name: str, files: Mapping[str, bytes], shared: Mapping[str, bytes]) -> None:
        self._folders = {name: files, "": files, "_shared": shared}
        self._name = name

    def get_source(self, _: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        folder, _slash, file = template.rpartition("/")
        try:
            text = self._folders[folder][file].decode("utf-8-sig")
        except KeyError:
            raise jinja2.TemplateNotFound(template) from None
        except UnicodeDecodeError:
            message = "the file is not in UTF-8"
            raise jinja2.TemplateSyntaxError(message, 1, filename=template) from None
        return text, f"{folder or self._name}/{file}", lambda: True


def _formatting(name: str) -> Callable[..., str]:
    def formatted(*arguments: object, **options: object) -> str:
        from mailer.templating.formats import Formats  # noqa: PLC0415 - a mail without numbers and dates does without Babel

        def mistyped(value: object, must: str) -> None:
            if not note_fault(value, must):
                raise jinja2.TemplateRuntimeError(f"what the filter `{name}` is given {must}")

        formats = Formats(locale=current_page().locale, mistyped=mistyped)
        return str(getattr(formats, name)(*arguments, **options))

    return formatted


def _steps(value: Any) -> Any:  # noqa: ANN401 - whatever a template loops over
    """What a loop goes over: a list of the caller's where it must be one, and no more than is sane."""
    if (value is None or isinstance(value, str | int | float)) and note_fault(value, "must be a list"):
        return ()
    if isinstance(value, Sized) and not isinstance(value, Missing):
        page = current_page()
        page.steps += len(value)
        if page.steps > MAX_STEPS:
            raise jinja2.TemplateRuntimeError(f"its loops go over {MAX_STEPS:,} steps")
    if isinstance(value, Iterator):
        return _counted(value)
    if isinstance(value, list) and any(part is None or isinstance(part, bool) for part in value):
        return noting_places(value)
    return value


def _value(value: Any) -> Any:  # noqa: ANN401 - whatever a template looks up
    owner = getattr(value, "__self__", None) if isinstance(value, BuiltinMethodType) else None
    return Missing(obj=owner, name=value.__name__) if isinstance(owner, str | dict | list | int | float) else value


def _counted(values: Iterable[Any]) -> Iterator[Any]:
    page = current_page()
    for value in values:
        page.steps += 1
        if page.steps > MAX_STEPS:
            raise jinja2.TemplateRuntimeError(f"its loops go over {MAX_STEPS:,} steps")
        yield value


def _check_growth(operator: str, left: object, right: object) -> None:
    """Python would go on for as long as memory lasts."""
    sized, times = (left, right) if isinstance(left, Sized) else (right, left)
    if isinstance(sized, Sized) and isinstance(times, int) and len(sized) * times > MAX_STEPS:
        raise jinja2.TemplateRuntimeError(f"a text or list repeated becomes longer than {MAX_STEPS:,}")
    if operator == "**" and isinstance(right, int | float) and abs(right) > MAX_EXPONENT:
        raise jinja2.TemplateRuntimeError(f"an exponent is over {MAX_EXPONENT}")
