"""A queue whose messages are put over a kept session; all else, and what is not answered as usual, is the SDK's."""

import html
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from mailer.storage.signed import SignedRequests

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

VERSION = "2020-12-06"  # knows messages without an end, and tokens

_WRITING = {"Accept": "application/xml", "Content-Type": "application/xml"}


class KeptQueue:
    """Takes the SDK's place: the same names and errors. `sdk` makes its client, once."""

    def __init__(self, name: str, signed: SignedRequests, sdk: Callable[[], "QueueClient"]) -> None:
        self._path = f"/{name}/messages"
        self._signed = signed
        self._sdk = sdk

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else that the SDK has
        return getattr(self._sdk(), name)

    def send_message(self, content: str, *, visibility_timeout: int, time_to_live: int) -> object:
        """Put a message; https://learn.microsoft.com/rest/api/storageservices/put-message. It may be put twice."""
        body = f"<QueueMessage><MessageText>{html.escape(content, quote=False)}</MessageText></QueueMessage>".encode()
        query = {"messagettl": str(time_to_live), "visibilitytimeout": str(visibility_timeout)}
        reply = self._signed.request("POST", self._path, query=query, headers=_WRITING, body=body)
        if reply is not None and reply.status == HTTPStatus.CREATED:
            return reply
        again: dict[str, Any] = {"retry_total": 2}  # after a first try that was not the SDK's own
        return self._sdk().send_message(
            content, visibility_timeout=visibility_timeout, time_to_live=time_to_live, **again
        )
