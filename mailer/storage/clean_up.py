"""What the clean-up reads and deletes, page by page: records, keys, blobs, and the marks of how far it has come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from azure.core.exceptions import ResourceNotFoundError

from mailer.delivery.record import MailRecord, Status
from mailer.storage import tables
from mailer.storage.held_rows import TableHeld
from mailer.storage.later_rows import LaterRows
from mailer.storage.pace_rows import TableCounts
from mailer.storage.queues import MailQueue
from mailer.storage.records import DAYS_END, KEYS, TableLedger, read_record, row_of
from mailer.storage.slot_rows import TableSlots

_MARKS = "marks"
SLOTS_KEPT = timedelta(minutes=10)
NOTES_KEPT = timedelta(hours=1)  # before anybody doubts that their records will come
COUNTS_KEPT = timedelta(hours=26)  # beyond the 24 that are looked at


class CleanUpTable:
    """The table of the records, as the clean-up uses it. Each call may raise TryLater."""

    def __init__(self, table: "tables.Table") -> None:
        self._table = table
        self._ledger = TableLedger(table, key_window=timedelta())

    def stalled(self, day: date, *, before: datetime) -> Iterator[Sequence[MailRecord]]:
        """Mails accepted on this day that should have moved before this instant and have not."""
        # The SDK knows a parameter by the space behind it.
        query = (
            f"PartitionKey eq '{day}' and ((status eq 'sending' and leased_until lt @before )"
            " or (status eq 'queued' and queued_at lt @before ) or (status eq 'scheduled' and due_at lt @before )"
            " or (status eq 'uncertain' and look gt 0 and due_at lt @before ))"
        )
        for page in tables.pages(self._table, query, {"before": before}):
            found = tables.read_all(page, read_record)
            yield [record for record in found if not record.due_at or record.due_at < before]

    def expired(self, *, before: datetime) -> Iterator[Sequence[MailRecord]]:
        """Mails that came to their end before this instant; one that waits, perhaps for a year, has not."""
        ended = " or ".join(f"(status eq '{one}' and {one}_at lt @before )" for one in Status if one.final)
        query = f"PartitionKey le '{before:%Y-%m-%d}' and PartitionKey lt '{DAYS_END}' and ({ended})"
        for page in tables.pages(self._table, query, {"before": before}):
            yield [record for record in tables.read_all(page, read_record) if not record.look]

    def forget(self, records: Sequence[MailRecord]) -> list[str]:
        """Delete these records, but for those that have changed since they were read; returns whose are gone."""
        mails = {tables.Row(*row_of(record.id), record.version or ""): record.id for record in records}
        return [mails[row] for row in tables.delete_as_read(self._table, mails)]

    def forget_keys(self, mark: str, *, now: datetime) -> Iterator[tuple[int, str]]:
        """Delete the keys past their window, from this mark on; tells page by page how many.

        With each page comes the mark of the next one; an empty one after the last.
        """
        query = f"PartitionKey eq '{KEYS}' and RowKey gt @after and expires_at lt @now"
        for page in tables.pages(self._table, query, {"after": mark, "now": now}, select=["PartitionKey", "RowKey"]):
            gone = tables.delete_as_read(self._table, map(tables.Row.of, page))
            mark = page[-1]["RowKey"] if page else mark
            yield len(gone), mark
        yield 0, ""

    def forget_turns(self, *, now: datetime) -> Iterator[int]:
        """Delete slots, counts of recipients and notes of held mails that are over; tells now and then how many."""
        yield from TableSlots(self._table).forget(before=now - SLOTS_KEPT)
        yield from TableCounts(self._table).forget(before=now - COUNTS_KEPT)
        yield from self._forget_notes(before=now - NOTES_KEPT)

    def _forget_notes(self, *, before: datetime) -> Iterator[int]:
        """Delete the notes of held mails that a crash has left; tells for each that was looked at."""
        notes = TableHeld(self._table)
        for mail in notes.noted(before=before):
            kept = self._ledger.read(mail)
            freed = kept is None or kept.status is not Status.HELD
            if freed:
                notes.delete(mail)
            yield int(freed)

    def mark(self, name: str) -> str:
        """How far this part of the clean-up has come; nothing if it is to begin anew."""
        try:
            row = tables.ask(self._table, lambda: self._table.get_entity(_MARKS, name))
        except ResourceNotFoundError:
            return ""
        return str(row.get("at", ""))

    def set_mark(self, name: str, at: str) -> None:
        """Go on from here the next time."""
        row = {"PartitionKey": _MARKS, "RowKey": name, "at": at}
        tables.ask(self._table, lambda: self._table.upsert_entity(row))


@dataclass(frozen=True, slots=True)
class Waits:
    """Where a mail's message may be: on a queue, or in the table until its hour. Each call may raise TryLater."""

    queues: Sequence[MailQueue]
    rows: LaterRows

    def queues_are_empty(self) -> bool:
        """Whether no message of any mail lies on a queue, be it visible or not."""
        return all(queue.is_empty() for queue in self.queues)

    def has_row(self, mail: str, due: datetime) -> bool:
        """Whether the mail waits for this hour."""
        return self.rows.has(mail, due)
