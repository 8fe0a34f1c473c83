"""An adapter of requests' whose read timeout is for a whole answer, and which reads no endless one.

Theirs is for each piece, so that a server which sends a byte a minute keeps a thread for ever:
https://requests.readthedocs.io/en/latest/user/advanced/#timeouts. The time counts from the end of the request, over
status line, headers and body.
"""

import http.client
import io
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from mailer.http_session import SharingAdapter, requests

LONGEST = 16_000_000  # bytes; Graph answers with an attachment that it was given, so with up to 4 MB


class _Limited(io.RawIOBase):
    """What comes over a socket until its timeout is over, counted from now; then TimeoutError."""

    def __init__(self, sock: socket.socket, stream: io.RawIOBase) -> None:
        self._sock = sock
        self._stream = stream
        timeout = sock.gettimeout()
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._left = LONGEST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - the base class's
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._sock.settimeout(left)
        count: int | None = self._stream.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            message = "the answer does not end"
            raise http.client.HTTPException(message)
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - the base class's
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_Limited(sock, self.fp.detach()))


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class WholeAnswerAdapter(SharingAdapter):
    """Like requests' own otherwise, also where a proxy stands between."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - the base class's
        super().init_poolmanager(*arguments, **options)
        self._pools: dict[tuple[str, str, bool | str | None], Any] = {}
        _limit(self.poolmanager)

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        *arguments: Any,  # noqa: ANN401 - the base class's
        **options: Any,  # noqa: ANN401 - the base class's
    ) -> Any:  # noqa: ANN401 - a pool of urllib3's
        """The pool of the request's host, looked for once: how to trust it and by which proxy stays the same."""
        scheme, host, *_ = urlsplit(request.url or "")
        pool = self._pools.get((scheme, host, verify))
        if pool is None or pool.pool is None:  # closed
            pool = super().get_connection_with_tls_context(request, verify, *arguments, **options)
            self._pools[scheme, host, verify] = pool
        return pool

    def add_headers(self, request: requests.PreparedRequest, **_: object) -> None:
        """Graph's answers are short; unpacked, one could be a thousand times as long as it is here."""
        request.headers["Accept-Encoding"] = "identity"

    def build_response(self, req: requests.PreparedRequest, resp: urllib3.HTTPResponse) -> requests.Response:  # type: ignore[override]  # the stub knows no urllib3
        """Unpacks nothing, and looks for neither cookies nor an encoding."""
        resp.headers.discard("Content-Encoding")
        reply = requests.Response()
        reply.status_code, reply.reason, reply.raw = resp.status, resp.reason or "", resp
        reply.headers = requests.structures.CaseInsensitiveDict(resp.headers)
        reply.request, reply.url = req, req.url or ""
        return reply

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> urllib3.ProxyManager:  # noqa: ANN401 - the base class's
        manager: urllib3.ProxyManager = super().proxy_manager_for(*arguments, **options)
        _limit(manager)
        return manager


def _limit(manager: urllib3.PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
