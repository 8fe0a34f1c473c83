"""Records in Table Storage. One row for a mail, one for an idempotency key; every write of a record is conditional.

A mail's partition is the day that its id carries, and rows sort newest first, so that lists and clean-up read little.
https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions is not needed: each write
is of one row.
"""

import contextlib
import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableClient, TableErrorCode, UpdateMode

from mailer.errors import TryLater
from mailer.lifecycle import Conflict, KeyOwner, MailRecord, Status

T = TypeVar("T")

_KEYS = "keys"  # the partition of idempotency keys
_PLAIN = ("digest", "template", "recipients", "attempts", "claim", "leased_until", "error_code", "error_message")


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
        """One call, again if only the table itself was missing; translates what the SDK raises."""
        try:
            try:
                return call()
            except ResourceNotFoundError as error:
                if TableErrorCode.TABLE_NOT_FOUND not in str(error):  # create_entity leaves error_code unset
                    raise
                with contextlib.suppress(ResourceExistsError):
                    self._table.create_table()
                return call()
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            raise
        except AzureError as error:
            status = error.status_code if isinstance(error, HttpResponseError) else None
            message = f"Table Storage does not answer as it should ({type(error).__name__}, status {status})."
            raise TryLater(message, code="storage_unavailable") from error


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
