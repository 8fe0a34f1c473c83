"""The last good version of each template, as blobs: a fresh worker has none in memory. No I/O of its own."""

import json
from base64 import b64decode, b64encode
from typing import Protocol

from mailer.templating.sources import Files

FOLDER = "good-templates/"


class Blobs(Protocol):
    """Where they are kept, by name. Each call may raise TryLater."""

    def get(self, name: str, /) -> bytes | None: ...
    def put(self, name: str, content: bytes, /) -> None: ...


class GoodVersions:
    """A template's own files and the shared ones that it was good with. Every call may raise TryLater."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def put(self, name: str, files: Files, shared: Files) -> None:
        """Keep this version, if it is not kept already."""
        version = json.dumps([_encoded(files), _encoded(shared)], sort_keys=True).encode()
        if self._blobs.get(name) != version:
            self._blobs.put(name, version)

    def get(self, name: str) -> tuple[Files, Files] | None:
        """The files and the shared ones, or None."""
        version = None if "/" in name else self._blobs.get(name)
        if version is None:
            return None
        files, shared = json.loads(version)
        return _decoded(files), _decoded(shared)


def _encoded(files: Files) -> dict[str, str]:
    return {name: b64encode(content).decode() for name, content in files.items()}


def _decoded(files: dict[str, str]) -> Files:
    return {name: b64decode(content) for name, content in files.items()}
