"""Several changes of one partition in one request, as Table Storage takes and answers them. No I/O.

https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple

_PART = re.compile(rb"HTTP/1\.1 (\d{3})[^\r\n]*\r?\n(.*?)\r?\n\r?\n(.*?)(?=\r?\n--|\Z)", re.DOTALL)
_VERSION = re.compile(rb"^ETag:[ ]*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)


class Change(NamedTuple):
    """A request that changes a row; `path` is as it stands in a URL."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Refused(NamedTuple):
    """Why none of the changes was made: the status of the first that could not be, and what was said of it."""

    status: int
    content: bytes


def write_batch(changes: Sequence[Change], *, url: str) -> tuple[str, bytes]:
    """The content type and the content of the request. `url` is that of the service."""
    batch, changeset = f"batch_{uuid.uuid4()}", f"changeset_{uuid.uuid4()}"
    parts = [f"--{batch}\r\nContent-Type: multipart/mixed; boundary={changeset}\r\n".encode()]
    for number, (method, path, headers, body) in enumerate(changes):
        lines = [
            f"--{changeset}",
            "Content-Type: application/http",
            "Content-Transfer-Encoding: binary",
            f"Content-ID: {number}",
            "",
            f"{method} {url}{path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
            *([f"Content-Length: {len(body)}"] if body else []),
        ]
        parts.append("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    parts += [f"--{changeset}--\r\n".encode(), f"--{batch}--\r\n".encode()]
    return f"multipart/mixed; boundary={batch}", b"\r\n".join(parts)


def read_batch(content: bytes, *, changes: int) -> list[dict[str, str]] | Refused | None:
    """The rows' new versions, or why there are none; None for an answer that is neither."""
    parts = _PART.findall(content)
    refused = [Refused(int(status), said) for status, _, said in parts if int(status) != HTTPStatus.NO_CONTENT]
    if refused or len(parts) != changes:
        return refused[0] if len(refused) == 1 else None
    versions = [_VERSION.search(headers) for _, headers, _ in parts]
    return [{"etag": found[1].decode()} if found else {} for found in versions]
