"""How long a mail takes from its acceptance to Graph's 202, by each door, through the function host and a real worker.

One mail at a time, so that nothing waits for another: what is measured is the way, and how often an idle queue is
looked at (host.json's maxPollingInterval). Both instants are those of the record; a message's is that of its answer.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

import requests
from azure.storage.queue import QueueClient

from mailer.local.stack import Stack
from tests.benchmarks.figures import percentiles
from tests.benchmarks.stage import request, services

WITHIN = 30  # seconds


def run(*, quick: bool) -> None:
    """Print the percentiles."""
    mails = 8 if quick else 60
    with services(host=True) as stack, requests.Session() as session:
        for name, take, goal in (
            ("HTTP, urgent: within the call", lambda: by_http(stack, session, priority="urgent"), ""),
            ("HTTP: p50, p95, p99", lambda: by_http(stack, session), "≤ 2 s and the way"),
            ("queue: p50, p95, p99", lambda: by_queue(stack, session), "≤ 2 s and the way"),
        ):
            take()
            seconds = []
            for _ in range(mails):
                time.sleep(random.uniform(0, 2))  # somewhere between two looks at the queue
                seconds.append(take())
            percentiles(name, seconds, goal)


def by_http(stack: Stack, session: requests.Session, **members: object) -> float:
    """Seconds from acceptance to 202 of a mail that comes by HTTP."""
    reply = session.post(f"{stack.url}/emails", data=request(**members), timeout=60)
    reply.raise_for_status()
    times = sent(lambda: session.get(f"{stack.url}/emails/{reply.json()['id']}", timeout=60).json())
    return (times["sent"] - times["queued"]).total_seconds()


def by_queue(stack: Stack, session: requests.Session) -> float:
    """Seconds from a message's arrival on the queue to 202."""
    number = str(time.time_ns())
    with QueueClient.from_connection_string(stack.storage, "emails") as queue:
        put = queue.send_message(request(tags={"number": number}).decode())
    began = datetime.now(UTC)

    def newest() -> dict:
        found = session.get(f"{stack.url}/emails", params={"tag": f"number:{number}"}, timeout=60).json()["value"]
        return found[0] if found else {}

    assert put.id
    return (sent(newest)["sent"] - began).total_seconds()


def sent(look: Callable[[], dict]) -> dict[str, datetime]:
    """The record's instants, once there is that of its 202."""
    deadline = time.monotonic() + WITHIN
    while "sent" not in (times := look().get("times", {})):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return {status: datetime.fromisoformat(instant) for status, instant in times.items()}
