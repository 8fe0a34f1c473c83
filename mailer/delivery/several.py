"""The mails of one message, each delivered by itself."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from mailer.delivery.mail import QueuedMessage
from mailer.delivery.message import apart
from mailer.delivery.record import Status

Spread = Callable[
    [Callable[[QueuedMessage], Status | Exception], Iterable[QueuedMessage]], Iterable[Status | Exception]
]
"""As `map`, several at a time."""


def each(message: QueuedMessage, take: Callable[[QueuedMessage], Status], spread: Spread) -> Status:
    """Take each mail of the message; one's failure is no other's. The last one's status.

    Raises what one has raised, once all are done: the message comes again, and finds nothing to do for the others.
    """

    def one(part: QueuedMessage) -> Status | Exception:
        try:
            return take(part)
        except Exception as failed:  # noqa: BLE001 - it is raised below
            return failed

    parts = [replace(message, body=body) for body in apart(message.body)]
    if len(parts) == 1:
        return take(message)
    status = Status.QUEUED
    for end in list(spread(one, parts)):
        if isinstance(end, Exception):
            raise end
        status = end
    return status
