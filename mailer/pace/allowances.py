"""How many recipients each caller reaches in any 24 hours, by when its mails are accepted. What exceeds it is held.

Counted as the recipients of mailboxes are: an instance by itself, in blocks of a part of what is left.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from mailer.pace.quota import WARNED_AT, CountRows, Quota


class Allowances:
    """The allowances of all callers that have one; thread-safe, one for a worker. Each call may raise TryLater."""

    def __init__(self, limits: Mapping[str, int], rows: CountRows, *, clock: Callable[[], datetime]) -> None:
        self._quotas = {name: Quota(limit, rows, clock=clock) for name, limit in limits.items()}
        self._clock = clock

    def admit(self, caller: str, recipients: int) -> bool:
        """Count so many more for the caller, unless they would exceed its allowance."""
        quota = self._quotas.get(caller)
        return quota is None or quota.count_within(_key(caller), self._clock(), recipients)

    def take_back(self, caller: str, recipients: int) -> None:
        """Take back what was counted for a mail that was not accepted."""
        if quota := self._quotas.get(caller):
            quota.count(_key(caller), self._clock(), -recipients)

    def warnings(self) -> list[str]:
        """Which callers have used most of their allowances in the last 24 hours."""
        used = {caller: quota.used(_key(caller)) for caller, quota in self._quotas.items() if quota.limit}
        return [
            f"The caller `{caller}` has used {part:.0%} of its `recipients_per_day` in MAILER_CALLERS; what exceeds it "
            "is held until somebody releases it. Raise the number, if that is meant."
            for caller, part in used.items()
            if part >= WARNED_AT
        ]


def _key(caller: str) -> str:
    """Beside mailboxes, none of whose addresses has a space."""
    return f"caller {caller}"
