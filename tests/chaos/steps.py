"""Each step of a mail, known by the request to the storage that makes it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.chaos.mails import Kind

Service = Literal["blob", "queue", "table"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What the host asks of its storage."""

    service: Service
    method: str
    path: str
    body: bytes

    @property
    def is_write(self) -> bool:
        return self.method not in {"GET", "HEAD"}

    @property
    def delay(self) -> int | None:
        """Of a message onto the queue of mails: after how many seconds it can be seen."""
        if (self.service, self.method) != ("queue", "POST") or "/emails/messages?" not in f"{self.path}?":
            return None
        delay = re.search(r"[?&]visibilitytimeout=(\d+)", self.path)
        return int(delay[1]) if delay else 0

    def queues_mail(self, *, later: bool) -> bool:
        """A message onto the queue: an accepted mail, or `later` one that waits."""
        return self.delay is not None and later is bool(self.delay)

    def puts_aside(self) -> bool:
        """A row of a mail that waits for its hour."""
        return self.service == "table" and self.method in {"PUT", "PATCH", "MERGE"} and "due%7C" in self.path

    def releases(self) -> bool:
        """The deletion of such rows, whose messages are on the queue."""
        return self.service == "table" and self.method == "POST" and b"DELETE " in self.body and b"due%7C" in self.body

    def stores_request(self) -> bool:
        """A request into a blob: a large one, one that waits for its day, one that is kept for a replay."""
        return (self.service, self.method) == ("blob", "PUT") and "/requests/" in self.path

    def deletes_message(self) -> bool:
        return (self.service, self.method) == ("queue", "DELETE") and "/emails/messages/" in self.path

    @property
    def mail(self) -> str:
        """The id in a record that is written."""
        found = re.search(rb'"id"\s*:\s*"([0-9a-f-]{36})"', self.body)
        return found[1].decode() if found else ""

    def records(self, status: str) -> bool:
        """A record that moves to this status, in a request of its own or in a batch."""
        written = re.search(rb'"status"\s*:\s*"(\w+)"', self.body) if self.is_write else None
        return self.service == "table" and written is not None and written[1] == status.encode()


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One moment in the life of a mail: just before this request reaches the storage, or just after it did.

    `kind` is that of the mails which come to it, where few do.
    """

    name: str
    when: Literal["before", "after"]
    is_here: Callable[[Request], bool]
    kind: Kind | None = None


STEPS = (
    Step(
        name="after the record, before the queue",
        when="before",
        is_here=lambda request: request.queues_mail(later=False),
    ),
    Step(
        name="after the queue, before the answer",
        when="after",
        is_here=lambda request: request.queues_mail(later=False),
    ),
    Step(name="after the claim, before the call", when="after", is_here=lambda request: request.records("sending")),
    Step(name="after the call, before the record", when="before", is_here=lambda request: request.records("sent")),
    Step(name="after the record, before the delete", when="before", is_here=Request.deletes_message),
    Step(
        name="before a mail that waits is put back",
        when="before",
        is_here=lambda request: request.queues_mail(later=True),
    ),
    Step(
        name="after a mail that waits was put back",
        when="after",
        is_here=lambda request: request.queues_mail(later=True),
    ),
    Step(name="before a mail is put aside", when="before", is_here=Request.puts_aside, kind="later"),
    Step(name="after a mail was put aside", when="after", is_here=Request.puts_aside, kind="later"),
    Step(name="after a release, before its row is gone", when="before", is_here=Request.releases, kind="later"),
    Step(
        name="after the content of a failed mail was kept, before its record",
        when="after",
        is_here=Request.stores_request,
        kind="malformed",
    ),
    Step(
        name="after a request was stored, before all else", when="after", is_here=Request.stores_request, kind="large"
    ),
    Step(
        name="after a cancel is recorded, before the answer",
        when="after",
        is_here=lambda request: request.records("canceled"),
        kind="canceled",
    ),
)
