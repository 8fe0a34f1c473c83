"""A host in virtual time over real parts: Azurite, the local cloud, and the app in Microsoft's worker library.

Days go by in milliseconds: the clock stands at what comes next, a message at its due time, a row in its minute, the
clean-up twice a day. A message is kept for ten minutes by whoever has it, comes again a minute after a run that failed,
and is moved to the poison queue after host.json's number of runs; there it has another id.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from azure.data.tables import TableClient
from azure.storage.queue import QueueClient

from mailer.local.programs import ROOT
from mailer.pace.later import AHEAD

HOST = json.loads((ROOT / "host.json").read_text())["extensions"]["queues"]
MESSAGE_LEASE = timedelta(minutes=10)
RUN_AGAIN = timedelta(minutes=1)
SWEEPS = timedelta(hours=12)
LOCKED = 3600  # seconds for which a message that this host has taken stays on the queue, out of sight


@dataclass
class Message:
    """One message that the host has seen."""

    queue: str
    text: str
    real: Any
    due: datetime
    inserted_at: datetime
    runs: int = 0


class MovedHost:
    """The host, and the app with these settings; storage of its own in the stack's Azurite."""

    def __init__(self, stack, folder, *, table_port=None, **settings):
        name = f"m{uuid4().hex[:20]}"
        self._folder = folder
        self.now = datetime.now(UTC)
        storage = stack.storage
        if table_port:
            storage = storage.replace(f":{stack.ports.table}/", f":{table_port}/")
        names = {"MAILER_QUEUE": name, "MAILER_TABLE": name, "MAILER_CONTAINER": name, "AzureWebJobsStorage": storage}
        names |= {"MAILER_MAILBOX_RATE": "30/min", "MAILER_MAILBOX_DAILY": "10000", "PYTHONPATH": str(ROOT)}
        self._environ = {**os.environ, **stack.settings(), **names}
        self._closing = ExitStack()
        self.queues = {
            each: self._closing.enter_context(QueueClient.from_connection_string(stack.storage, each))
            for each in (name, f"{name}-poison")
        }
        for queue in self.queues.values():
            queue.create_queue()
        self.queue, self.poison = self.queues
        self._table = self._closing.enter_context(TableClient.from_connection_string(stack.storage, name))
        self._table.create_table()
        self.messages = []
        self._dues = {}
        self._next_sweep = self.now + SWEEPS
        self.failures = []
        self.start(**settings)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.die()
        self._closing.close()

    # The app

    def start(self, **settings):
        """An instance of the app with these settings in place of the example's."""
        with (self._folder / "app.log").open("ab") as log:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "tests.moved_app", str(self._folder)],
                cwd=ROOT,
                env=self._environ | settings,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert json.loads(self._worker.stdout.readline() or "{}").get("ready"), "see app.log"

    def die(self):
        """SIGKILL: nothing the app could do about it."""
        self._worker.kill()
        self._worker.wait()
        self._worker.stdin.close()
        self._worker.stdout.close()

    def restart(self, **settings):
        self.die()
        self.start(**settings)

    def _ask(self, **run):
        self._begin(**run)
        return self._answer()

    def _answer(self):
        answer = json.loads(self._worker.stdout.readline())
        self._dues |= {text: datetime.fromisoformat(due) for text, due in answer["dues"]}
        return answer

    def _begin(self, **run):
        self._worker.stdin.write(json.dumps({"now": self.now.isoformat(), "run": run}) + "\n")
        self._worker.stdin.flush()

    # Its doors

    def http(self, name, method, *, body=None, **route):
        url = "https://mailer.example.com/api/emails"
        given = {"method": method, "url": url, "body": json.dumps(body or {}), "route_params": route}
        answer = self._ask(kind="http", name=name, **given)
        assert "failed" not in answer, answer
        return answer["said"]

    def post(self, **changes):
        """The id of an accepted mail."""
        mail = {"to": "ada@example.com", "subject": "Hello", "text": "Hello, Ada"}
        status, said = self.http("post_email", "POST", body=mail | changes)
        assert status == 202, said
        return said["id"]

    def record(self, mail):
        status, said = self.http("get_email", "GET", id=mail)
        return said if status == 200 else None

    def replay(self, mail):
        return self.http("replay_email", "POST", id=mail)

    def cancel(self, mail):
        return self.http("cancel_email", "POST", id=mail)

    def move(self, mail, to):
        return self.http("patch_email", "PATCH", id=mail, body={"scheduled_at": to.isoformat()})

    def lay(self, body):
        """A producer's message, straight onto the queue."""
        self.queues[self.queue].send_message(body if isinstance(body, str) else json.dumps(body), time_to_live=-1)

    @property
    def records(self):
        """All of them, as rows."""
        rows = self._table.query_entities("PartitionKey ge '1' and PartitionKey lt ':'")
        return [dict(row) for row in rows]

    # Time

    def look(self):
        """See what has come onto the queues."""
        for name, queue in self.queues.items():
            for real in queue.receive_messages(messages_per_page=32, visibility_timeout=LOCKED):
                due = self._dues.pop(real.content, self.now)
                self.messages.append(Message(name, real.content, real, due, self.now))

    def hand_over(self, message):
        """Let the app have a message; it is deleted, comes again, or is moved to the poison queue."""
        message.runs += 1
        answer = self._ask(**self._delivery(message))
        if "failed" not in answer:
            self._forget(message)
        elif message.runs == HOST["maxDequeueCount"] and message.queue == self.queue:
            self.failures.append(answer["failed"])
            self.queues[self.poison].send_message(message.text, time_to_live=-1)
            self._forget(message)
        else:
            self.failures.append(answer["failed"])
            message.due = self.now + RUN_AGAIN

    def _forget(self, message):
        self.queues[message.queue].delete_message(message.real)
        self.messages.remove(message)

    def _delivery(self, message):
        name = "deliver_email" if message.queue == self.queue else "account_for_email"
        told = {
            "Id": message.real.id,
            "DequeueCount": str(message.runs),
            "InsertionTime": message.inserted_at.isoformat(),
            "ExpirationTime": datetime.max.replace(tzinfo=UTC).isoformat(),
            "NextVisibleTime": self.now.isoformat(),
            "PopReceipt": message.real.pop_receipt,
        }
        return {"kind": "queue", "name": name, "body": message.text, "metadata": told}

    def begin_a_message(self, when):
        """The app is given the next message; go on once this is so."""
        self.look()
        message = min(self.messages, key=lambda one: one.due)
        self.now = max(self.now, message.due)
        self._begin(**self._delivery(message))
        until(when)
        return message

    def end_message(self, message):
        """What came of it."""
        assert "failed" not in (answer := self._answer()), answer
        self._forget(message)

    def die_over_a_message(self, when):
        """The app is killed in the midst of the next message, once this is so."""
        message = self.begin_a_message(when)
        self.die()
        message.due = self.now + MESSAGE_LEASE

    def timer(self, name):
        answer = self._ask(kind="timer", name=name)
        assert "failed" not in answer, answer["failed"]

    def run(self, *, most=5000, **duration):
        """Time goes by, for so long or until nothing comes any more."""
        ends = self.now + timedelta(**duration) if duration else None
        for _ in range(most):
            self.look()
            comes = [(one.due, number, one) for number, one in enumerate(self.messages)]
            rows = self._table.query_entities("PartitionKey ge 'due|' and PartitionKey lt 'due}'", results_per_page=1)
            if row := next(iter(rows), None):
                comes.append((row["due"] - AHEAD, len(comes), "release"))
            if comes and ends:
                comes.append((self._next_sweep, len(comes), "sweep"))
            due, _, what = min(comes, default=(None, 0, None))
            if due is None or (ends and due > ends):
                break
            self.now = max(self.now, due)
            if isinstance(what, Message):
                self.hand_over(what)
            else:
                self.timer(what)
                self._next_sweep += SWEEPS * (what == "sweep")
        else:
            raise AssertionError("something goes round for ever")
        while ends and self._next_sweep < ends:
            self.now = max(self.now, self._next_sweep)
            self.timer("sweep")
            self._next_sweep += SWEEPS
        self.now = max(self.now, ends or self.now)


def until(what, within=20):
    """Wait for a fact of the real world."""
    ends = time.monotonic() + within
    while not what():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.01)
