"""Null, as templates meet it: blank through every filter, operator and comparison, never "None". No I/O."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any


class Null(str):
    """A null of the caller's, or what Python has none for: blank wherever it is written, joined or compared.

    One is made for each, so that its identity tells where it lies.
    """

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return other is None or super().__eq__(other) is True

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: object) -> bool:
        return _sorting.get() and not isinstance(other, Null)  # nulls stand first, and are less than nothing otherwise

    def __le__(self, other: object) -> bool:
        return self == other or self < other

    def __gt__(self, other: object) -> bool:
        return False

    def __ge__(self, other: object) -> bool:
        return self == other

    def lower(self) -> "Null":
        """Itself, since that is how jinja2 sorts and groups texts."""
        return self

    def __format__(self, _: str) -> str:
        return ""


_sorting: contextvars.ContextVar[bool] = contextvars.ContextVar("sorting", default=False)


@contextlib.contextmanager
def sorting() -> Iterator[None]:
    """Inside, a null stands before all else."""
    token = _sorting.set(True)
    try:
        yield
    finally:
        _sorting.reset(token)


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """The value with Python's own null in it."""
    if isinstance(value, Null):
        return None
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value
