"""The console on loopback: the doors of the app, for the one browser that opened the address which was printed.

A page of another site can make a browser call this port, too. Therefore each call has to name this host, come from this
page and bring the session's cookie, which only the one-time address gives.
"""

import hmac
import secrets
from collections.abc import Callable
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from mailer.doors.direct import Reply

PAGE = "/api/console"
OPEN = "/open"
LARGEST = 10_000_000  # bytes of a request

Doors = Callable[[str, str, dict[str, str], bytes], Reply]


class ConsoleServer(ThreadingHTTPServer):
    """Serves the doors until told to stop; `address` opens the page, once."""

    daemon_threads = True

    def __init__(self, port: int, doors: Doors) -> None:
        """Raises OSError for a port that is taken."""
        super().__init__(("127.0.0.1", port), _Handler)
        self.doors = doors
        self.session = secrets.token_urlsafe(32)
        self.ticket: str | None = secrets.token_urlsafe(32)
        self.hosts = {f"127.0.0.1:{self.server_port}", f"localhost:{self.server_port}"}
        self.cookie = f"mailer-console-{self.server_port}"  # the browser gives cookies to all ports of a host

    @property
    def address(self) -> str:
        """Where the page opens."""
        return f"http://127.0.0.1:{self.server_port}{OPEN}?ticket={self.ticket}"


class _Handler(BaseHTTPRequestHandler):
    server: ConsoleServer
    protocol_version = "HTTP/1.1"
    server_version = "mailer"
    sys_version = ""
    timeout = 30  # seconds without a byte

    def _handle(self) -> None:
        if self.headers.get("Host") not in self.server.hosts or not self._is_own():
            self._say(HTTPStatus.FORBIDDEN, "This is for the page of `python -m mailer console` alone.")
            return
        parts = urlsplit(self.path)
        if parts.path == OPEN:
            self._open(parse_qs(parts.query).get("ticket", [""])[0])
            return
        if not self._is_known():
            self._say(HTTPStatus.FORBIDDEN, "Open the address that `python -m mailer console` printed; it works once.")
            return
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LARGEST or "Transfer-Encoding" in self.headers:
            self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A request may have {LARGEST} bytes.")
            return
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() != "cookie"}
        reply = self.server.doors(self.command, self.path, headers, self.rfile.read(int(length)))
        self._answer(reply.status, reply.body, dict(reply.headers))

    do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - http.server's names

    def _is_own(self) -> bool:
        """Whether it is a page from here that calls, or somebody who opens the address: https://www.w3.org/TR/fetch-metadata/."""
        origin = self.headers.get("Origin")
        site = self.headers.get("Sec-Fetch-Site", "none")
        return origin in {None, *(f"http://{host}" for host in self.server.hosts)} and site in {"none", "same-origin"}

    def _open(self, ticket: str) -> None:
        """Give the session to who has the ticket, which is spent by it."""
        known, self.server.ticket = self.server.ticket, None
        if known is None or not hmac.compare_digest(ticket.encode(), known.encode()):
            self.server.ticket = known
            self._say(HTTPStatus.FORBIDDEN, "This address has been used. Start `python -m mailer console` again.")
            return
        cookie = f"{self.server.cookie}={self.server.session}; Path=/; HttpOnly; SameSite=Strict"
        self._answer(HTTPStatus.SEE_OTHER, b"", {"Location": PAGE, "Set-Cookie": cookie, "Cache-Control": "no-store"})

    def _is_known(self) -> bool:
        try:
            cookies = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            return False
        given = cookies[self.server.cookie].value if self.server.cookie in cookies else ""
        return hmac.compare_digest(given.encode(), self.server.session.encode())

    def _say(self, status: HTTPStatus, text: str) -> None:
        """Refuse the call and end the connection: a body that nobody has read must not be taken for the next call."""
        self.close_connection = True
        self._answer(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8", "Connection": "close"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: a line would show what was looked for."""
