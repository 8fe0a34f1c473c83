"""What a mail costs in processor time, beside a loop that renders and posts the same mail with requests.Session.

    python -m tests.benchmarks.mail_cost

Both run in this process and in turn, against the same local cloud over TLS; storage is Azurite. Only this process's own
processor time counts, and the result is a ratio, so that a noisy machine shows little.
"""

import json
import os
import statistics
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import jinja2
import requests

from mailer import wiring
from mailer.delivery.accept import accept
from mailer.delivery.mail import QueuedMessage
from mailer.graph.mailbox import Mailbox
from mailer.local.cloud.control import Control
from mailer.local.stack import Ports, Stack
from mailer.request.mail_id import mail_id
from mailer.request.parse import parse

ROUNDS = 12
MAILS = 15  # in a round
ROWS = 60  # of the report: about 15 KB


def main() -> None:
    with services() as stack:
        baseline = loop_of_a_script(stack)
        parts = {
            "whole queue mail": queue_mail(),
            "HTTP accept": http_accept(),
            "send path": send_path(),
            "loop of requests.Session": baseline,
        }
        control = Control(f"https://localhost:{stack.ports.cloud}", stack.folder / "ca.pem")
        for run in parts.values():
            run()
        costs: dict[str, list[float]] = {name: [] for name in parts}
        for _ in range(ROUNDS):
            control.reset()
            for name, run in parts.items():
                began = time.process_time()
                for _ in range(MAILS):
                    run()
                costs[name].append((time.process_time() - began) / MAILS)
        base = statistics.median(costs["loop of requests.Session"])
        for name, each in costs.items():
            ratios = [one / other for one, other in zip(each, costs["loop of requests.Session"], strict=True)]
            print(f"{name:26} {statistics.median(each) * 1000:6.2f} ms  ratio {statistics.median(ratios):.2f}")
        print(f"baseline {base * 1000:.2f} ms of processor time a mail")


@contextmanager
def services():
    """All services but the host, and the app's settings in the environment."""

    with Stack(Path(tempfile.mkdtemp()), ports=Ports.free(), host=False) as stack:
        os.environ |= stack.settings() | {
            "MAILER_TEMPLATES": str(templates()),
            "NO_PROXY": "localhost,127.0.0.1",
            "MAILER_MAILBOX_RATE": os.environ.get("RATE", "off"),
            "MAILER_MAILBOX_DAILY": "off",
        }
        yield stack


def templates() -> Path:
    """One template whose mail has about 15 KB."""
    folder = Path(tempfile.mkdtemp())
    (folder / "report").mkdir()
    (folder / "report/subject.txt").write_text("Report of {{ day }}")
    (folder / "report/body.html").write_text(BODY)
    (folder / "report/sample.json").write_text(json.dumps(VARIABLES))
    return folder


BODY = """<html><head><style>td { padding: 4px } .n { color: #333 } p { margin: 0 }</style></head><body>
<p>{{ greeting }}</p><table>{% for row in rows %}<tr><td class="n">{{ row.name }}</td><td>{{ row.count }}</td>
<td>{{ row.share }}</td></tr>{% endfor %}</table></body></html>"""
VARIABLES = {
    "day": "Monday",
    "greeting": "Good morning, Ada",
    "rows": [
        {"name": f"Article {number} of the catalogue", "count": number, "share": "1.7 %"} for number in range(ROWS)
    ],
}
REQUEST = {
    "to": "Ada <ada@example.com>",
    "from": "shop@contoso.com",
    "template": {"id": "report", "variables": VARIABLES},
}


def queue_mail():

    numbers = iter(range(1_000_000))
    body = json.dumps(REQUEST).encode()

    def run():
        message = QueuedMessage(body=body, id=f"m{next(numbers)}", inserted_at=datetime.now(UTC))
        assert wiring.delivery().deliver(message) == "sent"

    return run


def http_accept():

    body = json.dumps(REQUEST).encode()
    return lambda: accept(
        parse(body, rules=wiring.rules()), stores=wiring.stores(), turns=wiring.turns(), clock=wiring.clock
    )


def send_path():
    """Compose and post, without a record: what the loop does, by the product's own steps."""

    mailbox = Mailbox(wiring.graph(), wiring.graph_tokens)
    request = parse(json.dumps(REQUEST).encode(), rules=wiring.rules())

    def run():
        mail = wiring.composer().compose(request, mail=mail_id(datetime.now(UTC), os.urandom(10)))
        mailbox.send(wiring.gate().screen(mail).mail, mailbox.authorize())

    return run


def loop_of_a_script(stack):

    body = jinja2.Environment(autoescape=True).from_string(BODY)
    subject = jinja2.Environment(autoescape=False).from_string("Report of {{ day }}")
    session = requests.Session()
    token = wiring.graph_tokens().token()
    url = f"https://localhost:{stack.ports.cloud}/v1.0/users/shop@contoso.com/sendMail"

    def run():
        message = {
            "subject": subject.render(VARIABLES),
            "body": {"contentType": "html", "content": body.render(VARIABLES)},
            "toRecipients": [{"emailAddress": {"address": "ada@example.com", "name": "Ada"}}],
        }
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        reply = session.post(url, json={"message": message}, headers=headers, timeout=30)
        assert reply.status_code == 202

    return run


if __name__ == "__main__":
    main()
