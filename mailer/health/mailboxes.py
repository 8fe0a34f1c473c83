"""Whether the app may send from its mailboxes, asked of Graph itself, and whose clock is wrong. Nothing is sent."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from mailer.errors import ConfigError
from mailer.health.clock import CURE, HARMFUL, NOTABLE, WHY, skew, told
from mailer.health.permission import Answer, fault_of

FRESH_FOR = timedelta(minutes=10)  # for which all that was well is not asked again

Ask = Callable[[str, str], tuple[int, str, str]]
"""Asks with a token to send a mail to nobody from a mailbox: status, error code and `Date` of the answer."""


class Mailboxes:
    """The mailboxes that mails may come from, as Graph sees them."""

    def __init__(
        self,
        mailboxes: Callable[[], Sequence[str]],
        *,
        token: Callable[[], str],
        roles: Callable[[str], Sequence[str]],
        ask: Ask,
        clock: Callable[[], datetime],
    ) -> None:
        self._mailboxes = mailboxes
        self._token = token
        self._roles = roles
        self._ask = ask
        self._clock = clock
        self._well_at: datetime | None = None
        self._ahead: timedelta | None = None

    def permission(self) -> list[str]:
        """What cannot be told; raises ConfigError for a mailbox that the app may not send from, TryLater."""
        if self._well_at and self._clock() - self._well_at < FRESH_FOR:
            return []
        token, self._well_at = self._token(), None
        fault = fault_of({mailbox: self._answer(mailbox, token) for mailbox in self._mailboxes()}, self._roles(token))
        if fault is None:
            self._well_at = self._clock()
            return []
        if fault.sure:
            raise ConfigError([str(fault)])
        return [str(fault)]

    def clock(self) -> list[str]:
        """How far this machine's clock is off that of Graph, where it is notable; raises ConfigError where it harms."""
        if self._ahead is None or abs(self._ahead) < NOTABLE:
            return []
        problem = f"{told(self._ahead, 'Graph')} {WHY} {CURE}"
        if abs(self._ahead) >= HARMFUL:
            raise ConfigError([problem])
        return [problem]

    def _answer(self, mailbox: str, token: str) -> Answer:
        before = self._clock()
        status, code, date = self._ask(mailbox, token)
        self._ahead = skew(date, before=before, after=self._clock())
        return Answer(status, code)
