"""Templates in a blob container: `NAME/FILE` and `_shared/FILE`, so that texts change without a deploy.

Looked at by whoever renders, at most every half minute; only blobs that have changed are read.
https://learn.microsoft.com/azure/storage/blobs/storage-blobs-list-python
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from mailer.errors import Misconfigured, TryLater
from mailer.identity.network import no_answer, no_identity
from mailer.templating.sources import Files

T = TypeVar("T")

CODE = "templates_unavailable"
FRESH_FOR = 30.0  # seconds: a changed text is live within a minute
RETRY_AFTER = 5.0  # seconds between looks for as long as nothing is known

ETags = dict[str, str]  # by file
_NONE: tuple[ETags, Files] = {}, {}


class BlobContainer:
    """The templates in a container; thread-safe. Only before anything is known do its calls raise TryLater."""

    as_is = False  # nobody watches what comes of a new text

    def __init__(self, container: ContainerClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._container = container
        self._clock = clock
        self._listing: dict[str, ETags] | None = None
        self._files: dict[str, tuple[ETags, Files]] = {}  # of the folders in use, with their ETags
        self._look_at = float("-inf")
        self._trouble: TryLater | None = None
        self._asking = threading.Lock()

    def folders(self) -> Mapping[str, Collection[str]]:
        """The names of the files in each folder."""
        return {folder: etags.keys() for folder, etags in self._current().items()}

    def files(self, folder: str) -> Files:
        """The files of a folder by their names."""
        listing = self._current()
        if folder in listing and folder not in self._files:
            with self._asking:
                if folder not in self._files:
                    self._files[folder] = listing[folder], self._read(folder, listing[folder])
        return self._files.get(folder, _NONE)[1]

    def warnings(self) -> list[str]:
        """Why the newest texts are not known, if they are not."""
        return [str(self._trouble)] if self._trouble else []

    def _current(self) -> dict[str, ETags]:
        """The last listing: one thread asks for a new one when it is time, and the others go on with what is there."""
        if self._clock() >= self._look_at and self._asking.acquire(blocking=self._listing is None):
            try:
                if self._clock() >= self._look_at:
                    self._look()
            finally:
                self._asking.release()
        if self._listing is None:
            raise self._trouble or AssertionError
        return self._listing

    def _look(self) -> None:
        try:
            listing = self._list()
            changed = {
                folder: listing.get(folder, {})
                for folder, (known, _) in list(self._files.items())
                if listing.get(folder, {}) != known
            }
            # All or none: a template and the shared files of another day make no mail that anybody has seen.
            self._files |= {folder: (etags, self._read(folder, etags)) for folder, etags in changed.items()}
            self._listing, self._trouble = listing, None
        except TryLater as trouble:
            self._trouble = trouble
        self._look_at = self._clock() + (RETRY_AFTER if self._listing is None else FRESH_FOR)

    def _list(self) -> dict[str, ETags]:
        listing: dict[str, ETags] = {}
        for blob in self._ask(lambda: list(self._container.list_blobs())):
            folder, _, file = blob.name.partition("/")
            if file and "/" not in file:
                listing.setdefault(folder, {})[file] = str(blob.etag)
        return listing

    def _read(self, folder: str, etags: ETags) -> Files:
        known, files = self._files.get(folder, _NONE)
        return {
            file: files[file] if known.get(file) == etag else self._download(f"{folder}/{file}")
            for file, etag in etags.items()
        }

    def _download(self, name: str) -> bytes:
        return self._ask(lambda: self._container.download_blob(name).readall())

    def _ask(self, call: Callable[[], T]) -> T:
        """One call; translates what the SDK raises."""
        where = f"The templates cannot be read from {self._container.url.partition('?')[0]}"
        try:
            return call()
        except ResourceNotFoundError as error:
            message = f"{where}: it is not there. Make the container, or mend MAILER_TEMPLATES."
            raise Misconfigured(message, code=CODE) from error
        except HttpResponseError as error:
            if isinstance(error, ClientAuthenticationError) and not error.status_code:
                raise no_identity(error, code=CODE) from error
            if error.status_code in {401, 403}:
                message = (
                    f"{where}: access is denied. Give the app's identity the role 'Storage Blob Data Reader' there, "
                    "and let its network in."
                )
                raise Misconfigured(message, code=CODE) from error
            message = f"{where} now (status {error.status_code}); mailer tries again by itself."
            raise TryLater(message, code=CODE) from error
        except AzureError as error:
            place = self._container.url.partition("?")[0]
            raise no_answer(place, error, code=CODE, setting="MAILER_TEMPLATES") from error
