"""`Prefer: wait=N` (RFC 7240): a mail is delivered before its caller is answered, if that is possible in time."""

import logging
import re
from collections.abc import Callable
from concurrent.futures import Executor
from concurrent.futures import TimeoutError as TookTooLong
from datetime import datetime, timedelta

from mailer.delivery.accept import accept
from mailer.delivery.mail import QueuedMessage
from mailer.delivery.record import Receipt, Status
from mailer.delivery.stores import Stores
from mailer.request.model import MailRequest

log = logging.getLogger("mailer.prefer")

LONGEST = timedelta(seconds=85)  # and MARGIN: its message must not lie on the queue for more than two minutes
MARGIN = timedelta(seconds=30)


def wished_wait(header: str) -> timedelta:
    """How long the caller would wait; nothing if it did not say."""
    wish = re.search(r"(?:^|[,;\s])wait\s*=\s*(\d{1,6})", header)
    return min(timedelta(seconds=int(wish[1])), LONGEST) if wish else timedelta()


def accept_and_deliver(
    request: MailRequest,
    *,
    within: timedelta,
    deliver: Callable[[QueuedMessage], Status],
    pool: Executor,
    stores: Stores,
    clock: Callable[[], datetime],
) -> Receipt:
    """Accept the mail, deliver it here, and tell how far it has come. Raises what accept raises.

    Its message is queued all the same, for later than that: it finds the mail done, or a worker that stopped. Whatever
    goes wrong here after the acceptance, the caller gets the receipt.
    """
    accepted = accept(request, stores=stores, clock=clock, head_start=within + MARGIN)
    receipt = accepted.receipt
    if accepted.message is None:
        return receipt
    message = QueuedMessage(body=accepted.message.encode(), id="", inserted_at=None)
    delivery = pool.submit(deliver, message)
    try:
        return Receipt(id=receipt.id, status=delivery.result(within.total_seconds()))
    except TookTooLong:
        return receipt
    except Exception:  # the mail is accepted, and its message will come
        log.exception("waited_for_in_vain id=%s", receipt.id)
        return receipt
