"""Requests over kept connections, with what the environment says of a host (proxy, certificates) read once.

requests reads it anew for each request, and ~/.netrc too, which may hold no key to Graph or Storage; it looks for
cookies and redirects, of which neither has any. https://requests.readthedocs.io/en/latest/user/advanced/#transport-adapters.
"""

import functools
import ssl
import sys
import warnings
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.util.ssl_ import create_urllib3_context

# requests guesses with this package in which encoding a text is, does without it, and warns. It would be 2.7 MiB of a
# worker's memory; what a worker reads is JSON and XML. https://docs.python.org/3/reference/import.html#the-module-cache
_GUESSES = "charset_normalizer"
with warnings.catch_warnings(action="ignore"):
    sys.modules.setdefault(_GUESSES, None)  # type: ignore[arg-type]  # None says that it cannot be imported
    import requests.adapters
    import requests.structures
if sys.modules[_GUESSES] is None:
    del sys.modules[_GUESSES]  # whoever else wants it has it


__all__ = ["KeptPool", "KeptSession", "SharingAdapter", "requests", "sharing_session"]

_ONCE = urllib3.Retry(total=False, redirect=False)
CONNECTIONS = 144  # kept to one host; a worker has no more threads, and one that is dropped costs a handshake


class SharingAdapter(requests.adapters.HTTPAdapter):
    """Like requests' own, but all connections that trust the same authorities share what was read of them.

    requests has each connection read the bundle anew: 15 ms, and 0.7 MiB of memory for as long as it is open.
    """

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: Any = None,  # noqa: ANN401 - the base class's
    ) -> Any:  # noqa: ANN401 - a pool of urllib3's
        """The pool of the request's host. Raises OSError for a bundle that cannot be read."""
        pool: Any = super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
        super().cert_verify(pool, request.url, verify, cert)  # type: ignore[no-untyped-call]  # requests has no types for it
        # A proxy by TLS reads the bundle for itself, and a certificate of our own is for one host alone.
        alone = cert is not None or (pool.proxy is not None and pool.proxy.scheme == "https")
        if not alone and (pool.ca_certs or pool.ca_cert_dir):
            pool.conn_kw["ssl_context"] = _trusting(pool.ca_certs, pool.ca_cert_dir)
            pool.ca_certs = pool.ca_cert_dir = None
        return pool

    def cert_verify(self, *_: object) -> None:
        """Done above."""


@functools.cache
def _trusting(file: str | None, folder: str | None) -> ssl.SSLContext:
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.load_verify_locations(file, folder)
    return context


def sharing_session() -> requests.Session:
    """A session of requests' whose connections share it."""
    session = requests.Session()
    session.mount("https://", SharingAdapter())
    return session


class KeptSession:
    """Thread-safe, one for a worker. `adapter` carries https and http where the session has none of its own."""

    def __init__(
        self,
        session: requests.Session | None = None,
        *,
        adapter: type[requests.adapters.HTTPAdapter] = SharingAdapter,
    ) -> None:
        self._session = session or requests.Session()
        for scheme, mounted in list(self._session.adapters.items()):
            if type(mounted) is requests.adapters.HTTPAdapter:
                self._session.mount(scheme, adapter(pool_connections=CONNECTIONS, pool_maxsize=CONNECTIONS))
        self._environment: dict[str, Mapping[str, Any]] = {}

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: tuple[float, float]
    ) -> requests.Response:
        """One exchange, its answer read. `timeout` is for connecting and for the answer. Raises as requests does."""
        prepared = _prepared(method, url, headers, body)
        reply = self._session.get_adapter(url).send(prepared, timeout=timeout, **self._environment_of(url))
        _ = reply.content  # reads it
        return reply

    def close(self) -> None:
        """Drop the kept connections; the session itself goes on."""
        self._session.close()

    def _environment_of(self, url: str) -> Mapping[str, Any]:
        host = urlsplit(url).netloc
        known = self._environment.get(host)
        if known is None:
            known = self._environment[host] = self._session.merge_environment_settings(url, {}, False, None, None)
        return known


class KeptPool:
    """Connections to one host, thread-safe, without the answers and errors of requests between; raises as urllib3."""

    def __init__(self, url: str) -> None:
        environment = requests.Session().merge_environment_settings(url, {}, None, None, None)
        verify, cert = environment["verify"], environment["cert"]
        request = requests.Request("GET", url).prepare()
        adapter = SharingAdapter(pool_maxsize=CONNECTIONS)
        self._pool: Any = adapter.get_connection_with_tls_context(request, verify, environment["proxies"], cert)

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None, timeout: tuple[float, float]
    ) -> urllib3.BaseHTTPResponse:
        """One exchange, its answer read. `timeout` is for connecting and for each piece of the answer."""
        connect, read = timeout
        reply: urllib3.BaseHTTPResponse = self._pool.urlopen(
            method,
            path,
            body=body,
            headers=headers,
            timeout=_timeout(connect, read),
            retries=_ONCE,
            redirect=False,
        )
        return reply


def _prepared(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> requests.PreparedRequest:
    """As requests would prepare it, without looking for a file, a form, cookies or a password in it."""
    prepared = requests.PreparedRequest()
    prepared.method, prepared.url = method, _prepared_url(url)
    prepared.headers = requests.structures.CaseInsensitiveDict(headers)
    prepared.body = body
    if body is not None or method not in {"GET", "HEAD"}:
        prepared.headers["Content-Length"] = str(len(body or b""))
    return prepared


@functools.cache
def _timeout(connect: float, read: float) -> urllib3.Timeout:
    return urllib3.Timeout(connect=connect, read=read)  # which urllib3 starts anew for each request


@functools.lru_cache(CONNECTIONS)
def _prepared_url(url: str) -> str | None:
    prepared = requests.PreparedRequest()
    prepared.prepare_url(url, None)
    return prepared.url
