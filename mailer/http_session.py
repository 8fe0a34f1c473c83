"""Requests over one kept session, with what the environment says of a host (proxy, certificates) read once.

requests reads it anew for each request, and ~/.netrc too, which may hold no key to Graph or Storage:
https://requests.readthedocs.io/en/latest/user/advanced/#prepared-requests.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import requests.adapters

CONNECTIONS = 64  # kept to one host; a worker has no more threads, and one that is dropped costs a handshake


class KeptSession:
    """Thread-safe, one for a worker. `adapter` carries https and http where the session has none of its own."""

    def __init__(
        self,
        session: requests.Session | None = None,
        *,
        adapter: type[requests.adapters.HTTPAdapter] = requests.adapters.HTTPAdapter,
    ) -> None:
        self._session = session or requests.Session()
        for scheme, mounted in list(self._session.adapters.items()):
            if type(mounted) is requests.adapters.HTTPAdapter:
                self._session.mount(scheme, adapter(pool_maxsize=CONNECTIONS))
        self._environment: dict[str, Mapping[str, Any]] = {}

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: tuple[float, float]
    ) -> requests.Response:
        """One exchange; follows no redirect. `timeout` is for connecting and for the answer. Raises as requests."""
        prepared = requests.PreparedRequest()
        prepared.prepare(method, url, headers=headers, data=body)
        return self._session.send(prepared, timeout=timeout, allow_redirects=False, **self._environment_of(url))

    def close(self) -> None:
        """Drop the kept connections; the session itself goes on."""
        self._session.close()

    def _environment_of(self, url: str) -> Mapping[str, Any]:
        host = urlsplit(url).netloc
        known = self._environment.get(host)
        if known is None:
            known = self._environment[host] = self._session.merge_environment_settings(url, {}, None, None, None)
        return known
