"""`Prefer: wait=N` (RFC 7240): a mail is delivered before its caller is answered, if that is possible in time."""

import asyncio
import logging
import re
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime, timedelta

from mailer.delivery.accept import Accepted
from mailer.delivery.mail import QueuedMessage
from mailer.delivery.record import Receipt, Status
from mailer.delivery.stores import Ledger
from mailer.request.members import Priority

log = logging.getLogger("mailer.prefer")

LONGEST = timedelta(seconds=85)  # under the time after which Azure cuts a call off
URGENT = timedelta(seconds=10)  # how long a caller waits who has sent an urgent mail and did not say


def wished_wait(header: str, priority: Priority = Priority.NORMAL) -> timedelta:
    """How long the caller would wait; nothing if it did not say, unless the mail is urgent."""
    if wish := re.search(r"(?:^|[,;\s])wait\s*=\s*(\d{1,6})", header):
        return min(timedelta(seconds=int(wish[1])), LONGEST)
    return URGENT if priority is Priority.URGENT else timedelta()


async def delivered(
    accepted: Accepted,
    *,
    within: timedelta,
    deliver: Callable[[QueuedMessage], Status],
    ledger: Ledger,
    pool: Executor,
    clock: Callable[[], datetime],
) -> Receipt:
    """Deliver an accepted mail here in its turn, and tell how far it has come. No thread waits with the caller.

    Its message lies on the queue all the same, due after that: it finds the mail done, or a worker that stopped.
    Whatever goes wrong here, the mail is accepted and the caller gets the receipt.
    """
    receipt = accepted.receipt
    if accepted.message is None:
        return receipt
    message = QueuedMessage(body=accepted.message.encode(), id="", inserted_at=None)
    ends = clock() + within
    if receipt.expected_at and (left := receipt.expected_at - clock()) > timedelta():
        await asyncio.sleep(left.total_seconds())
    loop = asyncio.get_running_loop()
    delivery = loop.run_in_executor(pool, _delivered, receipt, message, deliver, ledger)
    try:
        return await asyncio.wait_for(asyncio.shield(delivery), max(0.0, (ends - clock()).total_seconds()))
    except TimeoutError:
        return receipt


def _delivered(
    receipt: Receipt, message: QueuedMessage, deliver: Callable[[QueuedMessage], Status], ledger: Ledger
) -> Receipt:
    try:
        status = deliver(message)
        record = None if status is Status.SENT else ledger.read(receipt.id)
    except Exception:  # the mail is accepted, and its message will come
        log.exception("waited_for_in_vain id=%s", receipt.id)
        return receipt
    if record is None:
        return Receipt(id=receipt.id, status=status)
    return Receipt(id=record.id, status=record.status, error_code=record.error_code, error_message=record.error_message)
