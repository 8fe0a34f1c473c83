"""Calls of Graph's directory. Waits while Graph asks to, and until Entra has replicated what was made a moment ago.

https://learn.microsoft.com/graph/throttling and https://learn.microsoft.com/graph/errors
"""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import requests

from mailer.setup.place import Place
from mailer.setup.refusals import Refused
from mailer.setup.steps import Stopped, Tell

NETWORK = (5, 30)  # seconds to connect, and to an answer
REPLICATED_WITHIN = 180.0  # seconds
LONGEST_PAUSE = 5.0  # seconds
_NOT_YET = re.compile(r"does not reference|does not exist|must in the local tenant", re.IGNORECASE)

Body = dict[str, Any]


class Api:
    """Graph for one person or app; every call raises Refused, or Stopped where there is no answer."""

    def __init__(
        self, place: Place, token: Callable[[], str], *, tell: Tell, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._url = place.graph
        self._token = token
        self._tell = tell
        self._sleep = sleep
        self._session = requests.Session()

    def get(self, path: str, *, fresh: bool = False, **query: str) -> Body:
        """One object; `fresh`: made a moment ago, so that it may not be there yet."""
        return self._call("GET", path, query=query, fresh=fresh)

    def find(self, path: str, *, fresh: bool = False, **query: str) -> Iterator[Body]:
        """The objects of a collection, page by page."""
        page = self._call("GET", path, query=query, fresh=fresh)
        while True:
            yield from page.get("value", ())
            following = page.get("@odata.nextLink")
            if not following:
                return
            if not following.startswith(f"{self._url}/"):
                message = "Graph named a next page outside of itself."
                raise Stopped(message, "Check --graph (MAILER_GRAPH_URL).")
            page = self._call("GET", following.removeprefix(self._url))

    def post(self, path: str, body: Body, *, fresh: bool = True) -> Body:
        """Make or do something; what the path or the body names may be new."""
        return self._call("POST", path, body=body, fresh=fresh)

    def patch(self, path: str, body: Body, *, prefer: str | None = None, fresh: bool = False) -> Body:
        """Change something; empty where Graph answers 204."""
        return self._call("PATCH", path, body=body, prefer=prefer, fresh=fresh)

    def delete(self, path: str) -> None:
        """Delete something; what is not there is well deleted."""
        try:
            self._call("DELETE", path)
        except Refused as refused:
            if refused.status != requests.codes.not_found:
                raise

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Body | None = None,
        query: dict[str, str] | None = None,
        prefer: str | None = None,
        fresh: bool = False,
    ) -> Body:
        headers = {"Authorization": f"Bearer {self._token()}"} | ({"Prefer": prefer} if prefer else {})
        parameters = {f"${name}": value for name, value in (query or {}).items()}
        waited = 0.0
        while True:
            reply = self._request(method, path, headers, body, parameters)
            if reply.ok:
                return _content(reply)
            refused = _refused(reply)
            pause = _pause(reply, refused, fresh=fresh, waited=waited)
            if pause is None or waited + pause > REPLICATED_WITHIN:
                raise refused
            self._tell(f"waiting for Entra, {waited + pause:.0f} s of {REPLICATED_WITHIN:.0f} s at most")
            self._sleep(pause)
            waited += pause

    def _request(
        self, method: str, path: str, headers: dict[str, str], body: Body | None, parameters: dict[str, str]
    ) -> requests.Response:
        try:
            return self._session.request(
                method,
                self._url + path,
                headers=headers,
                json=body,
                params=parameters,
                timeout=NETWORK,
                allow_redirects=False,
            )
        except (requests.RequestException, OSError) as error:
            what = f"There is no answer from Graph at {self._url} ({type(error).__name__})."
            cure = "Check --graph (MAILER_GRAPH_URL), the network, the proxy and REQUESTS_CA_BUNDLE; then run it again."
            raise Stopped(what, cure) from error


def _content(reply: requests.Response) -> Body:
    try:
        content = reply.json() if reply.content else {}
    except ValueError:
        content = None
    if not isinstance(content, dict):
        what = f"Something that is not Graph answered {reply.status_code} at {reply.url.partition('?')[0]}."
        raise Stopped(what, "Check --graph (MAILER_GRAPH_URL) and the proxy.")
    return content


def _refused(reply: requests.Response) -> Refused:
    try:
        error = reply.json()["error"]
        return Refused(reply.status_code, str(error.get("code", "")), str(error.get("message", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Refused(reply.status_code, "", reply.text[:200])


def _pause(reply: requests.Response, refused: Refused, *, fresh: bool, waited: float) -> float | None:
    """Seconds until the same call may succeed, or None if it never will."""
    if refused.status in {429, 503}:
        try:
            return max(1.0, float(reply.headers.get("Retry-After", LONGEST_PAUSE)))
        except ValueError:
            return LONGEST_PAUSE
    missing = refused.status == requests.codes.not_found
    if fresh and (missing or (refused.status == requests.codes.bad_request and _NOT_YET.search(refused.message))):
        return min(LONGEST_PAUSE, max(1.0, waited))
    return None
