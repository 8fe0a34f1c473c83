"""`Prefer: wait=N` (RFC 7240): a mail is delivered before its caller is answered, if that is possible in time."""

import re
from collections.abc import Callable
from concurrent.futures import Executor
from concurrent.futures import TimeoutError as TookTooLong
from datetime import datetime, timedelta

from mailer.delivery.accept import Put, Store, accept
from mailer.delivery.deliver import QueuedMessage
from mailer.delivery.message import write_message
from mailer.delivery.record import Ledger, Receipt, Status
from mailer.errors import TryLater
from mailer.request.model import Envelope, MailRequest

LONGEST = timedelta(seconds=100)  # under the 230 seconds after which Azure cuts a call off
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
    ledger: Ledger,
    put: Put,
    store: Store,
    clock: Callable[[], datetime],
) -> Receipt:
    """Accept the mail, deliver it here, and tell how far it has come. Raises what accept raises.

    Its message is queued all the same, for later than that: it finds the mail done, or a worker that stopped.
    """
    messages: list[QueuedMessage] = []

    def put_for_later(request: MailRequest | None, envelope: Envelope, *, after: timedelta) -> None:
        put(request, envelope, after=max(after, within + MARGIN))
        if not after:
            text = write_message(request.as_json() if request else {}, envelope.model_dump(exclude_defaults=True))
            messages.append(QueuedMessage(body=text.encode(), id="", inserted_at=None))

    receipt = accept(request, ledger=ledger, put=put_for_later, store=store, clock=clock)
    if not messages:
        return receipt
    delivery = pool.submit(deliver, messages[-1])
    try:
        return Receipt(id=receipt.id, status=delivery.result(within.total_seconds()))
    except (TookTooLong, TryLater):
        return receipt
