"""What the settings allow: who may send, and whom mails may reach. Raises ConfigError where an address is none.

Apart from settings.py, because checking addresses is too dear for a cold start.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from mailer.delivery.accept import check_limits
from mailer.delivery.attempt import Compose, Preparation
from mailer.delivery.gate import Gate, Mode
from mailer.errors import ConfigError, Problem
from mailer.request.address import Address, parse_address
from mailer.request.model import MailRequest
from mailer.request.parse import Rules, read_request
from mailer.settings import Settings


def gate_of(settings: Settings) -> Gate:
    """Whom mails may reach."""

    def normal(entry: str) -> str:
        domain = "@" not in entry
        return parse_address(f"x@{entry}" if domain else entry).address.removeprefix("x@" if domain else "").lower()

    try:
        return Gate(
            mode=Mode(settings.gate),
            redirect_to=parse_address(settings.redirect_to) if settings.redirect_to else None,
            allowed=frozenset(map(normal, settings.allowed_recipients)),
        )
    except ValueError as error:
        message = f"MAILER_REDIRECT_TO or MAILER_ALLOWED_RECIPIENTS is wrong: an entry {error}."
        raise ConfigError([message]) from error


def rules_of(settings: Settings, gate: Gate, content_problems: Callable[[MailRequest], Iterable[Problem]]) -> Rules:
    """What a request must meet."""
    try:
        senders = [parse_address(sender) for sender in settings.senders]
    except ValueError as error:
        message = f"MAILER_SENDERS is wrong ({error}). It holds the mailboxes that may send, separated by commas."
        raise ConfigError([message]) from error
    return Rules(
        senders=senders,
        pools=pools_of(settings),
        content_problems=content_problems,
        headers=settings.headers,
        max_headers=gate.max_headers,
    )


def pools_of(settings: Settings) -> dict[str, tuple[Address, ...]]:
    """The mailboxes of each pool."""
    try:
        return {name: tuple(map(parse_address, mailboxes)) for name, mailboxes in settings.pools.items()}
    except ValueError as error:
        message = f"MAILER_POOLS is wrong ({error}). It holds pools such as news=news1@contoso.com,news2@contoso.com."
        raise ConfigError([message]) from error


def preparation_of(
    rules: Callable[[], Rules], compose: Compose, gate: Callable[[], Gate], clock: Callable[[], datetime]
) -> Preparation:
    """How a queued message becomes a mail. Settings are looked at when it comes; it waits if one is wrong."""

    def read(members: dict[str, Any]) -> MailRequest:
        now = clock()
        request = read_request(members, rules=rules())
        check_limits(request, now)
        if request.scheduled_at and request.scheduled_at > now:
            compose(request, mail="")  # what cannot be composed today is not promised for another day
        return request

    return Preparation(read=read, compose=compose, screen=lambda mail: gate().screen(mail))
