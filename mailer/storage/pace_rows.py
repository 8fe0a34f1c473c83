"""What all instances know of a mailbox: until when it is to wait, and how many recipients it reaches in which hour."""

import functools
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from mailer.storage import tables
from mailer.storage.slot_rows import mailbox_key

_PAUSES = "pauses"
_COUNTS = "recipients|"


class TablePauses:
    """The pauses, in one partition of the table of the records. Each call may raise TryLater."""

    def __init__(self, table: "tables.Table") -> None:
        self._table = table

    def put(self, mailbox: str, until: datetime) -> None:
        """Let the mailbox wait until then."""
        row = {"PartitionKey": _PAUSES, "RowKey": mailbox_key(mailbox), "until": until}
        tables.ask(self._table, lambda: self._table.upsert_entity(row))

    def standing(self, now: datetime) -> Mapping[str, datetime]:
        """The pauses that are not over, by the mailbox's key."""
        text = f"PartitionKey eq '{_PAUSES}' and until gt datetime'{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}'"
        return dict(tables.read_all(tables.rows(self._table, text), _pause))

    def key(self, mailbox: str) -> str:
        """The mailbox's key."""
        return mailbox_key(mailbox)


class TableCounts:
    """The recipients by the hour, a row for each hour and instance. Each call may raise TryLater."""

    def __init__(self, table: "tables.Table") -> None:
        self._table = table
        self._instance = secrets.token_hex(8)

    def put(self, mailbox: str, own: Mapping[int, int]) -> None:
        """Keep this instance's own counts of these hours."""
        partition = _COUNTS + mailbox_key(mailbox)
        rows = [
            {"PartitionKey": partition, "RowKey": f"{hour:08}|{self._instance}", "count": count}
            for hour, count in own.items()
        ]
        for row in rows:
            tables.ask(self._table, functools.partial(self._table.upsert_entity, row))

    def all(self, mailbox: str, since: int) -> Mapping[int, int]:
        """Those of all instances together, from this hour on."""
        query = f"PartitionKey eq '{_COUNTS}{mailbox_key(mailbox)}' and RowKey ge '{since:08}'"
        counts: Counter[int] = Counter()
        for hour, count in tables.read_all(tables.rows(self._table, query), _count):
            counts[hour] += count
        return counts

    def forget(self, *, before: datetime) -> Iterator[int]:
        """Delete the counts of the hours before this instant; tells page by page how many."""
        hour = int(before.timestamp()) // 3600
        query = f"PartitionKey ge '{_COUNTS}' and PartitionKey lt '{_COUNTS}~' and RowKey lt '{hour:08}'"
        for page in tables.pages(self._table, query, {}, select=["PartitionKey", "RowKey"]):
            yield len(tables.delete_as_read(self._table, map(tables.Row.of, page)))


def _pause(row: tables.Entity) -> tuple[str, datetime]:
    return row["RowKey"], tables.cell(row, "until", datetime)


def _count(row: tables.Entity) -> tuple[int, int]:
    return int(row["RowKey"].partition("|")[0]), tables.cell(row, "count", int)
