"""What works and what does not: settings, storage, and the way to a token for Graph."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from mailer.errors import ConfigError, MailerError

Check = Callable[[], Iterable[str] | None]
"""Raises what is wrong with a part, and gives what will go wrong unless somebody acts."""

FRESH_FOR = 10.0  # seconds for which an answer is given again, so that a frequent probe costs nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One part: whether it works, and what is wrong, or soon will be, and what to do."""

    ok: bool
    problems: tuple[str, ...] = ()

    @property
    def status(self) -> Literal["ok", "warning", "failing"]:
        """A part with a warning works."""
        return "failing" if not self.ok else "warning" if self.problems else "ok"


class Health:
    """Checks each part in turn and remembers the answer for a moment."""

    def __init__(self, checks: Mapping[str, Check], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._checks = checks
        self._clock = clock
        self._findings: dict[str, Finding] = {}
        self._checked_at = float("-inf")

    def findings(self) -> Mapping[str, Finding]:
        """By the name of the part."""
        if self._clock() - self._checked_at >= FRESH_FOR:
            self._findings = _told_once({name: _find(check) for name, check in self._checks.items()})
            self._checked_at = self._clock()
        return self._findings


def _find(check: Check) -> Finding:
    try:
        warnings = tuple(check() or ())
    except ConfigError as error:
        return Finding(ok=False, problems=error.problems)
    except MailerError as error:
        return Finding(ok=False, problems=(str(error),))
    return Finding(ok=True, problems=warnings)


def _told_once(findings: Mapping[str, Finding]) -> dict[str, Finding]:
    """The findings with each problem in words only at the first part that has it, to which the others point."""
    told: dict[str, str] = {}
    once = {}
    for name, finding in findings.items():
        problems = tuple(dict.fromkeys(_pointing(problem, told) for problem in finding.problems))
        told |= {problem: name for problem in finding.problems if problem not in told}
        once[name] = replace(finding, problems=problems)
    return once


def _pointing(problem: str, told: Mapping[str, str]) -> str:
    for text, part in told.items():
        if problem.endswith(text):
            return f"{problem.removesuffix(text)}see `{part}`"
    return problem
