"""Signed requests to Table and Queue Storage over a kept session, each tried once.

The SDKs ask a dozen policies about each request, which is more than half of what a mail costs. So the calls that every
mail makes go this way, and an SDK does what is not answered as usual: retries, challenges, errors.
"""

import base64
import functools
import hmac
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Protocol
from urllib.parse import quote, urlencode, urlsplit

import urllib3
import urllib3.exceptions
from azure.core.credentials import AccessToken

from mailer.http_session import KeptPool, requests

SCOPE = "https://storage.azure.com/.default"
RENEW_BEFORE = 300  # seconds before a token expires, as the SDKs do

Authorize = Callable[[str, str, Mapping[str, str], Mapping[str, str], int], str]
"""The Authorization header for a method, path, query, headers and length of body."""


class Identity(Protocol):
    """Gives tokens, as azure-identity's credentials do."""

    def get_token(self, *scopes: str) -> AccessToken: ...


class SignedRequests:
    """Requests to one service of the account; thread-safe, one for a worker. `timeout` is in seconds."""

    def __init__(self, url: str, authorize: Authorize, *, version: str, timeout: tuple[float, float]) -> None:
        self.url = url.rstrip("/")
        self._path = urlsplit(self.url).path
        self._authorize = authorize
        self._version = version
        self._timeout = timeout

    def request(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: bytes | None = None
    ) -> urllib3.BaseHTTPResponse | None:
        """The answer to one request, None where there was none. `path` is as it stands in a URL."""
        signed = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": self._version, **headers}
        signed["Authorization"] = self._authorize(method, self._path + path, query, signed, len(body or b""))
        target = f"{self._path}{path}?{urlencode(query, quote_via=quote)}" if query else self._path + path
        try:
            return self._pool.request(method, target, headers=signed, body=body, timeout=self._timeout)
        except (urllib3.exceptions.HTTPError, requests.RequestException, OSError):
            return None

    @functools.cached_property
    def _pool(self) -> KeptPool:
        return KeptPool(self.url)


def by_key_of_table(account: str, key: bytes) -> Authorize:
    """Shared Key of https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key, for tables."""

    def authorize(method: str, path: str, _query: object, headers: Mapping[str, str], _length: int) -> str:
        lines = (method, "", headers.get("Content-Type", ""), headers["x-ms-date"], f"/{account}{path}")
        return _shared_key(account, key, "\n".join(lines))

    return authorize


def by_key_of_queue(account: str, key: bytes) -> Authorize:
    """The same for queues."""

    def authorize(method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], length: int) -> str:
        ours = sorted(f"{name}:{value}" for name, value in headers.items() if name.startswith("x-ms-"))
        asked = (f"{name}:{value}" for name, value in sorted(query.items()))
        empty = ("",) * 6  # date, conditions, range
        lines = (method, "", "", str(length or ""), "", headers.get("Content-Type", ""), *empty, *ours)
        return _shared_key(account, key, "\n".join([*lines, f"/{account}{path}", *asked]))

    return authorize


def by_identity(identity: Identity, *, clock: Callable[[], float] = time.time) -> Authorize:
    """A token of the app's own identity. Raises what azure-identity does."""
    lock = threading.Lock()
    token: AccessToken | None = None

    def authorize(*_: object) -> str:
        nonlocal token
        with lock:
            if token is None or token.expires_on - clock() < RENEW_BEFORE:
                token = identity.get_token(SCOPE)
            return f"Bearer {token.token}"

    return authorize


def _shared_key(account: str, key: bytes, text: str) -> str:
    signature = hmac.digest(key, text.encode(), "sha256")
    return f"SharedKey {account}:{base64.b64encode(signature).decode()}"
