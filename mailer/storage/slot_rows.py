"""The slots of mailboxes: two rows each, their partition the minute and the mailbox, their key the place in the minute.

`0007` is bulk's row, `0007p` that of mails which go before bulk; who has the latter has the slot.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mailer.pace.lane import PAUSED, Holder, Row
from mailer.request.members import Priority
from mailer.storage import tables

Entity = dict[str, Any]

_PREFIX = "slot|"
_FRONTS = "fronts"
_PREFERRED = "p"
_LEVELS = {level: level for level in (PAUSED, *(priority.level for priority in Priority))}


class TableSlots:
    """The rows, in the table of the records. Each call may raise TryLater."""

    def __init__(self, table: "tables.Table") -> None:
        self._table = table

    def take(
        self, mailbox: str, minute: int, rows: Mapping[Row, Holder | None], *, level: int, ticket: str
    ) -> Mapping[Row, str] | None:
        """Put the ticket into all these rows by one call, and tell their versions; none if one is not as told."""
        partition = _partition(mailbox, minute)
        changes = [
            ({"PartitionKey": partition, "RowKey": _key(row), "level": level, "for": ticket}, holder)
            for row, holder in rows.items()
        ]
        try:
            written = [self._put(*changes[0])] if len(changes) == 1 else self._put_all(changes)
        except tables.CHANGED:
            return None
        return dict(zip(rows, (each["etag"] for each in written), strict=True))

    def _put(self, row: Entity, holder: Holder | None) -> Mapping[str, Any]:
        if holder is None:
            return tables.ask(self._table, lambda: self._table.create_entity(row))
        unchanged = tables.unchanged(holder.version)
        return tables.ask(self._table, lambda: self._table.update_entity(row, mode=tables.REPLACE, **unchanged))

    def _put_all(self, rows: Iterable[tuple[Entity, Holder | None]]) -> Sequence[Mapping[str, Any]]:
        changes = [
            ("update", row, {"mode": tables.REPLACE, **tables.unchanged(holder.version)}) if holder else ("create", row)
            for row, holder in rows
        ]
        return tables.change_together(self._table, changes)

    def minute(self, mailbox: str, minute: int) -> Mapping[Row, Holder]:
        """Who has which row."""
        query = f"PartitionKey eq '{_partition(mailbox, minute)}'"
        return dict(tables.read_all(tables.rows(self._table, query), _holder))

    def ticket(self, mailbox: str, minute: int, place: int) -> str | None:
        """The ticket in this place."""
        tickets = [row.get("for") for row in self._of_place(mailbox, minute, place)]
        return tickets[-1] if tickets else None

    def preferred(self, minute: int) -> Mapping[tuple[str, int], str]:
        """The tickets of mails that are not bulk, of all mailboxes, by the mailbox's key and place."""
        begin = _partition("", minute).rpartition("|")[0]
        query = f"PartitionKey ge '{begin}|' and PartitionKey lt '{begin}~' and level lt {Priority.BULK.level}"
        return dict(tables.read_all(tables.rows(self._table, query), _preferred))

    def key(self, mailbox: str) -> str:
        """The mailbox's key."""
        return mailbox_key(mailbox)

    def fronts(self) -> Mapping[tuple[str, int], int]:
        """The minutes in which the crowd takes slots, about, by the mailbox's key and the priority's level."""
        return dict(tables.read_all(tables.rows(self._table, f"PartitionKey eq '{_FRONTS}'"), _front))

    def move_front(self, mailbox: str, level: int, minute: int) -> None:
        """Tell it."""
        row = {"PartitionKey": _FRONTS, "RowKey": f"{mailbox_key(mailbox)}{level}", "minute": minute}
        tables.ask(self._table, lambda: self._table.upsert_entity(row))

    def free(self, mailbox: str, minute: int, place: int, ticket: str) -> None:
        """Give the place up, if it still holds this ticket."""
        rows = [row for row in self._of_place(mailbox, minute, place) if row.get("for") == ticket]
        tables.delete_as_read(self._table, map(tables.Row.of, rows))

    def _of_place(self, mailbox: str, minute: int, place: int) -> list[tables.Entity]:
        """Bulk's row first."""
        ordinary, preferred = _key(Row(place, preferred=False)), _key(Row(place, preferred=True))
        query = (
            f"PartitionKey eq '{_partition(mailbox, minute)}' and RowKey ge '{ordinary}' and RowKey le '{preferred}'"
        )
        return tables.rows(self._table, query)

    def forget(self, *, before: datetime) -> Iterator[int]:
        """Delete the slots of the minutes before this instant; tells page by page how many."""
        query = f"PartitionKey ge '{_PREFIX}' and PartitionKey lt '{_PREFIX}{before.astimezone(UTC):%Y%m%d%H%M}'"
        for page in tables.pages(self._table, query, {}, select=["PartitionKey", "RowKey"]):
            yield len(tables.delete_as_read(self._table, map(tables.Row.of, page)))


def _holder(row: tables.Entity) -> tuple[Row, Holder]:
    """The row, and who has it: nobody takes one away from a holder that cannot be read."""
    version = row.metadata["etag"]
    try:
        level = _LEVELS[tables.cell(row, "level", int)]
        return _row(row), Holder(level, tables.cell(row, "for", str), version)
    except (KeyError, TypeError):
        return _row(row), Holder(Priority.URGENT.level, "", version)


def _front(row: tables.Entity) -> tuple[tuple[str, int], int]:
    key = row["RowKey"]
    return (key[:-1], int(key[-1:])), tables.cell(row, "minute", int)


def _preferred(row: tables.Entity) -> tuple[tuple[str, int], str]:
    return (row["PartitionKey"].rpartition("|")[2], _row(row).place), tables.cell(row, "for", str)


def _partition(mailbox: str, minute: int) -> str:
    """No address is kept in clear."""
    at = datetime.fromtimestamp(0, UTC) + timedelta(minutes=minute)
    return f"{_PREFIX}{at:%Y%m%d%H%M}|{mailbox_key(mailbox)}"


def _key(row: Row) -> str:
    return f"{row.place:04}{_PREFERRED if row.preferred else ''}"


def _row(row: tables.Entity) -> Row:
    key = row["RowKey"]
    return Row(int(key.removesuffix(_PREFERRED)), key.endswith(_PREFERRED))


def mailbox_key(mailbox: str) -> str:
    """A mailbox in keys of rows."""
    return hashlib.sha256(mailbox.encode()).hexdigest()[:16]
