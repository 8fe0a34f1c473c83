"""The way to Azurite: passes every request on as it is, unless something goes wrong with it.

Signatures are over path and headers, so both go through untouched.
"""

import contextlib
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.chaos.mischief import Gate, Mischief
from tests.chaos.steps import Request, Service

ANSWER_WITHIN = 30.0  # seconds for Azurite
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


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
            if mischief:
                mischief.sees(request)
            if not may or (mischief and (mischief.strikes("before", request) or mischief.cuts("before", request))):
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
            if mischief and (
                mischief.strikes("after", request) or mischief.cuts("after", request) or mischief.loses_answer(request)
            ):
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
