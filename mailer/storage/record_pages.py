"""The records by days, filtered by Table Storage: one request a page, of one partition."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from mailer.delivery.record import MailRecord, Status
from mailer.delivery.search import Wanted
from mailer.request.mail_id import EPOCH
from mailer.storage import tables
from mailer.storage.recipients import Recipients
from mailer.storage.records import DAYS_BEGIN, DAYS_END, read_record, tag_column

_LAST = (1 << 48) - 1  # milliseconds that an id can carry


class RecordPages:
    """The table of the records, as lists read it. Each call may raise TryLater."""

    def __init__(self, table: "tables.Table", recipients: Recipients | None) -> None:
        self._table = table
        self._recipients = recipients
        self.finds_recipients = recipients is not None

    def on_day(
        self, day: date, wanted: Wanted, *, most: int, token: Mapping[str, str] | None
    ) -> tuple[Sequence[MailRecord], dict[str, str] | None]:
        """Mails of this day, newest first, and from where the day goes on, if it does."""
        text, parameters = self._query(day, wanted)
        rows, goes_on = tables.page(self._table, text, parameters, most=most, token=token)
        return list(tables.read_all(rows, read_record)), goes_on

    def first_day(self) -> date | None:
        """The oldest day that has mails."""
        days = f"PartitionKey ge '{DAYS_BEGIN}' and PartitionKey lt '{DAYS_END}'"
        for page in tables.pages(self._table, days, {}, most=1):
            if page:
                return tables.read(page[0], lambda row: date.fromisoformat(row["PartitionKey"]))
        return None

    def _query(self, day: date, wanted: Wanted) -> tuple[str, dict[str, Any]]:
        """At most 15 comparisons: https://learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities."""
        terms = [f"PartitionKey eq '{day}'"]
        if wanted.until:
            terms.append(f"RowKey ge '{_rows_of(_milliseconds(wanted.until) - 1)}'")
        if wanted.since:
            terms.append(f"RowKey lt '{_rows_of(_milliseconds(wanted.since))}g'")
        terms += _of_kind(wanted)
        same = [("error_code", wanted.error), ("template", wanted.template), ("sender", wanted.sender)]
        same += [("pool", wanted.pool), *(("caller", caller) for caller in wanted.callers)]
        if wanted.tag:
            same.append((tag_column(wanted.tag[0]), wanted.tag[1]))
        parameters = {f"p{number}": value for number, (_, value) in enumerate(same) if value is not None}
        terms += [f"{name} eq @p{number}" for number, (name, value) in enumerate(same) if value is not None]
        if wanted.to and self._recipients:
            terms.append(f"{self._recipients.column(wanted.to)} eq true")
        return " and ".join(terms), parameters


def _of_kind(wanted: Wanted) -> list[str]:
    """The term for the statuses; of most of them it names the others, so that all filters together are not too many."""
    others = [status for status in Status if status not in wanted.statuses]
    if wanted.statuses and not wanted.mending and len(others) < len(wanted.statuses):
        return [f"status ne '{status}'" for status in others]
    kinds = [f"status eq '{status}'" for status in wanted.statuses]
    kinds += [f"(status eq '{Status.QUEUED}' and mending eq true)"] if wanted.mending else []
    return [f"({' or '.join(kinds)})"] if kinds else []


def _milliseconds(instant: datetime) -> int:
    """The first one of the epoch that is not before this instant."""
    return -((EPOCH - instant) // timedelta(milliseconds=1))


def _rows_of(milliseconds: int) -> str:
    """How the rows of mails begin whose ids carry this one: upside down, so that the newest come first."""
    return f"{~min(max(milliseconds, 0), _LAST) & _LAST:012x}"
