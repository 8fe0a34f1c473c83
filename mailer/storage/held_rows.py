"""Which mails are held for a person: a row each beside their records, so that nobody looks for them in all days."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from azure.core.exceptions import ResourceNotFoundError

from mailer.delivery.record import MailRecord
from mailer.storage import tables

_PARTITION = "held"


class HeldMails(NamedTuple):
    """The mails of a caller that are held, as many as were looked at, and since when the oldest is."""

    caller: str
    mails: int
    since: datetime


class TableHeld:
    """The rows, in the table of the records. Each call may raise TryLater."""

    def __init__(self, table: "tables.Table") -> None:
        self._table = table

    def put(self, record: MailRecord) -> None:
        """Note that the mail is held; before its record says so."""
        at = record.times[record.status]
        row = {"PartitionKey": _PARTITION, "RowKey": record.id, "caller": record.caller or "", "at": at}
        tables.ask(self._table, lambda: self._table.upsert_entity(row))

    def delete(self, mail: str) -> None:
        """Note that it is no more."""
        with suppress(ResourceNotFoundError):
            tables.ask(self._table, lambda: self._table.delete_entity(_PARTITION, mail))

    def standing(self) -> list[HeldMails]:
        """The mails that are held, by caller; of very many only the oldest are counted."""
        page = next(tables.pages(self._table, f"PartitionKey eq '{_PARTITION}'", {}), [])
        rows = list(tables.read_all(page, _held))
        mails, since = Counter(caller for caller, _ in rows), dict(rows[::-1])
        return [HeldMails(caller, number, since[caller]) for caller, number in mails.items()]

    def noted(self, *, before: datetime) -> Iterator[str]:
        """The mails that were noted before this instant."""
        query = f"PartitionKey eq '{_PARTITION}' and at lt @before"
        for page in tables.pages(self._table, query, {"before": before}, select=["RowKey"]):
            yield from (str(row["RowKey"]) for row in page)


def _held(row: tables.Entity) -> tuple[str, datetime]:
    return tables.cell(row, "caller", str), tables.cell(row, "at", datetime)
