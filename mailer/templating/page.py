"""The file of a mail that is being rendered, as the filters and functions of templates know it. No I/O.

It keeps the account of what the file has cost so far, so that neither its author nor the variables make it run away:
steps of loops and calls, what was made (characters of texts, entries of lists), the processor's time of this thread.
"""

import contextlib
import contextvars
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jinja2

from mailer.request.attachment import File

MAX_STEPS = 1_000_000
MAX_MADE = 64_000_000  # some sixteen times the largest body
MAX_SECONDS = 2.0  # a large mail takes a tenth
_PART = 50  # what a part of a list or an object costs beside the text in it
_BETWEEN_LOOKS, _MUCH = 64, 100_000  # the clock is looked at each so many times, and after whatever makes so much


class TooMuch(jinja2.TemplateRuntimeError):
    """The file has cost more than any mail needs."""


@dataclass(kw_only=True, slots=True)
class Page:
    """The language to format for, the charts drawn so far by their content ids, and the account."""

    locale: str
    charts: dict[str, File] = field(default_factory=dict)
    steps: int = 0
    made: int = 0
    looks: int = 0
    _late_at: float = field(default_factory=lambda: time.monotonic() + MAX_SECONDS)
    _ends_at: float | None = None  # of the thread's own time, which is dear to ask for

    def take(self, steps: int = 1, made: int = 0) -> None:
        """Add to the account. Raises TooMuch where it is too much."""
        self.steps += steps
        self.made += made
        self.looks += 1
        if self.steps > MAX_STEPS or self.made > MAX_MADE or made > _MUCH or self.looks % _BETWEEN_LOOKS == 0:
            self.look()

    def look(self) -> None:
        """Nobody else's work counts: once it is late, as much time as that of this thread alone."""
        if self.steps > MAX_STEPS:
            raise TooMuch(f"its loops and calls go over {MAX_STEPS:,} steps")
        if self.made > MAX_MADE:
            raise TooMuch(f"the texts and lists that it makes go over {MAX_MADE:,} characters")
        if time.monotonic() < self._late_at:
            return
        if self._ends_at is None:
            self._ends_at = time.thread_time() + MAX_SECONDS
        elif time.thread_time() > self._ends_at:
            raise TooMuch(f"it takes longer than {MAX_SECONDS:.0f} seconds")


def weight(value: Any) -> int:  # noqa: ANN401 - whatever a template puts together
    """What a value would come to as text, its parts counted as often as they are shared; no further than MAX_MADE."""
    total, left = 0, [value]
    while left and total <= MAX_MADE:
        part = left.pop()
        total += _PART
        if isinstance(part, str | bytes):
            total += len(part)
        elif isinstance(part, dict):
            left += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple | set | frozenset):
            left += part
        if len(left) > MAX_MADE // _PART:
            return MAX_MADE + 1
    return total


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


def take(steps: int = 1, made: int = 0) -> None:
    """Add to the account of the file that is being rendered, if there is one. Raises TooMuch.

    As the page's own, in a call less: this is done twenty times in the shortest mail.
    """
    if page := _page.get(None):
        page.steps += steps
        page.made += made
        page.looks += 1
        if page.steps > MAX_STEPS or page.made > MAX_MADE or made > _MUCH or page.looks % _BETWEEN_LOOKS == 0:
            page.look()


def wrote(length: int) -> None:
    """Add so many characters: the same as take, in a call less, for what is done again and again."""
    if page := _page.get(None):
        page.made += length
        page.looks += 1
        if page.made > MAX_MADE or length > _MUCH or page.looks % _BETWEEN_LOOKS == 0:
            page.look()


_page: contextvars.ContextVar[Page] = contextvars.ContextVar("page")
