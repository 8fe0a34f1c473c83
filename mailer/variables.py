"""What a template asks of its variables in vain: every missing one, by its path, from one rendering. No I/O."""

import contextlib
import contextvars
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jinja2
from jinja2.utils import missing


@contextlib.contextmanager
def noting_missing(variables: Mapping[str, Any]) -> Iterator[list[str]]:
    """Render inside; the list then holds the path of each variable that was missing."""
    rendering = _Rendering(paths=dict(_paths(variables, "")))
    token = _current.set(rendering)
    try:
        yield rendering.missing
    finally:
        _current.reset(token)


def note_path(value: object, parent: object, step: str | int) -> None:
    """Remember where a value was found just now: one that is no object or list may stand in many places."""
    rendering = _current.get()
    if value is not missing and not isinstance(value, dict | list | Missing):
        rendering.paths[id(value)] = _join(rendering.paths.get(id(parent), ""), step)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rendering:
    paths: dict[int, str]  # where each value lies, by identity
    missing: list[str] = field(default_factory=list)


_current: contextvars.ContextVar[_Rendering] = contextvars.ContextVar("rendering")


def _paths(value: object, path: str) -> Iterator[tuple[int, str]]:
    """JSON never has the same object or list in two places, so that identity tells where one lies."""
    if isinstance(value, Mapping):
        yield id(value), path
        for name, part in value.items():
            yield from _paths(part, _join(path, name))
    elif isinstance(value, list):
        yield id(value), path
        for index, part in enumerate(value):
            yield from _paths(part, _join(path, index))


def _join(path: str, step: str | int) -> str:
    if isinstance(step, int):
        return f"{path}[{step}]"
    return f"{path}.{step}" if path else step


class Missing(jinja2.Undefined):
    """A variable that is not there: using it notes its path and goes on, so that one rendering finds all of them."""

    __slots__ = ()

    def _note(self) -> str:
        if self._undefined_name is None:  # no variable, such as the first entry of an empty list
            raise jinja2.TemplateRuntimeError(self._undefined_hint)
        path = self._path()
        noted = _current.get().missing
        if path not in noted:
            noted.append(path)
        return path

    def _path(self) -> str:
        parent = self._undefined_obj
        above = Missing._path(parent) if isinstance(parent, Missing) else _current.get().paths.get(id(parent), "")
        return _join(above, self._undefined_name or "")

    @property
    def _undefined_message(self) -> str:
        """What jinja2 asks for when it is about to raise."""
        return f"{self._note()} is missing"

    def __getattr__(self, name: str) -> "Missing":
        if name.startswith("__") or name in {"unsafe_callable", "alters_data"}:  # asked for by Python and the sandbox
            raise AttributeError(name)
        return Missing(obj=self, name=name)

    def __getitem__(self, name: str) -> "Missing":  # type: ignore[override]  # jinja2's raises, ours goes on
        return Missing(obj=self, name=name)

    def __str__(self) -> str:
        self._note()
        return ""

    def __iter__(self) -> Iterator[Any]:
        self._note()
        return iter(())

    def __bool__(self) -> bool:
        self._note()
        return False

    def __len__(self) -> int:
        self._note()
        return 0

    def __eq__(self, other: object) -> bool:
        self._note()
        return False

    __hash__ = jinja2.Undefined.__hash__
    __round__ = jinja2.Undefined._fail_with_undefined_error  # noqa: SLF001 - as its other operations do
