"""How many mails a second leave where Graph takes 200 ms for each: of the requests in flight that a mailbox allows.

Four in flight at one mailbox are 20 mails a second, 32 over eight mailboxes 160. More messages are taken than can be in
flight, as the host does: a mail is claimed while others are with Graph.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from mailer import wiring
from mailer.delivery.mail import QueuedMessage
from tests.benchmarks.figures import told
from tests.benchmarks.stage import beside_slow_graph, request

MILLISECONDS = 200
IN_FLIGHT = 4  # at a mailbox
SETTINGS = {"MAILER_SENDERS": ",".join(f"box{number}@contoso.com" for number in range(8))}


def run(*, quick: bool) -> None:
    """Print both."""
    with beside_slow_graph(MILLISECONDS, **SETTINGS):
        for mailboxes, mails in ((1, 60 if quick else 240), (8, 240 if quick else 1600)):
            bound = mailboxes * IN_FLIGHT * 1000 / MILLISECONDS
            found = mails_a_second(mailboxes, mails)
            name = f"{mailboxes * IN_FLIGHT} in flight, mailboxes: {mailboxes}"
            told(name, f"{found:.1f} a second of {bound:.0f}, {found / bound:.0%}", "≥ 92 %")


def mails_a_second(mailboxes: int, mails: int) -> float:
    def deliver(number: int) -> None:
        body = request(f"Hello {number}", sender=f"box{number % mailboxes}@contoso.com")
        message = QueuedMessage(body=body, id=f"{mailboxes}-{number}", inserted_at=datetime.now(UTC))
        assert wiring.delivery().deliver(message) == "sent"

    threads = mailboxes * IN_FLIGHT + 8
    with ThreadPoolExecutor(threads) as several:
        list(several.map(deliver, range(-threads, 0)))  # connections are made, and all is imported
        began = time.monotonic()
        list(several.map(deliver, range(mails)))
        return mails / (time.monotonic() - began)
