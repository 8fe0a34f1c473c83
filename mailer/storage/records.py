"""Records in Table Storage. One row for a mail, one for an idempotency key; every write of a record is conditional.

A mail's partition is the day that its id carries, and rows sort newest first, so that lists and clean-up read little.
https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions is not needed: each write
is of one row.
"""

import hashlib
import itertools
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableClient, UpdateMode

from mailer.delivery.record import LOST_AFTER, Conflict, KeyOwner, MailRecord, Status
from mailer.storage.tables import ask

T = TypeVar("T")

_KEYS = "keys"  # the partition of idempotency keys
_PLAIN = (
    "digest",
    "template",
    "recipients",
    "attempts",
    "claim",
    "leased_until",
    "drafting",
    "due_at",
    "gate",
    "resent",
    "grave",
    "error_code",
    "error_message",
)


class TableLedger:
    """The Ledger in one table, which is made when it is first missed."""

    def __init__(self, table: TableClient, *, key_window: timedelta) -> None:
        self._table = table
        self._key_window = key_window

    def write(self, record: MailRecord) -> MailRecord:
        """Insert or change the record, in one transaction; raises Conflict, TryLater."""
        entity = _entity(record)
        try:
            if record.version is None:
                answer = self._ask(lambda: self._table.create_entity(entity))
            else:
                condition = _unchanged(record.version)
                answer = self._ask(lambda: self._table.update_entity(entity, mode=UpdateMode.MERGE, **condition))
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
            return self._mine_after_all(record, error)
        return replace(record, version=answer["etag"])

    def _mine_after_all(self, record: MailRecord, error: Exception) -> MailRecord:
        """A write whose answer was lost is repeated by the SDK and then finds itself."""
        kept = self.read(record.id)
        if kept and record.claim and kept.claim == record.claim and kept.status == record.status:
            return kept
        raise Conflict(record.id) from error

    def read(self, mail_id: str) -> MailRecord | None:
        """The record, or None; raises TryLater."""
        partition, row = _row(mail_id)
        try:
            return _record(mail_id, self._ask(lambda: self._table.get_entity(partition, row)))
        except ResourceNotFoundError:
            return None

    def withdraw(self, record: MailRecord) -> None:
        """Take back a record, if it is as it was at its version; raises Conflict, TryLater."""
        partition, row = _row(record.id)
        condition = _unchanged(record.version) if record.version else {}
        try:
            self._ask(lambda: self._table.delete_entity(partition, row, **condition))
        except ResourceModifiedError as error:
            raise Conflict(record.id) from error

    def own_key(self, key: str, owner: KeyOwner, *, now: datetime) -> KeyOwner:
        """Give the key to this mail unless it belongs to another one that is not past the window; raises TryLater."""
        row = hashlib.sha256(key.encode()).hexdigest()
        entity: dict[str, Any] = {"PartitionKey": _KEYS, "RowKey": row, "mail": owner.id, "digest": owner.digest}
        entity["expires_at"] = now + self._key_window
        try:
            self._ask(lambda: self._table.create_entity(entity))
        except ResourceExistsError:
            try:
                kept = self._ask(lambda: self._table.get_entity(_KEYS, row))
                if kept["expires_at"] > now:
                    return KeyOwner(id=kept["mail"], digest=kept["digest"])
                condition = _unchanged(kept.metadata["etag"])
                self._ask(lambda: self._table.update_entity(entity, mode=UpdateMode.REPLACE, **condition))
            except (ResourceModifiedError, ResourceNotFoundError):  # somebody else took it over or cleaned it up
                return self.own_key(key, owner, now=now)
        return owner

    def ping(self) -> None:
        """Prove that the table answers; raises TryLater."""
        self.read(str(uuid.UUID(int=0)))

    def _ask(self, call: Callable[[], T]) -> T:
        return ask(self._table, call)

    # What clean-up needs

    def stuck(self, *, now: datetime) -> Iterator[MailRecord]:
        """Records that nobody will move: claims an hour past their lease, and mails whose message is not there."""
        lost = now - LOST_AFTER
        filters = (
            f"status eq 'sending' and leased_until lt @lease and PartitionKey lt '{_KEYS}'",
            f"status eq 'queued' and queued_at lt @lost and PartitionKey lt '{_KEYS}'",
            f"status eq 'scheduled' and due_at lt @lost and PartitionKey lt '{_KEYS}'",
        )
        instants = {"lease": now - timedelta(hours=1), "lost": lost}
        for text in filters:
            for entity in self._query(text, instants):
                record = _record(entity["id"], entity)
                if not (record.due_at and record.due_at > lost):
                    yield record

    def forget(self, *, before: datetime, now: datetime) -> int:
        """Delete the records of whole days before this instant, and the keys past their window; returns how many.

        A mail that is still to be sent, perhaps in a year, keeps its record.
        """
        done = " and ".join(f"status ne '{status}'" for status in Status if not status.final)
        days = self._query(f"PartitionKey lt '{before:%Y-%m-%d}' and {done}", {}, select=["PartitionKey", "RowKey"])
        keys = self._query(
            f"PartitionKey eq '{_KEYS}' and expires_at lt @now", {"now": now}, ["PartitionKey", "RowKey"]
        )
        rows = [*days, *keys]
        for _, partition in itertools.groupby(rows, key=lambda row: row["PartitionKey"]):
            deletions = [("delete", dict(row)) for row in partition]
            for start in range(0, len(deletions), 100):  # the most that one transaction takes
                self._delete(deletions[start : start + 100])
        return len(rows)

    def _delete(self, deletions: list[tuple[str, dict[str, Any]]]) -> None:
        self._ask(lambda: self._table.submit_transaction(deletions))

    def found(self, *, code: str | None, since: datetime, statuses: Iterable[Status]) -> Iterator[MailRecord]:
        """Records in one of these statuses, accepted since this instant, optionally with this error code."""
        wanted = " or ".join(f"status eq '{status}'" for status in statuses)
        text = f"PartitionKey ge '{since:%Y-%m-%d}' and PartitionKey lt '{_KEYS}' and ({wanted})"
        text += " and error_code eq @code" if code else ""
        for entity in self._query(text, {"code": code} if code else {}):
            record = _record(entity["id"], entity)
            if record.accepted_at >= since:
                yield record

    def _query(
        self, text: str, parameters: Mapping[str, Any], select: list[str] | None = None
    ) -> Iterable[Mapping[str, Any]]:
        return self._ask(lambda: list(self._table.query_entities(text, parameters=dict(parameters), select=select)))


def _unchanged(version: str | None) -> dict[str, Any]:
    return {"etag": version, "match_condition": MatchConditions.IfNotModified}


def _row(mail_id: str) -> tuple[str, str]:
    """Partition and row of a mail: its day, and its id upside down, so that the newest comes first."""
    row = f"{~uuid.UUID(mail_id).int & (1 << 128) - 1:032x}"
    return f"{MailRecord(id=mail_id).accepted_at:%Y-%m-%d}", row


def _entity(record: MailRecord) -> dict[str, Any]:
    """What to write; a change leaves all else as it is."""
    partition, row = _row(record.id)
    entity: dict[str, Any] = {"PartitionKey": partition, "RowKey": row, "id": record.id, "status": str(record.status)}
    entity |= {name: getattr(record, name) for name in _PLAIN}
    entity |= {f"{status}_at": instant for status, instant in record.times.items()}
    entity["tags"] = None if record.tags is None else json.dumps(dict(record.tags))
    return {name: value for name, value in entity.items() if value is not None}


def _record(mail_id: str, entity: Any) -> MailRecord:  # noqa: ANN401 - the SDK's entities are untyped mappings
    times = {status: entity[f"{status}_at"] for status in Status if f"{status}_at" in entity}
    return MailRecord(
        id=mail_id,
        version=entity.metadata["etag"],
        status=Status(entity["status"]),
        tags=json.loads(entity["tags"]) if "tags" in entity else None,
        times=dict(sorted(times.items(), key=lambda step: step[1])),
        **{name: entity[name] for name in _PLAIN if name in entity},
    )
