"""How many messages lie on the queue while very many mails wait: what the host's scaler counts.

    python -m tests.benchmarks.waiting [--scheduled 10000] [--waiting 1000]

Over Azurite and the local cloud, whose tenant has taken the app's permission away: mails that are scheduled for the
next week, and others that wait for the permission to be mended. Both are accepted and delivered by the app's own steps.
"""

import argparse
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.data.tables import TableClient
from azure.storage.queue import QueueClient

from mailer import wiring
from mailer.delivery.accept import accept
from mailer.delivery.mail import QueuedMessage
from mailer.delivery.message import SOON
from mailer.local.cloud.control import Control
from mailer.local.stack import Ports, Stack
from mailer.request.parse import parse

THREADS = 8


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks.waiting")
    options.add_argument("--scheduled", type=int, default=10_000)
    options.add_argument("--waiting", type=int, default=1_000)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), ports=Ports.free(), host=False) as stack:
        os.environ.update(stack.settings() | {"MAILER_MAILBOX_RATE": "off"})
        cloud = Control(f"https://localhost:{stack.ports.cloud}", Path(folder) / "ca.pem")
        cloud.set(roles=())
        with (
            QueueClient.from_connection_string(stack.storage, "emails") as queue,
            TableClient.from_connection_string(stack.storage, "emails") as table,
            ThreadPoolExecutor(THREADS) as several,
        ):
            queue.create_queue()
            most = Most(queue)
            now = datetime.now(UTC)
            began = time.monotonic()
            for number, _ in enumerate(several.map(take, (in_a_week(now, each) for each in range(given.scheduled)))):
                most.look(number)
            print(f"{given.scheduled} scheduled in {time.monotonic() - began:.0f} s: {most}", flush=True)
            began = time.monotonic()
            for number, _ in enumerate(several.map(deliver, range(given.waiting))):
                most.look(number)
            print(f"{given.waiting} refused a permission in {time.monotonic() - began:.0f} s: {most}", flush=True)
            began = time.monotonic()
            while time.monotonic() - began < SOON.total_seconds():
                wiring.release()
                most.look(0)
                time.sleep(5)
            rows = table.query_entities("PartitionKey ge 'due|' and PartitionKey lt 'due}'", select=["due"])
            dues = [row["due"] - datetime.now(UTC) for row in rows]
            count = queue.get_queue_properties().approximate_message_count
            soon = sum(due <= SOON for due in dues)
            print(
                f"two minutes later: {count} on the queue; {len(dues)} rows in the table, {soon} of them due within two"
            )
        cloud.close()


def in_a_week(now: datetime, number: int) -> bytes:
    due = now + timedelta(days=1, seconds=60 * (number % 8640))
    return b'{"to":"ada@example.com","subject":"s","text":"t","scheduled_at":"%s"}' % due.isoformat().encode()


def take(body: bytes) -> None:
    accept(parse(body, rules=wiring.rules()), stores=wiring.stores(), turns=wiring.turns(), clock=wiring.clock)


def deliver(number: int) -> None:
    body = b'{"to":"ada@example.com","subject":"%d","text":"t"}' % number
    wiring.delivery().deliver(QueuedMessage(body=body, id=str(number), inserted_at=datetime.now(UTC)))


class Most:
    """The highest count of the queue, looked at now and then."""

    def __init__(self, queue: QueueClient) -> None:
        self._queue = queue
        self.count = 0

    def look(self, number: int) -> None:
        if number % 100 == 0:
            self.count = max(self.count, self._queue.get_queue_properties().approximate_message_count or 0)

    def __str__(self) -> str:
        return f"ApproximateMessagesCount at most {self.count}"


if __name__ == "__main__":
    main()
