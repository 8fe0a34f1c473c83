"""The file of a mail that is being rendered, as the filters and functions of templates know it. No I/O."""

import contextlib
import contextvars
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(kw_only=True, slots=True)
class Page:
    """The language to format for, the charts drawn so far by their content ids, and the steps of all loops so far."""

    locale: str
    charts: dict[str, bytes] = field(default_factory=dict)
    steps: int = 0


@contextlib.contextmanager
def rendering(page: Page) -> Iterator[None]:
    """Render the file inside."""
    token = _page.set(page)
    try:
        yield
    finally:
        _page.reset(token)


def current_page() -> Page:
    """The file that is being rendered."""
    return _page.get()


_page: contextvars.ContextVar[Page] = contextvars.ContextVar("page")
