"""A table whose hot calls go over a kept session; all others, and what is not answered as usual, are the SDK's."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import urllib3
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from mailer.storage.entity_json import read_row, write_row
from mailer.storage.signed import SignedRequests

if TYPE_CHECKING:
    from azure.data.tables import TableClient

VERSION = "2019-02-02"  # the SDK's
_MORE = "x-ms-continuation-"

_SAID: dict[int, type[HttpResponseError]] = {
    404: ResourceNotFoundError,
    409: ResourceExistsError,
    412: ResourceModifiedError,
}
_JSON = {"Accept": "application/json;odata=minimalmetadata", "DataServiceVersion": "3.0"}
_WRITING = _JSON | {"Content-Type": "application/json", "Prefer": "return-no-content"}
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
        written = self._write("POST", f"/{self.table_name}", entity)
        return written or self._sdk().create_entity(entity, **_AGAIN)

    def update_entity(
        self,
        entity: Mapping[str, Any],
        mode: str,
        *,
        etag: str | None = None,
        match_condition: MatchConditions | None = None,
    ) -> Mapping[str, Any]:
        """Change a row by the SDK's mode merge or replace; with an ETag, if it is as it was then."""
        written = self._write(_method(mode), self._path(entity), entity, {"If-Match": etag or "*"})
        if written:
            return written
        conditions = {"etag": etag, "match_condition": match_condition} if etag else {}
        changed: Mapping[str, Any] = self._sdk().update_entity(entity, mode=mode, **conditions, **_AGAIN)
        return changed

    def upsert_entity(self, entity: Mapping[str, Any], mode: str = "merge") -> Mapping[str, Any]:
        """Insert a row or change it."""
        written = self._write(_method(mode), self._path(entity), entity)
        return written or self._sdk().upsert_entity(entity, mode=mode, **_AGAIN)

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
        self, method: str, path: str, row: Mapping[str, Any], condition: dict[str, str] | None = None
    ) -> Mapping[str, Any] | None:
        """The new version; None where the SDK is to try."""
        body = write_row(row)
        if body is None:
            return None
        reply = self._signed.request(method, path, query={}, headers=_WRITING | (condition or {}), body=body)
        if reply is not None and reply.status == HTTPStatus.NO_CONTENT and "ETag" in reply.headers:
            return {"etag": reply.headers["ETag"]}
        _check(reply)
        return None


def _method(mode: str) -> str:
    return "PUT" if mode == "replace" else "PATCH"


def _content(reply: urllib3.BaseHTTPResponse | None) -> Any:  # noqa: ANN401 - JSON
    """What was read; None where the SDK is to try."""
    if reply is not None and reply.status == HTTPStatus.OK:
        with suppress(ValueError):
            return json.loads(reply.data)
    _check(reply)
    return None


def _check(reply: urllib3.BaseHTTPResponse | None) -> None:
    """Raises the SDK's error for an answer that says no without any doubt."""
    if reply is None or reply.status not in _SAID:
        return
    try:
        said = json.loads(reply.data)["odata.error"]
        text = f"{said['code']}: {said['message']['value']}"
    except (ValueError, KeyError, TypeError):
        return
    raise _SAID[reply.status](text)
