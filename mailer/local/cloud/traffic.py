"""Counts requests and holds the app to four at once on a mailbox."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from mailer.local.cloud.model import Traffic

MOST_AT_ONCE = 4


class TrafficCounter:
    """How many requests came, and how many are in flight now."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.violations: list[str] = []
        self._now: Counter[str] = Counter()
        self._most: Counter[str] = Counter()
        self._throttled: Counter[str] = Counter()

    @contextmanager
    def flight(self, mailbox: str) -> Iterator[bool]:
        """One request on a mailbox, from start to end; gives whether it is one too many.

        https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits
        """
        self._now[mailbox] += 1
        self._most[mailbox] = max(self._most[mailbox], self._now[mailbox])
        too_many = self._now[mailbox] > MOST_AT_ONCE
        self._throttled[mailbox] += too_many
        try:
            yield too_many
        finally:
            self._now[mailbox] -= 1

    def report(self) -> Traffic:
        return Traffic(
            calls=self.calls,
            most_in_flight=self._most,
            throttled=+self._throttled,
            violations=tuple(self.violations),
        )
