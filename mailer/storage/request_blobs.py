"""Requests as blobs: those too large for a message, those that wait for their day, those kept for a replay.

One blob a mail, named after it. https://learn.microsoft.com/azure/architecture/patterns/claim-check
"""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from mailer.storage.attachment_blobs import ask

T = TypeVar("T")

PAGE = 500  # blobs


class RequestBlobs:
    """The requests in one container, which is made when it is first missed. Every call may raise TryLater."""

    def __init__(self, container: ContainerClient, *, folder: str = "requests/") -> None:
        self._container = container
        self._folder = folder

    def put(self, mail: str, body: bytes) -> None:
        """Keep the request of this mail, in place of one that was kept before."""
        self._ask(lambda: self._container.upload_blob(self._name(mail), body, overwrite=True))

    def get(self, mail: str) -> bytes | None:
        """The request of this mail, or None."""
        try:
            return self._ask(lambda: self._container.download_blob(self._name(mail)).readall())
        except ResourceNotFoundError:
            return None

    def delete(self, mail: str) -> None:
        """Forget the request of this mail."""
        with contextlib.suppress(ResourceNotFoundError):
            self._ask(lambda: self._container.delete_blob(self._name(mail)))

    def ping(self) -> None:
        """Prove that blobs can be read."""
        self.get("none")

    def pages(self, mark: str, *, before: datetime) -> Iterator[tuple[list[str], str]]:
        """The mails whose request was last written before this instant, page by page from this mark on.

        With each page comes the mark of the next one; an empty one after the last.
        """
        listed = self._container.list_blobs(name_starts_with=self._folder, results_per_page=PAGE)
        found: Any = listed.by_page(continuation_token=mark or None)  # its type leaves the token out
        while True:
            page = self._ask(lambda: next(found, None))
            if page is None:
                return
            names = [blob.name for blob in page if blob.last_modified < before]
            mails = [name.removeprefix(self._folder).removesuffix(".json") for name in names]
            yield mails, found.continuation_token or ""

    def _ask(self, call: Callable[[], T]) -> T:
        return ask(self._container, call)

    def _name(self, mail: str) -> str:
        return f"{self._folder}{mail}.json"
