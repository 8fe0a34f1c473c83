"""The suppressions, in one partition of the table of the records, so that each change is one transaction.

    a|HASH    an address: why, since when, by whom
    b         the list itself: when it was begun, how many changes there have been, with which key hashes are made
    b|XX      the hashes that begin with these two digits, and the number of the bucket's last change

A worker reads its whole copy from the 256 buckets, and then each time those that have changed.
https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
"""

import itertools
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mailer.errors import Misconfigured, TryLater, Unreadable
from mailer.feedback.hashes import SIZE, Hashes
from mailer.feedback.suppressions import Changes, Mark, Suppression
from mailer.storage import tables
from mailer.storage.recipients import Recipients

log = logging.getLogger("mailer.suppressions")

Operation = tuple[Any, ...]  # of the SDK's transactions

_PARTITION = "suppressions"
_ADDRESS, _STATE, _BUCKET, _END = "a|", "b", "b|", "c"
_TRIES = 40  # of a change that meets others, of which one at a time succeeds
_FULL = 65_536 // SIZE  # hashes in one property of a row
_TOO_MANY = "The list of suppressed addresses is full: it holds about a million. Lift some of them."
_KEY_LOST = (
    "The suppressed addresses were hashed with another key than the table `{table}` has now, so that nobody knows who "
    "must get no mail. Restore that table; or lift all suppressions, by deleting the rows of the partition "
    f"`{_PARTITION}` in the table of the records, and suppress the addresses anew."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kept:
    """What a change of one hash begins with; a version is None where there is no row yet."""

    entry: Suppression | None = None
    mark: Mark = field(default_factory=Mark)
    hashes: Hashes = field(default_factory=Hashes)
    state_version: str | None = None
    bucket_version: str | None = None


class TableSuppressions:
    """The rows. Each call may raise TryLater, which is Misconfigured where the hashes' key is lost."""

    def __init__(self, table: "tables.Table", recipients: Recipients) -> None:
        self._table = table
        self._recipients = recipients

    def hash(self, address: str) -> bytes:
        """The keyed hash of an address, the same by which mails are found."""
        return self._recipients.hash(address)

    def put(self, address: str, *, reason: str | None, by: str | None, now: datetime) -> tuple[Suppression, bool]:
        """Suppress the address: its entry, the first one where it has one, and whether it is new."""
        one = self.hash(address)
        entry = Suppression(hash=one.hex(), since=now, by=by, reason=reason)
        row = {"PartitionKey": _PARTITION, "RowKey": _ADDRESS + entry.hash, "since": now, "by": by, "reason": reason}
        given = {name: value for name, value in row.items() if value is not None}
        found = self._changed(one, ("create", given), Hashes.with_one, there=False)
        return found or entry, found is None

    def lift(self, address: str) -> bool:
        """Let the address get mail again: whether it was suppressed."""
        one = self.hash(address)
        row = {"PartitionKey": _PARTITION, "RowKey": _ADDRESS + one.hex()}
        return self._changed(one, ("delete", row), Hashes.without, there=True) is not None

    def find(self, address: str) -> Suppression | None:
        """The address's entry."""
        return self._kept(self.hash(address)).entry

    def page(self, most: int, *, after: str) -> tuple[Sequence[Suppression], str | None]:
        """At most so many entries, in the order of their hashes, and after which one the next page begins, if any."""
        text = f"PartitionKey eq '{_PARTITION}' and RowKey gt '{_ADDRESS}{after}' and RowKey lt '{_STATE}'"
        pages = tables.pages(self._table, text, {}, most=most + 1)  # of which one may be short while there are more
        rows = list(itertools.islice(itertools.chain.from_iterable(pages), most + 1))
        goes_on = rows[most - 1]["RowKey"].removeprefix(_ADDRESS) if len(rows) > most else None
        return list(tables.read_all(rows[:most], _entry)), goes_on

    def changes(self, since: Mark) -> Changes:
        """What has changed since then.

        The state comes first of the rows: what changes while the others are read has a higher number, and comes again.
        """
        text = f"PartitionKey eq '{_PARTITION}' and RowKey ge '{_STATE}' and RowKey lt '{_END}'"
        rows = tables.rows(self._table, f"{text} and (RowKey eq '{_STATE}' or number gt {since.number})")
        mark = self._mark(rows.pop(0)) if rows and rows[0]["RowKey"] == _STATE else Mark()
        if mark.number and since.number and (mark.made != since.made or mark.number < since.number):
            return self.changes(Mark())  # it was emptied and begun anew, or is an older one that was restored
        buckets = {int(row["RowKey"].removeprefix(_BUCKET), 16): _read_hashes(row) for row in rows}
        return Changes(mark=mark, buckets=buckets, all=not (mark.number and since.number))

    def _changed(
        self, one: bytes, operation: Operation, change: Callable[[Hashes, bytes], Hashes], *, there: bool
    ) -> Suppression | None:
        """The entry as it was; it is changed, with its bucket, if it is there or not as is said here."""
        for _ in range(_TRIES):
            kept = self._kept(one)
            if (kept.entry is not None) is not there:
                break
            number, made = kept.mark.number + 1, kept.mark.made or uuid.uuid4().hex
            state = {"RowKey": _STATE, "made": made, "number": number, "key": self._recipients.mark}
            hashes = change(kept.hashes, one)
            if len(hashes) > _FULL:
                raise Misconfigured(_TOO_MANY, code="suppressions_full")
            bucket = {"RowKey": _bucket_of(one), "number": number, "hashes": hashes.packed}
            writes = [_write(state, kept.state_version), _write(bucket, kept.bucket_version)]
            try:
                tables.change_together(self._table, [operation, *writes])
            except tables.CHANGED:  # somebody else was quicker
                continue
            break
        else:
            message = "Many others change the suppressions at this moment. Try again."
            raise TryLater(message, code="storage_unavailable")
        return kept.entry

    def _kept(self, one: bytes) -> _Kept:
        names = (_ADDRESS + one.hex(), _STATE, _bucket_of(one))
        text = " or ".join(f"RowKey eq '{name}'" for name in names)
        found = {row["RowKey"]: row for row in tables.rows(self._table, f"PartitionKey eq '{_PARTITION}' and ({text})")}
        entry, state, bucket = (found.get(name) for name in names)
        return _Kept(
            entry=tables.read(entry, _entry) if entry else None,
            mark=self._mark(state) if state else Mark(),
            hashes=tables.read(bucket, _hashes) if bucket else Hashes(),
            state_version=state and state.metadata["etag"],
            bucket_version=bucket and bucket.metadata["etag"],
        )

    def _mark(self, state: tables.Entity) -> Mark:
        """Raises Misconfigured."""
        if state.get("key") != self._recipients.mark:
            raise Misconfigured(_KEY_LOST.format(table=self._recipients.table_name), code="suppression_key_lost")
        return tables.read(state, lambda row: Mark(tables.cell(row, "made", str), tables.cell(row, "number", int)))


def _bucket_of(one: bytes) -> str:
    return f"{_BUCKET}{one[0]:02x}"


def _write(row: dict[str, Any], version: str | None) -> Operation:
    row |= {"PartitionKey": _PARTITION}
    return ("update", row, {"mode": tables.REPLACE, **tables.unchanged(version)}) if version else ("create", row)


def _entry(row: tables.Entity) -> Suppression:
    return Suppression(
        hash=row["RowKey"].removeprefix(_ADDRESS),
        since=tables.cell(row, "since", datetime),
        by=tables.cell(row, "by", str) if "by" in row else None,
        reason=tables.cell(row, "reason", str) if "reason" in row else None,
    )


def _read_hashes(row: tables.Entity) -> Hashes | Unreadable:
    """Those of a bucket; one that cannot be read holds up only who may stand in it."""
    try:
        return tables.read(row, _hashes)
    except Unreadable as unreadable:
        log.error("row_unreadable %s", unreadable)  # noqa: TRY400 - where in the code says nothing here
        return unreadable


def _hashes(row: tables.Entity) -> Hashes:
    packed = tables.cell(row, "hashes", bytes)
    if len(packed) % SIZE:
        message = "is cut off"
        raise ValueError(message)
    return Hashes(packed)
