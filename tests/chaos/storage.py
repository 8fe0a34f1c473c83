"""The way from the host to Azurite: passes every request on as it is, and can end the host at one step of a mail.

Signatures are over path and headers, so both go through untouched. It knows each step by the request that makes it.
"""

import contextlib
import http.client
import random
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

from tests.chaos.mails import Kind

ANSWER_WITHIN = 30.0  # seconds for Azurite
Service = Literal["blob", "queue", "table"]
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


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

    def queues_mail(self, *, later: bool) -> bool:
        """A message onto the queue: an accepted mail, or `later` one that waits."""
        delay = re.search(r"[?&]visibilitytimeout=(\d+)", self.path)
        return self._sends_to("emails") and later is bool(delay and int(delay[1]))

    def buries_mail(self) -> bool:
        """A message onto the poison queue."""
        return self._sends_to("emails-poison")

    def _sends_to(self, queue: str) -> bool:
        return (self.service, self.method) == ("queue", "POST") and f"/{queue}/messages?" in f"{self.path}?"

    def stores_request(self) -> bool:
        """A request into a blob: a large one, one that waits for its day, one that is kept for a replay."""
        return (self.service, self.method) == ("blob", "PUT") and "/requests/" in self.path

    def deletes_message(self) -> bool:
        return (self.service, self.method) == ("queue", "DELETE") and "/emails/messages/" in self.path

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
    Step(
        name="after a mail was buried, before its record", when="after", is_here=Request.buries_mail, kind="malformed"
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


class Gate:
    """Lets requests through to the storage while it is up, and knows when the last one is out."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = True
        self._inside = 0

    @contextlib.contextmanager
    def passing(self) -> Iterator[bool]:
        """One request; gives whether it may go on."""
        with self._changed:
            may = self._open
            self._inside += may
        try:
            yield may
        finally:
            with self._changed:
                self._inside -= may
                self._changed.notify_all()

    def close(self) -> None:
        """Turn new requests away, and wait for those inside: what Azurite has answered must not be lost by its end."""
        with self._changed:
            self._open = False
            self._changed.wait_for(lambda: self._inside == 0)

    def open(self) -> None:
        with self._changed:
            self._open = True


class Mischief:
    """What goes wrong on the way of the host's requests."""

    def __init__(self, kill: Callable[[], None]) -> None:
        self._kill = kill
        self._lock = threading.Lock()
        self._armed: tuple[Step, threading.Event] | None = None
        self._dice = random.Random()
        self._loss = 0.0
        self.lost = 0

    def arm(self, step: Step) -> threading.Event:
        """Kill the host when it next comes to this step; the event tells that it happened."""
        struck = threading.Event()
        with self._lock:
            self._armed = (step, struck)
        return struck

    def disarm(self) -> None:
        with self._lock:
            self._armed = None

    def lose_answers(self, probability: float, seed: int) -> None:
        """From now on cut the connection instead of answering, after this share of the writes was carried out."""
        with self._lock:
            self._loss, self._dice = probability, random.Random(seed)

    def strikes(self, when: Literal["before", "after"], request: Request) -> bool:
        """Whether the host has just been killed here."""
        with self._lock:
            if self._armed is None or self._armed[0].when != when or not self._armed[0].is_here(request):
                return False
            (_, struck), self._armed = self._armed, None
        self._kill()
        struck.set()
        return True

    def loses_answer(self, request: Request) -> bool:
        with self._lock:
            loses = request.is_write and self._dice.random() < self._loss
            self.lost += loses
        return loses


class StorageProxy(ThreadingHTTPServer):
    """One service of Azurite at a port of its own; `mischief` only for the host's way, not for that of producers."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        service: Service,
        *,
        port: int,
        upstream: int,
        gate: Gate,
        mischief: Mischief | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", port), _Relay)
        self.service = service
        self.upstream = upstream
        self.gate = gate
        self.mischief = mischief
        self._serving = threading.Thread(target=self.serve_forever, name=f"{service}-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._serving.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed leaves broken connections; they are the point."""


class _Relay(BaseHTTPRequestHandler):
    """One connection of a client, and one to Azurite behind it."""

    server: StorageProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60

    def setup(self) -> None:
        super().setup()
        self._upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=ANSWER_WITHIN)

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Azurite keeps no log here either."""

    def _relay(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # killed while it wrote
            self.close_connection = True
            return
        request = Request(service=self.server.service, method=self.command, path=self.path, body=body)
        mischief = self.server.mischief
        with self.server.gate.passing() as may:
            if not may or (mischief and mischief.strikes("before", request)):
                self.close_connection = True
                return
            try:
                reply = self._ask(body)
                content = reply.read()
            except (OSError, http.client.HTTPException):
                self.close_connection = True
                return
            finally:
                self._upstream.close()
            if mischief and (mischief.strikes("after", request) or mischief.loses_answer(request)):
                self.close_connection = True
                return
        self.send_response_only(reply.status, reply.reason)
        for name, value in reply.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        if "Content-Length" not in reply.headers and reply.status != http.client.NO_CONTENT:
            self.send_header("Content-Length", str(len(content)))  # it came in chunks
        self.end_headers()
        self.wfile.write(content)

    def _ask(self, body: bytes) -> http.client.HTTPResponse:
        """A new connection for each request: a kept one may be closed under it, and nothing may be sent twice."""
        self._upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self._upstream.putheader(name, value)
        self._upstream.endheaders(body)
        return self._upstream.getresponse()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_MERGE = _relay  # noqa: N815 - http.server's names
