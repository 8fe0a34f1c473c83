"""A table whose hot calls go over a kept session; all others, and what is not answered as usual, are the SDK's."""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import urllib3

from mailer.storage.entity_batch import Change, Refused, read_batch, write_batch
from mailer.storage.entity_json import read_row, write_row
from mailer.storage.signed import SignedRequests
from mailer.storage.tables import SAID

if TYPE_CHECKING:
    from azure.data.tables import TableClient

VERSION = "2019-02-02"  # the SDK's
_MORE = "x-ms-continuation-"

_JSON = {"Accept": "application/json;odata=minimalmetadata", "DataServiceVersion": "3.0"}
_WRITING = _JSON | {"Content-Type": "application/json", "Prefer": "return-no-content"}
Operation = tuple[str, Mapping[str, Any]] | tuple[str, Mapping[str, Any], Mapping[str, Any]]
"""create, update, upsert or delete; a row; and options as the calls for one row have them."""
_AGAIN: dict[str, Any] = {"retry_total": 2}  # of the SDK, after a first try that was not its own


class KeptTable:
    """Takes the SDK's place: the same names, answers and errors. `sdk` makes its client, once."""

    def __init__(self, name: str, signed: SignedRequests, sdk: Callable[[], "TableClient"]) -> None:
        self.table_name = name
        self._signed = signed
        self._sdk: Callable[[], Any] = sdk  # whose enumerations are texts here

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else that the SDK has
        return getattr(self._sdk(), name)

    def create_entity(self, entity: Mapping[str, Any]) -> Mapping[str, Any]:
        """Insert a row."""
        return self._write("create", entity) or self._sdk().create_entity(entity, **_AGAIN)

    def update_entity(self, entity: Mapping[str, Any], **options: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as below
        """Change a row by the SDK's mode merge or replace; with an ETag, if it is as it was then."""
        return self._write("update", entity, options) or self._sdk().update_entity(entity, **options, **_AGAIN)

    def upsert_entity(self, entity: Mapping[str, Any], **options: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as below
        """Insert a row or change it."""
        return self._write("upsert", entity, options) or self._sdk().upsert_entity(entity, **options, **_AGAIN)

    def submit_transaction(self, operations: Iterable[Operation]) -> list[Mapping[str, Any]]:
        """Make all changes of rows of one partition, or none. Raises the SDK's errors, for the first row in its way."""
        asked = list(operations)
        changes = [self._change(kind, row, *options) for kind, row, *options in asked]
        written = self._made([change for change in changes if change]) if all(changes) else None
        return self._sdk().submit_transaction(asked, **_AGAIN) if written is None else written

    def get_entity(self, partition_key: str, row_key: str) -> Any:  # noqa: ANN401 - a row of either kind
        """Read a row."""
        path = self._path({"PartitionKey": partition_key, "RowKey": row_key})
        reply = self._signed.request("GET", path, query={}, headers=_JSON)
        content = _content(reply)
        row = read_row(content) if content else None
        return row if row is not None else self._sdk().get_entity(partition_key, row_key, **_AGAIN)

    def query_entities(self, query_filter: str, **options: Any) -> Any:  # noqa: ANN401 - rows of either kind
        """Read the few rows of a partition; a query with options is the SDK's."""
        if options:
            return self._sdk().query_entities(query_filter, **options)
        path, query = f"/{self.table_name}()", {"$filter": query_filter}
        reply = self._signed.request("GET", path, query=query, headers=_JSON)
        content = _content(reply)
        rows = [*map(read_row, content["value"])] if content else [None]
        if reply is None or None in rows or any(name.lower().startswith(_MORE) for name in reply.headers):
            return self._sdk().query_entities(query_filter, **_AGAIN)
        return rows

    def _path(self, row: Mapping[str, Any]) -> str:
        partition, key = (quote(row[name].replace("'", "''"), safe="") for name in ("PartitionKey", "RowKey"))
        return f"/{self.table_name}(PartitionKey='{partition}',RowKey='{key}')"

    def _write(
        self, kind: str, row: Mapping[str, Any], options: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any] | None:
        """The new version; None where the SDK is to try."""
        change = self._change(kind, row, options)
        if change is None:
            return None
        reply = self._signed.request(change.method, change.path, query={}, headers=change.headers, body=change.body)
        if reply is not None and reply.status == HTTPStatus.NO_CONTENT and "ETag" in reply.headers:
            return {"etag": reply.headers["ETag"]}
        if reply is not None:
            _check(reply.status, reply.data)
        return None

    def _made(self, changes: list[Change]) -> list[Mapping[str, Any]] | None:
        """The new versions; None where the SDK is to try."""
        kind, content = write_batch(changes, url=self._signed.url)
        headers = _JSON | {"Content-Type": kind}
        reply = self._signed.request("POST", "/$batch", query={}, headers=headers, body=content)
        if reply is None or reply.status != HTTPStatus.ACCEPTED:
            return None
        answer = read_batch(reply.data, changes=len(changes))
        if isinstance(answer, Refused):
            _check(*answer)
            return None
        return [*answer] if answer is not None else None

    def _change(self, kind: str, row: Mapping[str, Any], options: Mapping[str, Any] | None = None) -> Change | None:
        """The request; None for a row that only the SDK can write."""
        options = options or {}
        body = b"" if kind == "delete" else write_row(row)
        if body is None:
            return None
        if kind == "create":
            return Change("POST", f"/{self.table_name}", _WRITING, body)
        condition = {} if kind == "upsert" else {"If-Match": options.get("etag") or "*"}
        if kind == "delete":
            return Change("DELETE", self._path(row), _JSON | condition, body)
        method = "PUT" if options.get("mode") == "replace" else "PATCH"
        return Change(method, self._path(row), _WRITING | condition, body)


def _content(reply: urllib3.BaseHTTPResponse | None) -> Any:  # noqa: ANN401 - JSON
    """What was read; None where the SDK is to try."""
    if reply is not None and reply.status == HTTPStatus.OK:
        with suppress(ValueError):
            return json.loads(reply.data)
    if reply is not None:
        _check(reply.status, reply.data)
    return None


def _check(status: int, content: bytes) -> None:
    """Raises the SDK's error for an answer that says no without any doubt."""
    if status not in SAID:
        return
    try:
        said = json.loads(content)["odata.error"]
        text = f"{said['code']}: {said['message']['value']}"
    except (ValueError, KeyError, TypeError):
        return
    raise SAID[status](text)
