"""Rows as Table Storage's JSON has them; https://learn.microsoft.com/rest/api/storageservices/payload-format-for-table-service-operations.

None for whatever mailer's own rows never hold. No I/O.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from mailer.request.json_object import write_object

LARGEST = 2**31  # of a number without a type of its own

_READ: dict[str, Callable[[str], Any]] = {
    "Edm.DateTime": datetime.fromisoformat,
    "Edm.Binary": base64.b64decode,
}


class Row(dict[str, Any]):
    """A row as the SDK gives it: its properties, and beside them its version in `metadata["etag"]`."""

    metadata: dict[str, Any]


def write_row(row: Mapping[str, Any]) -> bytes | None:
    """The JSON of a row, nulls left out."""
    content: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, datetime):
            content[f"{name}@odata.type"] = "Edm.DateTime"
            content[name] = f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        elif isinstance(value, bytes):
            content[f"{name}@odata.type"] = "Edm.Binary"
            content[name] = base64.b64encode(value).decode()
        elif type(value) in (str, bool) or (type(value) is int and -LARGEST <= value < LARGEST):
            content[name] = value
        elif value is not None:
            return None
    return write_object(content)


def read_row(content: Mapping[str, Any]) -> Row | None:
    """The row in an answer with minimal metadata."""
    row = Row()
    row.metadata = {"etag": content.get("odata.etag")}
    for name, value in content.items():
        if "@" in name or name.startswith("odata.") or name == "Timestamp":
            continue
        kind = content.get(f"{name}@odata.type", "")
        if kind and kind not in _READ:
            return None
        row[name] = _READ[kind](value) if kind else value
    return row
