"""The messages that wait: one row each, its partition the day when it is due, its key the minute and the mail.

Mails that are taken at the same moment are due in different minutes, and still are written by one call.
"""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from mailer.delivery.envelope import Envelope
from mailer.gather import Company
from mailer.pace.later import Waiting
from mailer.storage import tables
from mailer.storage.together import Together

_PREFIX = "due|"


class LaterRows:
    """The rows, in the table of the records. Each call may raise TryLater."""

    def __init__(self, table: "tables.Table", company: Company | None = None) -> None:
        self._table = table
        self._together = Together(table, company)

    def put(self, waiting: Waiting) -> None:
        """Keep this message; the same mail in the same minute has one row."""
        row: dict[str, Any] = {
            "PartitionKey": _day(waiting.due),
            "RowKey": _key(waiting.mail, waiting.due),
            "due": waiting.due,
            "envelope": waiting.envelope.model_dump_json(exclude_defaults=True),
        }
        if waiting.content is not None:
            row["content"] = waiting.content
        if not self._together.write("upsert", row, mode=tables.REPLACE):
            tables.ask(self._table, lambda: self._table.upsert_entity(row, mode=tables.REPLACE))

    def take_back(self, mail: str, due: datetime) -> None:
        """Delete this message, unless one for another second of the minute has taken its row."""
        with contextlib.suppress(ResourceNotFoundError, ResourceModifiedError):
            row = tables.ask(self._table, lambda: self._table.get_entity(_day(due), _key(mail, due)))
            if row.get("due") == due:
                condition = tables.unchanged(row.metadata["etag"])
                tables.ask(self._table, lambda: self._table.delete_entity(_day(due), _key(mail, due), **condition))

    def get(self, mail: str, due: datetime) -> Waiting | None:
        """What of this mail waits for this minute."""
        row = self._row(mail, due)
        return None if row is None else tables.read(row, _waiting)

    def has(self, mail: str, due: datetime) -> bool:
        """Whether this mail waits for this minute, in a row that can be read or not."""
        return self._row(mail, due) is not None

    def _row(self, mail: str, due: datetime) -> tables.Entity | None:
        try:
            return tables.ask(self._table, lambda: self._table.get_entity(_day(due), _key(mail, due)))
        except ResourceNotFoundError:
            return None

    def pages(self, until: datetime) -> Iterator[Sequence[Waiting]]:
        """What is due by the end of this minute, the oldest first."""
        day = _day(until)
        overdue = f"PartitionKey ge '{_PREFIX}' and PartitionKey lt '{day}'"
        for query in (overdue, f"PartitionKey eq '{day}' and RowKey le '{_minute(until)}~'"):
            for page in tables.pages(self._table, query, {}):
                yield list(tables.read_all(page, _waiting))

    def delete(self, rows: Sequence[Waiting]) -> None:
        """Delete these rows, but for those that were written anew since they were read."""
        found = [tables.Row(_day(row.due), _key(row.mail, row.due), row.version or "") for row in rows]
        tables.delete_as_read(self._table, found)


def _waiting(row: tables.Entity) -> Waiting:
    return Waiting(
        mail=row["RowKey"].partition("|")[2],
        due=tables.cell(row, "due", datetime),
        envelope=Envelope.model_validate_json(tables.cell(row, "envelope", str)),
        content=tables.cell(row, "content", bytes) if "content" in row else None,
        version=row.metadata["etag"],
    )


def _day(due: datetime) -> str:
    return f"{_PREFIX}{due.astimezone(UTC):%Y%m%d}"


def _key(mail: str, due: datetime) -> str:
    return f"{_minute(due)}|{mail}"


def _minute(due: datetime) -> str:
    return f"{due.astimezone(UTC):%H%M}"
