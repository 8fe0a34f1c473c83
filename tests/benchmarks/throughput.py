"""How many mails a second leave where Graph takes 200 ms for each: of the requests in flight that a mailbox allows.

Four in flight at one mailbox are 20 mails a second, 32 over eight mailboxes 160. More messages are taken than can be in
flight, as the host does: a mail is claimed while others are with Graph. Beside it a script's loop in as many threads,
and the processor time of both: a process of Python's has no more than one core.
"""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from mailer import wiring
from mailer.delivery.mail import QueuedMessage
from tests.benchmarks.figures import told
from tests.benchmarks.mail_cost import LOOP, loop_of_a_script
from tests.benchmarks.stage import beside_slow_graph, request

MILLISECONDS = 200
IN_FLIGHT = 4  # at a mailbox
SETTINGS = {"MAILER_SENDERS": ",".join(f"box{number}@contoso.com" for number in range(8))}


def run(*, quick: bool) -> None:
    """Print both, each beside the loop."""
    with beside_slow_graph(MILLISECONDS, **SETTINGS):
        for mailboxes, mails in ((1, 60 if quick else 240), (8, 240 if quick else 1600)):
            in_flight = mailboxes * IN_FLIGHT
            bound = in_flight * 1000 / MILLISECONDS
            name = f"{in_flight} in flight, mailboxes: {mailboxes}"
            tell(name, bound, mails, in_flight + 8, by_mailer(mailboxes), goal="≥ 92 %")
            tell(f"  {LOOP}, {in_flight} threads", bound, mails, in_flight, by_script())


def tell(name: str, bound: float, mails: int, threads: int, send: Callable[[int], None], *, goal: str = "") -> None:
    with ThreadPoolExecutor(threads) as several:
        list(several.map(send, range(-threads, 0)))  # connections are made, and all is imported
        began, used = time.monotonic(), time.process_time()
        list(several.map(send, range(mails)))
        seconds, used = time.monotonic() - began, time.process_time() - used
    rate = mails / seconds
    told(name, f"{rate:.1f} a second of {bound:.0f}, {rate / bound:.0%}", goal)
    told("    processor time: of a mail, of a core", f"{used / mails * 1000:.1f} ms, {used / seconds:.0%}")


def by_mailer(mailboxes: int) -> Callable[[int], None]:
    def deliver(number: int) -> None:
        body = request(f"Hello {number}", sender=f"box{number % mailboxes}@contoso.com")
        message = QueuedMessage(body=body, id=f"{mailboxes}-{number}", inserted_at=datetime.now(UTC))
        assert wiring.delivery().deliver(message) == "sent"

    return deliver


def by_script() -> Callable[[int], None]:
    own = threading.local()

    def post(_: int) -> None:
        if not hasattr(own, "once"):
            own.once = loop_of_a_script(os.environ["MAILER_GRAPH_URL"])
        own.once()

    return post
