"""Draws the pictures of the guides from what the commands print.

make setup-demo | python docs/pictures/draw.py
"""

import re
import sys
import textwrap
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

HERE = Path(__file__).parent
WIDTH = 112  # characters; what a page on GitHub shows without shrinking
PICTURES = {"setup-dry-run": " --dry-run", "setup": " --yes --write", "doctor": " doctor "}
HANGING = 23  # where the text of a step begins
STYLES = {r"^\$ [\s\S]*": "bold", r"^✓ \S+": "green", r"^✗ \S+": "red", r"^(·|To sign in).*": "grey62"}


def main() -> None:
    """One picture for the first command of each kind."""
    sections = list(_sections(sys.stdin.read()))
    for name, sign in PICTURES.items():
        lines = next(lines for lines in sections if sign in lines[0])
        (HERE / f"{name}.svg").write_text(_drawn(lines))


def _sections(printed: str) -> Iterator[list[str]]:
    """Each command of mailer with the lines that it printed."""
    for part in re.split(r"^(?=\$ )", printed, flags=re.MULTILINE):
        if part.startswith("$ python -m mailer"):
            yield part.partition("\n\n")[0].rstrip().splitlines()


def _drawn(lines: list[str]) -> str:
    console = Console(record=True, width=WIDTH, file=StringIO())
    for line in [*lines, ""]:
        indent = " " * (4 if line.startswith("$") else HANGING)
        text = Text("\n".join(textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False)))
        for pattern, style in STYLES.items():
            text.highlight_regex(pattern, style)
        console.print(text)
    svg = console.export_svg(title=lines[0].removeprefix("$ ").split(" --")[0], theme=MONOKAI)
    # A picture that is opened tells nobody about it.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    main()
