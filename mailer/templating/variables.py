"""What a template asks of its variables in vain: each one missing or of a wrong type, by its path. No I/O.

A first rendering takes the variables as they are and gives up at whatever might be wrong; nearly always nothing is.
Else one more rendering finds all faults: each is noted, and rendering goes on. So that every text and number can be
told from its equals elsewhere, the template then gets copies of them, and their identity tells where they lie.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jinja2
from jinja2.utils import missing

from mailer.templating.null import Null


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What one rendering found: the variables as the template gets them, and the path and fault of each wrong one."""

    variables: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    paths: dict[int, str] = field(default_factory=dict)


MISSING = ""
"""The fault of a variable that is not there; the fault of any other says what it must be."""


class Suspected(jinja2.TemplateError):
    """Something may be wrong with a variable; only a rendering with `noting_faults` can tell."""


@contextlib.contextmanager
def trusting(variables: Mapping[str, Any]) -> Iterator[None]:
    """Render inside with the variables as they are; Suspected is raised instead of noting a fault.

    The same for a null among them, which has to become blank, and for changing one of them: both need a copy.
    """
    parts: list[Any] = [variables]
    for part in parts:
        kind = type(part)
        if kind is str:  # as most are
            continue
        if kind is dict:
            parts += part.values()
        elif kind is list:
            parts += part
        elif part is None:
            raise Suspected
    token, given = _current.set(None), _given.set(parts)
    try:
        yield
    finally:
        _current.reset(token)
        _given.reset(given)


def check_change(value: object) -> None:
    """For a list or an object that the template is about to change. Raises Suspected if it is the caller's own."""
    if _current.get() is None and any(value is part for part in _given.get()):
        raise Suspected


def findings() -> Findings:
    """Where faults are noted. Raises Suspected where none are."""
    found = _current.get()
    if found is None:
        raise Suspected
    return found


@contextlib.contextmanager
def noting_faults(variables: Mapping[str, Any]) -> Iterator[Findings]:
    """Render inside, with the variables that this gives; its faults then tell what was wrong with them."""
    found = Findings()
    for name, value in variables.items():
        found.variables[name] = _copy(value, name, found.paths)
    token = _current.set(found)
    try:
        yield found
    finally:
        _current.reset(token)


def note_path(value: object, parent: object, step: str | int) -> None:
    """Remember where true or false was found just now: there is but one of each, so it may stand anywhere."""
    if (value is True or value is False) and (found := _current.get()):
        found.paths[id(value)] = join(found.paths.get(id(parent), ""), step)


def note_fault(value: object, must: str) -> bool:
    """Note that a variable is missing or, if not, what it must be; False if the value is no variable's own."""
    if isinstance(value, Missing):
        value.note()
        return True
    found = findings()
    if path := found.paths.get(id(value)):
        found.faults.setdefault(path, must)
    return path is not None


def noting_places(values: list[Any]) -> Iterator[Any]:
    """The same values, with the path of each true or false noted when it comes."""
    for index, value in enumerate(values):
        note_path(value, values, index)
        yield value


def join(path: str, step: str | int) -> str:
    """The path of what lies at a step below another path."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    return f"{path}.{step}" if path else step


_current: contextvars.ContextVar[Findings | None] = contextvars.ContextVar("findings")
_given: contextvars.ContextVar[list[Any]] = contextvars.ContextVar("given")  # all parts of variables that are trusted


def _ordering(name: str) -> Callable[[str, object], bool]:
    plain = getattr(str, name)

    def compared(text: str, other: object) -> bool:
        is_number = isinstance(other, int | float)
        return False if is_number and note_fault(text, "must be a number") else plain(text, other)

    return compared


class _Text(str):
    __slots__ = ()
    __lt__, __le__ = _ordering("__lt__"), _ordering("__le__")
    __gt__, __ge__ = _ordering("__gt__"), _ordering("__ge__")


class _Integer(int):
    pass


class _Number(float):
    __slots__ = ()


def _copy(value: Any, path: str, paths: dict[int, str]) -> Any:  # noqa: ANN401 - any JSON
    copied: Any
    if isinstance(value, str):
        copied = _Text(value)
    elif isinstance(value, Mapping):
        copied = {name: _copy(part, join(path, name), paths) for name, part in value.items()}
    elif isinstance(value, list):
        copied = [_copy(part, join(path, index), paths) for index, part in enumerate(value)]
    elif value is None:
        copied = Null()
    elif isinstance(value, bool):
        return value
    elif isinstance(value, int):
        copied = _Integer(value)
    elif isinstance(value, float):
        copied = _Number(value)
    else:
        return value
    paths[id(copied)] = path
    return copied


class Missing(jinja2.Undefined):
    """A variable that is not there: using it notes its path and goes on, so that one rendering finds all of them."""

    __slots__ = ()

    def note(self) -> str:
        """Note the fault, and give the path that it was noted for."""
        path, fault = self.found()
        findings().faults.setdefault(path, fault)
        return path

    def found(self) -> tuple[str, str]:
        """Its path and fault, or those of what should be the object or list with it. Raises if it is no variable."""
        parent, name = self._undefined_obj, self._undefined_name
        if isinstance(parent, Missing):
            path, fault = parent.found()
            return (path, fault) if fault else (join(path, name or ""), MISSING)
        if name is None or self._undefined_hint or self._undefined_exception is not jinja2.UndefinedError:
            raise self._undefined_exception(self._undefined_hint)  # such as the first entry of an empty list
        if parent is missing:
            return name, MISSING
        above = findings().paths.get(id(parent))
        if above is None:
            raise jinja2.TemplateRuntimeError(f"`{name}` is asked of something that is no variable")
        must, kind = ("must be a list", list) if isinstance(name, int) else ("must be an object", dict)
        return (join(above, name), MISSING) if isinstance(parent, kind) else (above, must)

    @property
    def _undefined_message(self) -> str:
        """What jinja2 asks for when it is about to raise."""
        return f"{self.note()} is missing"

    def __getattr__(self, name: str) -> "Missing":
        if name.startswith("__") or name in {"unsafe_callable", "alters_data"}:  # asked for by Python and the sandbox
            raise AttributeError(name)
        return Missing(obj=self, name=name)

    def __getitem__(self, name: str) -> "Missing":  # type: ignore[override]  # jinja2's raises, ours goes on
        return Missing(obj=self, name=name)

    def __str__(self) -> str:
        self.note()
        return ""

    __repr__ = __str__  # as a list that is written has it

    def __iter__(self) -> Iterator[Any]:
        self.note()
        return iter(())

    def __bool__(self) -> bool:
        self.note()
        return False

    def __len__(self) -> int:
        self.note()
        return 0

    def __eq__(self, other: object) -> bool:
        self.note()
        return False

    def __call__(self, *_: object, **__: object) -> "Missing":  # type: ignore[override]  # as above
        self.note()
        return self

    def __float__(self) -> float:  # type: ignore[override]  # as above
        self.note()
        return 0.0

    def _nothing(self, *_: object) -> int:
        self.note()
        return 0

    __hash__ = jinja2.Undefined.__hash__
    __int__ = __round__ = __neg__ = __pos__ = _nothing  # type: ignore[assignment]  # as above
    __add__ = __radd__ = __lt__ = __le__ = __gt__ = __ge__ = _nothing  # type: ignore[assignment]  # as above
