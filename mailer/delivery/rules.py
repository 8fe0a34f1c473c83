"""What the settings allow: who may send, and whom mails may reach. Raises ConfigError where an address is none.

Apart from settings.py, because checking addresses is too dear for a cold start.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from mailer.callers.policy import QUEUE, Asked, Caller, Callers
from mailer.delivery.attempt import Compose, Preparation
from mailer.delivery.gate import Gate, Mode
from mailer.delivery.suppression import Among
from mailer.errors import ConfigError, InvalidRequest, Problem
from mailer.request.address import Address, parse_address
from mailer.request.limits import check_limits
from mailer.request.members import Priority
from mailer.request.model import MailRequest
from mailer.request.parse import Rules, read_request
from mailer.settings import Settings


def gate_of(settings: Settings) -> Gate:
    """Whom mails may reach."""
    try:
        return Gate(
            mode=Mode(settings.gate),
            redirect_to=parse_address(settings.redirect_to) if settings.redirect_to else None,
            allowed=frozenset(map(normal_entry, settings.allowed_recipients)),
        )
    except ValueError as error:
        message = f"MAILER_REDIRECT_TO or MAILER_ALLOWED_RECIPIENTS is wrong: an entry {error}."
        raise ConfigError([message]) from error


def normal_entry(entry: str) -> str:
    """An address or a domain of a setting as requests have it. Raises ValueError."""
    domain = "@" not in entry
    return parse_address(f"x@{entry}" if domain else entry).address.removeprefix("x@" if domain else "").lower()


def callers_of(settings: Settings) -> Callers | None:
    """Who may do what; None where nobody is asked."""
    if settings.callers is None:
        return None
    try:
        return Callers(tuple(caller.normalised(normal_entry) for caller in settings.callers.all))
    except ValueError as error:
        message = f"MAILER_CALLERS is wrong: an entry of `from` or `to` {error}."
        raise ConfigError([message]) from error


def forbidden(request: MailRequest, caller: Caller, priority: Callable[[MailRequest], str]) -> Iterator[Problem]:
    """What this caller may not ask for. Of a request that is wrong in itself only the template is known."""
    template = request.template.id if request.template else None
    if getattr(request, "sender", None) is None:
        return caller.problems(Asked(template=template, whole=False))
    lists = {name: getattr(request, name) for name in ("to", "cc", "bcc", "reply_to")}
    return caller.problems(
        Asked(
            sender=request.pool or request.mailbox.address.lower(),
            template=template,
            recipients={
                f"{name}[{place}]": recipient.address.lower()
                for name, recipients in lists.items()
                for place, recipient in enumerate(recipients)
            },
            priority=priority(request),
        )
    )


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
    rules: Callable[[], Rules],
    compose: Compose,
    gate: Callable[[], Gate],
    clock: Callable[[], datetime],
    *,
    callers: Callable[[], Callers | None] = lambda: None,
    priority: Callable[[MailRequest], str] = lambda _: Priority.NORMAL,
    suppressed: Among = lambda _: frozenset(),
) -> Preparation:
    """How a queued message becomes a mail. Settings are looked at when it comes; it waits if one is wrong."""

    def read(members: dict[str, Any]) -> MailRequest:
        now = clock()
        request = read_request(members, rules=rules())
        check_limits(request, now)
        if request.scheduled_at and request.scheduled_at > now:
            compose(request, mail="")  # what cannot be composed today is not promised for another day
        return request

    def permit(request: MailRequest, caller: str | None) -> None:
        """A mail that was accepted before there were callers is nobody's, and stays accepted."""
        known = callers()
        if known and caller and (problems := list(forbidden(request, known.named(caller), priority))):
            raise InvalidRequest(problems)

    return Preparation(
        read=read,
        permit=permit,
        producer=lambda: QUEUE if callers() else None,
        suppressed=suppressed,
        compose=compose,
        screen=lambda mail: gate().screen(mail),
    )
