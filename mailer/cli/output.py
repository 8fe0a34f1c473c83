"""How the commands show mails: tables and lines for people, a JSON object a line for scripts.

Colour and moving bars are for terminals alone; in a pipe a table is plain columns, and progress is lines.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

T = TypeVar("T")

STYLES = {
    "sent": "green",
    "ok": "green",
    "delivered": "green",
    "failed": "bold red",
    "failing": "bold red",
    "bounced": "bold red",
    "uncertain": "yellow",
    "held": "yellow",
    "warning": "yellow",
    "canceled": "dim",
    "suppressed": "dim",
}
WHOLE = {"id", "accepted (UTC)", "when (UTC)", "status", "part"}  # columns that a narrow terminal does not break
WIDE = 400  # columns in a pipe, where nothing is cut
LINES = 10  # that tell of a long work in a pipe


def as_lines(*values: object) -> None:
    """One JSON object a line."""
    for value in values:
        print(json.dumps(value, ensure_ascii=False), flush=True)


def say(text: str, style: str = "") -> None:
    """A line for people."""
    _console().print(Text(text, style), soft_wrap=True)


def note(text: str) -> None:
    """A line beside the results."""
    Console(stderr=True, highlight=False).print(Text(text), soft_wrap=True)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows in columns, without those that are empty; a word for a status has its colour."""
    console = _console()
    kept = [place for place, _ in enumerate(heads) if any(row[place] for row in rows)]
    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for place in kept:
        grid.add_column(heads[place], overflow="fold", no_wrap=heads[place] in WHOLE)
    for row in rows:
        grid.add_row(*(Text(row[place], STYLES.get(row[place], "")) for place in kept))
    if console.is_terminal:
        console.print(grid)
        return
    with console.capture() as captured:
        console.print(grid)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def facts(about: Mapping[str, str | None]) -> None:
    """Names with their values, without those that have none."""
    known = {name: value for name, value in about.items() if value}
    width = max(map(len, known), default=0)
    for name, value in known.items():
        _console().print(Text.assemble(f"  {name:{width}}  ", (value, STYLES.get(value, ""))), soft_wrap=True)


def followed(items: Sequence[T], doing: str) -> Iterator[T]:
    """Each of the items, telling on stderr how far the work has come."""
    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        yield from track(items, description=doing, console=console, transient=True)
        return
    every = max(len(items) // LINES, LINES)
    for number, item in enumerate(items, 1):
        yield item
        if number % every == 0 and number < len(items):
            note(f"{doing}: {number} of {len(items)}")


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDE
    return console
