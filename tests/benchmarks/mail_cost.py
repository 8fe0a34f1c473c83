"""What a mail costs in processor time, beside a loop that renders and posts the same mail with requests.Session.

Both run in this process and in turn, against the same local cloud over TLS; storage is Azurite. Only this process's own
processor time counts, and the result is a ratio, so that a noisy machine shows little.
"""

import logging
import os
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

import jinja2
import requests

from mailer import wiring
from mailer.delivery.accept import accept
from mailer.delivery.mail import QueuedMessage
from mailer.graph.mailbox import Mailbox
from mailer.local.cloud.control import Control
from mailer.local.stack import Stack
from mailer.request.mail_id import mail_id
from mailer.request.parse import parse
from tests.benchmarks.figures import ratio, told
from tests.benchmarks.stage import SCRIPTS_BODY, SUBJECT, request, services, variables

LOOP = "a loop of requests.Session"
MAILS = 15  # in a round


def run(*, quick: bool) -> None:
    """Print the ratios."""
    with (
        services() as stack,
        closing(Control(f"https://localhost:{stack.ports.cloud}", stack.folder / "ca.pem")) as control,
    ):
        parts = {
            "whole queue mail": (queue_mail(), "≤ 3.0"),
            "HTTP accept": (http_accept(), "≤ 3.0"),
            "send path": (send_path(), "≤ 1.1"),
            LOOP: (loop_of_a_script(f"https://localhost:{stack.ports.cloud}"), ""),
        }
        for once, _ in parts.values():
            once(), once(), once()
        costs: dict[str, list[float]] = {name: [] for name in parts}
        for _ in range(3 if quick else 16):
            control.reset()
            for name, (once, _) in parts.items():
                began = time.process_time()
                for _ in range(MAILS):
                    once()
                costs[name].append((time.process_time() - began) / MAILS)
        for name, (_, goal) in parts.items():
            if name != LOOP:
                ratio(name, costs[name], costs[LOOP], goal)
        for name, goal in (("whole queue mail", "1 and 2"), ("HTTP accept", "0 and 2")):
            # One in five seconds reads the pauses and the alarms of all instances, too.
            graph, storage = min(calls_of(parts[name][0], stack) for _ in range(4))
            told(f"requests of one {name}: Graph, Storage", f"{graph} and {storage}", goal)


def calls_of(once: Callable[[], object], stack: Stack) -> tuple[int, int]:
    """How many requests it makes to Graph and to Storage, as urllib3 logs them."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    log = logging.getLogger("urllib3.connectionpool")
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
    try:
        once()
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)
    asked = [line for line in lines if "HTTP/1.1" in line]
    to_graph = sum(f":{stack.ports.cloud} " in line for line in asked)
    return to_graph, len(asked) - to_graph


def queue_mail() -> Callable[[], None]:
    """From a producer's message to the record that says sent."""
    numbers = iter(range(1_000_000))

    def once() -> None:
        number = next(numbers)
        message = QueuedMessage(body=request(f"Hello {number}"), id=f"m{number}", inserted_at=datetime.now(UTC))
        assert wiring.delivery().deliver(message) == "sent"

    return once


def http_accept() -> Callable[[], object]:
    """From the body of a POST to the receipt: the record is written, and the message."""
    numbers = iter(range(1_000_000))

    def once() -> object:
        asked = parse(request(f"Hello {next(numbers)}"), rules=wiring.rules())
        return accept(asked, stores=wiring.stores(), turns=wiring.turns(), clock=wiring.clock)

    return once


def send_path() -> Callable[[], None]:
    """Compose and post, without a record: what the loop does, by the product's own steps."""
    mailbox = Mailbox(wiring.graph(), wiring.graph_tokens)
    asked = [parse(request(f"Hello {number}"), rules=wiring.rules()) for number in range(7)]
    numbers = iter(range(1_000_000))

    def once() -> None:
        one = asked[next(numbers) % len(asked)]
        mail = wiring.composer().compose(one, mail=mail_id(datetime.now(UTC), os.urandom(10)))
        mailbox.send(wiring.gate().screen(mail).mail, mailbox.authorize())

    return once


def loop_of_a_script(graph: str) -> Callable[[], None]:
    """What a developer would write: no record, no retry, no check of anything."""
    body = jinja2.Environment(autoescape=True).from_string(SCRIPTS_BODY)
    subject = jinja2.Environment(autoescape=False).from_string(SUBJECT)
    session = requests.Session()
    token = wiring.graph_tokens().token()
    url = f"{graph}/v1.0/users/shop@contoso.com/sendMail"
    numbers = iter(range(1_000_000))

    def once() -> None:
        values = variables(f"Hello {next(numbers)}")
        message = {
            "subject": subject.render(values),
            "body": {"contentType": "html", "content": body.render(values)},
            "toRecipients": [{"emailAddress": {"address": "ada@example.com", "name": "Ada"}}],
        }
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        reply = session.post(url, json={"message": message}, headers=headers, timeout=30)
        assert reply.status_code == 202

    return once
