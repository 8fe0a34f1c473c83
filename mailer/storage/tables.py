"""Calls of one table: the table is made when it is first missed, and what the SDK raises is translated."""

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from mailer.errors import TryLater, Unreadable

if TYPE_CHECKING:
    from azure.data.tables import TableClient

    from mailer.storage.kept_table import KeptTable

    Table: TypeAlias = TableClient | KeptTable

log = logging.getLogger("mailer.tables")

T = TypeVar("T")
Entity = Any  # the SDK's entities are untyped mappings


class Row(NamedTuple):
    """Where a row is, and its state when it was read."""

    partition: str
    key: str
    version: str

    @classmethod
    def of(cls, entity: Entity) -> "Row":
        """That of an entity which was read."""
        return cls(entity["PartitionKey"], entity["RowKey"], entity.metadata["etag"])


SAID: dict[int, type[HttpResponseError]] = {  # where a row is not as it is to be
    404: ResourceNotFoundError,
    409: ResourceExistsError,
    412: ResourceModifiedError,
}
CHANGED = tuple(SAID.values())
MERGE: Any = "merge"  # what a change does with the properties that it leaves out
REPLACE: Any = "replace"
_NO_TABLE = "TableNotFound"
BATCH = 100  # https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
PAGE = 500  # rows


def ask(table: "Table", call: Callable[[], T]) -> T:
    """One call. Raises TryLater, and the SDK's own errors for a row that exists, is gone or has changed."""
    try:
        try:
            return call()
        except ResourceNotFoundError as error:
            if _NO_TABLE not in str(error):  # create_entity leaves error_code unset
                raise
            with contextlib.suppress(ResourceExistsError):
                table.create_table()
            return call()
    except CHANGED:
        raise
    except AzureError as error:
        status = error.status_code if isinstance(error, HttpResponseError) else None
        message = f"Table Storage does not answer as it should ({type(error).__name__}, status {status})."
        raise TryLater(message, code="storage_unavailable") from error


def unchanged(version: str | None) -> dict[str, Any]:
    """The condition that a row is as it was at this version; none without one."""
    return {"etag": version, "match_condition": MatchConditions.IfNotModified} if version else {}


def pages(
    table: "Table",
    text: str,
    parameters: Mapping[str, Any],
    *,
    select: list[str] | None = None,
    most: int | None = None,
) -> Iterator[list[Entity]]:
    """What a query finds, page by page; a page may be empty while there are more. Raises TryLater."""
    found = table.query_entities(
        text, parameters=dict(parameters), select=select, results_per_page=most or PAGE
    ).by_page()
    while True:
        page = ask(table, lambda: next(found, None))
        if page is None:
            return
        yield list(page)


def rows(table: "Table", text: str) -> list[Entity]:
    """All that a query finds, which are few. Raises TryLater."""
    return ask(table, lambda: list(table.query_entities(text)))


def page(
    table: "Table", text: str, parameters: Mapping[str, Any], *, most: int, token: Mapping[str, str] | None = None
) -> tuple[list[Entity], dict[str, str] | None]:
    """What one request finds from a token on, and the token from which the query goes on. Raises TryLater."""
    found = table.query_entities(text, parameters=dict(parameters), results_per_page=most)
    pages: Any = found.by_page(continuation_token=dict(token) if token else None)  # type: ignore[arg-type]  # is a mapping
    rows = ask(table, lambda: list(next(pages, ())))
    return rows, pages.continuation_token or None


def cell(row: Entity, name: str, kind: type[T]) -> T:
    """What the row holds under this name. Raises KeyError, TypeError."""
    value = row[name]
    if not isinstance(value, kind):
        message = f"{name} is no {kind.__name__}"
        raise TypeError(message)
    return value


def read(row: Entity, reader: Callable[[Entity], T]) -> T:
    """What the reader makes of the row; raises Unreadable, which names it and nothing of what it holds."""
    try:
        return reader(row)
    except (KeyError, TypeError, ValueError) as error:
        reason = type(error).__name__ if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise Unreadable(row["PartitionKey"], row["RowKey"], reason) from error


def read_all(rows: Iterable[Entity], reader: Callable[[Entity], T]) -> Iterator[T]:
    """What the reader makes of each row; one that cannot be read is told in the log, and holds up no other."""
    for row in rows:
        try:
            yield read(row, reader)
        except Unreadable as unreadable:
            log.error("row_unreadable %s", unreadable)  # noqa: TRY400 - where in the code says nothing here


def change_together(table: "Table", changes: Iterable[Any]) -> Sequence[Mapping[str, Any]]:
    """Make all these changes of one partition by one call, or none; tells the new versions. Raises as `ask` does."""
    changes = list(changes)

    def submitted() -> Sequence[Mapping[str, Any]]:
        try:
            return table.submit_transaction(changes)
        except HttpResponseError as refused:  # by the SDK, which has an error of its own for it
            said = SAID.get(refused.status_code or 0)
            raise said(str(refused)) if said else refused from refused

    return ask(table, submitted)


def delete_as_read(table: "Table", rows: Iterable[Row]) -> list[Row]:
    """Delete these rows, but for those that have changed since they were read; returns what is deleted."""
    deleted: list[Row] = []
    for _, partition in itertools.groupby(rows, key=lambda row: row.partition):
        while batch := list(itertools.islice(partition, BATCH)):
            deleted += _delete_batch(table, batch)
    return deleted


def _delete_batch(table: "Table", rows: list[Row]) -> list[Row]:
    deletions = [("delete", {"PartitionKey": row.partition, "RowKey": row.key}, unchanged(row.version)) for row in rows]
    try:
        change_together(table, deletions)
    except CHANGED:
        # One row that is gone or has changed fails a whole transaction.
        return [row for row in rows if _delete(table, row)]
    return rows


def _delete(table: "Table", row: Row) -> bool:
    try:
        ask(table, lambda: table.delete_entity(row.partition, row.key, **unchanged(row.version)))
    except (ResourceModifiedError, ResourceNotFoundError):
        return False
    return True
