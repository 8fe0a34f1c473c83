"""What works and what does not: settings, storage, and the way to a token for Graph."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mailer.errors import ConfigError, MailerError

FRESH_FOR = 10.0  # seconds for which an answer is given again, so that a frequent probe costs nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One part: whether it works, and if not, what is wrong and what to do."""

    ok: bool
    problems: tuple[str, ...] = ()


class Health:
    """Checks each part in turn and remembers the answer for a moment."""

    def __init__(
        self, checks: Mapping[str, Callable[[], object]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._checks = checks
        self._clock = clock
        self._findings: dict[str, Finding] = {}
        self._checked_at = float("-inf")

    def findings(self) -> Mapping[str, Finding]:
        """By the name of the part."""
        if self._clock() - self._checked_at >= FRESH_FOR:
            self._findings = {name: _find(check) for name, check in self._checks.items()}
            self._checked_at = self._clock()
        return self._findings


def _find(check: Callable[[], object]) -> Finding:
    try:
        check()
    except ConfigError as error:
        return Finding(ok=False, problems=error.problems)
    except MailerError as error:
        return Finding(ok=False, problems=(str(error),))
    return Finding(ok=True)
