"""`Prefer: wait=N` (RFC 7240): a mail is delivered before its caller is answered, if that is possible in time."""

import logging
import re
import time
from collections.abc import Callable
from concurrent.futures import Executor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import replace
from datetime import datetime, timedelta

from mailer.delivery.accept import accept
from mailer.delivery.mail import QueuedMessage
from mailer.delivery.record import Receipt, Status
from mailer.delivery.stores import Stores
from mailer.delivery.turns import Turns
from mailer.request.model import MailRequest, Priority

log = logging.getLogger("mailer.prefer")

LONGEST = timedelta(seconds=85)  # and MARGIN: its message must not lie on the queue for more than two minutes
URGENT = timedelta(seconds=10)  # how long a caller waits who has sent an urgent mail and did not say


def wished_wait(header: str, priority: Priority = Priority.NORMAL) -> timedelta:
    """How long the caller would wait; nothing if it did not say, unless the mail is urgent."""
    wish = re.search(r"(?:^|[,;\s])wait\s*=\s*(\d{1,6})", header)
    return (
        min(timedelta(seconds=int(wish[1])), LONGEST)
        if wish
        else URGENT
        if priority is Priority.URGENT
        else timedelta()
    )


def accept_and_deliver(
    request: MailRequest,
    *,
    within: timedelta,
    deliver: Callable[[QueuedMessage], Status],
    pool: Executor,
    stores: Stores,
    turns: Turns,
    clock: Callable[[], datetime],
    pause: Callable[[float], None] = time.sleep,
) -> Receipt:
    """Accept the mail, deliver it here, and tell how far it has come. Raises what accept raises.

    Its message is queued all the same, for later than that: it finds the mail done, or a worker that stopped. Whatever
    goes wrong here after the acceptance, the caller gets the receipt.
    """
    accepted = accept(request, stores=stores, turns=turns, clock=clock, within=within)
    receipt = accepted.receipt
    if accepted.message is None:
        return receipt
    message = QueuedMessage(body=accepted.message.encode(), id="", inserted_at=None)

    def deliver_in_turn() -> Status:
        if receipt.expected_at and (left := receipt.expected_at - clock()) > timedelta():
            pause(left.total_seconds())
        return deliver(message)

    delivery = pool.submit(deliver_in_turn)
    try:
        return replace(receipt, status=delivery.result(within.total_seconds()))
    except TookTooLong:
        return receipt
    except Exception:  # the mail is accepted, and its message will come
        log.exception("waited_for_in_vain id=%s", receipt.id)
        return receipt
