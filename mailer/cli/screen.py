"""How the commands show what they do: lines for people, with what is going on now, or JSON lines for scripts.

Results go to stdout; what is waited for, and where to sign in, to stderr where somebody reads stdout by program.
"""

import json
import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from mailer.setup.doctor.findings import Finding
from mailer.setup.steps import Step

_MARKS = {
    "found": ("✓", "green"),
    "made": ("✓", "bold green"),
    "removed": ("✓", "bold green"),
    "ok": ("✓", "green"),
    "skipped": ("·", "dim"),
    "warning": ("!", "yellow"),
    "failed": ("✗", "bold red"),
}


class Screen(AbstractContextManager["Screen"]):
    """One command's output."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._out = Console(highlight=False)
        # On a terminal one console does both, else a line and what is going on now would write over each other.
        both = self._out.is_terminal and not as_json
        self._side = self._out if both else Console(stderr=True, highlight=False)
        self._status: Status | None = None

    def __enter__(self) -> Self:
        if self._side is self._out:
            self._status = self._out.status("")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()
            self._status = None

    def begin(self, name: str) -> None:
        """What is going on now."""
        if self._status:
            self._status.update(f"{name} …")

    def tell(self, text: str) -> None:
        """A line beside the results."""
        self._side.print(Text(text), soft_wrap=True)

    def wait(self, text: str) -> None:
        """What is waited for now, where there is no line for it."""
        if self._status:
            self._status.update(text)
        else:
            self.tell(text)

    def step(self, step: Step) -> None:
        """One step of a course."""
        if self._as_json:
            print(json.dumps(step.as_json()), flush=True)
        else:
            self._line(step.status, step.step, f"{step.status:8} {step.what}")
            self._more("do", step.cure)

    def finding(self, finding: Finding) -> None:
        """One check of the doctor."""
        if self._as_json:
            print(json.dumps(finding.as_json()), flush=True)
        else:
            self._line(finding.status, finding.check, finding.what)
            self._more("why", finding.why)
            self._more("do", finding.cure)

    def _line(self, status: str, name: str, text: str) -> None:
        mark, style = _MARKS[status]
        line = Text.assemble((mark, style), f" {name:11} ", (text, "dim" if status == "skipped" else ""))
        self._out.print(line, soft_wrap=True)

    def _more(self, label: str, text: str) -> None:
        for number, line in enumerate(text.splitlines()):
            self._out.print(Text(f"    {label if not number else '':4} {line}"), soft_wrap=True)


def interactive() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()
