"""Records in Table Storage. One row for a mail, one for an idempotency key; every write of a record is conditional.

A mail's partition is the day that its id carries, and rows sort newest first, so that lists and clean-up read little.
No write depends on another one's: those of mails that wait go together only to be fewer.
"""

import contextlib
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

from mailer.delivery.record import Action, Conflict, Done, KeyOwner, MailRecord, Status
from mailer.errors import TryLater
from mailer.gather import LONG_PATIENCE, Company
from mailer.request.mail_id import instant_of
from mailer.request.members import Priority
from mailer.storage import tables
from mailer.storage.held_rows import TableHeld
from mailer.storage.recipients import Recipients
from mailer.storage.together import Together

T = TypeVar("T")

KEYS = "keys"  # the partition of idempotency keys
LET_GO = {Status.QUEUED, Status.SCHEDULED, Status.CANCELED}  # what becomes of a mail that was held
DAYS_BEGIN, DAYS_END = "0", ":"  # sort before and after every day
_PLAIN: dict[str, type] = {
    "digest": str,
    "proof": str,
    "template": str,
    "recipients": int,
    "sender": str,
    "slot": datetime,
    "ticket": str,
    "attempts": int,
    "claim": str,
    "leased_until": datetime,
    "drafting": bool,
    "since": datetime,
    "due_at": datetime,
    "caller": str,
    "pool": str,
    "gate": str,
    "template_version": str,
    "content_hash": str,
    "request_id": str,
    "resent": int,
    "look": int,
    "mending": bool,
    "error_code": str,
    "error_message": str,
}


class TableLedger:
    """The Ledger in one table, which is made when it is first missed."""

    def __init__(
        self,
        table: "tables.Table",
        *,
        key_window: timedelta,
        recipients: Recipients | None = None,
        company: Company | None = None,
    ) -> None:
        self._table = table
        self._key_window = key_window
        self._recipients = recipients
        self._held = TableHeld(table)
        self._together = Together(table, company)

    def write(self, record: MailRecord) -> MailRecord:
        """Insert or change the record by one write; one that is held is noted beside it. Raises Conflict, TryLater."""
        return self._write(record)

    def postpone(self, record: MailRecord, *, within: timedelta) -> MailRecord:
        """Write that of a mail which goes on waiting, with those of others that come meanwhile; raises as write."""
        return self._write(record, patience=min(within.total_seconds(), LONG_PATIENCE))

    def _write(self, record: MailRecord, *, patience: float = 0) -> MailRecord:
        entity = _entity(record) | {"write": uuid.uuid4().hex}
        if record.status is Status.HELD:
            self._held.put(record)
        try:
            if record.version is None:
                if self._recipients and record.reaches:
                    entity |= self._recipients.columns(record.reaches)
                waits = record.due_at and record.status is not Status.SENDING  # its turn has come, and waits for none
                with_others = self._together.write("create", entity) if waits else None
                answer = with_others or self._ask(lambda: self._table.create_entity(entity))
            else:
                how = {"mode": tables.MERGE, **tables.unchanged(record.version)}
                with_others = self._together.write("update", entity, patience=patience, **how) if patience else None
                answer = with_others or self._ask(lambda: self._table.update_entity(entity, **how))
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
            return self._mine_after_all(record, entity["write"], error)
        if Status.HELD in record.times and record.status in LET_GO:
            with contextlib.suppress(TryLater):  # the clean-up finds what is left
                self._held.delete(record.id)
        return replace(record, version=answer["etag"])

    def _mine_after_all(self, record: MailRecord, write: str, error: Exception) -> MailRecord:
        """A write whose answer was lost is repeated by the SDK, and then finds itself."""
        partition, row = row_of(record.id)
        with contextlib.suppress(ResourceNotFoundError):
            kept = self._ask(lambda: self._table.get_entity(partition, row))
            if kept.get("write") == write:
                return replace(record, version=kept.metadata["etag"])
        raise Conflict(record.id) from error

    def read(self, mail_id: str) -> MailRecord | None:
        """The record, or None; raises TryLater."""
        partition, row = row_of(mail_id)
        try:
            entity = self._ask(lambda: self._table.get_entity(partition, row))
        except ResourceNotFoundError:
            return None
        return tables.read(entity, read_record)

    def withdraw(self, record: MailRecord) -> None:
        """Take back a record, if it is as it was at its version; raises Conflict, TryLater."""
        partition, row = row_of(record.id)
        condition = tables.unchanged(record.version) if record.version else {}
        try:
            self._ask(lambda: self._table.delete_entity(partition, row, **condition))
        except ResourceModifiedError as error:
            raise Conflict(record.id) from error

    def own_key(self, key: str, owner: KeyOwner, *, now: datetime) -> KeyOwner:
        """Give the key to this mail unless it belongs to another one that is not past the window; raises TryLater."""
        row = hashlib.sha256(key.encode()).hexdigest()
        entity: dict[str, Any] = {"PartitionKey": KEYS, "RowKey": row, "mail": owner.id, "digest": owner.digest}
        entity["expires_at"] = now + self._key_window
        try:
            if not self._together.write("create", entity, patience=0):
                self._ask(lambda: self._table.create_entity(entity))
        except ResourceExistsError:
            try:
                kept = self._ask(lambda: self._table.get_entity(KEYS, row))
                known, expires_at = tables.read(kept, _read_key)
                if expires_at > now:
                    return known
                condition = tables.unchanged(kept.metadata["etag"])
                self._ask(lambda: self._table.update_entity(entity, mode=tables.REPLACE, **condition))
            except (ResourceModifiedError, ResourceNotFoundError):  # somebody else took it over or cleaned it up
                return self.own_key(key, owner, now=now)
        return owner

    def ping(self) -> None:
        """Prove that the table answers; raises TryLater."""
        self.read(str(uuid.UUID(int=0)))

    def _ask(self, call: Callable[[], T]) -> T:
        return tables.ask(self._table, call)


def row_of(mail_id: str) -> tuple[str, str]:
    """Partition and row of a mail: its day, and its id upside down, so that the newest comes first."""
    row = f"{~uuid.UUID(mail_id).int & (1 << 128) - 1:032x}"
    return f"{instant_of(mail_id):%Y-%m-%d}", row


def _entity(record: MailRecord) -> dict[str, Any]:
    """What to write; a change leaves all else as it is."""
    partition, row = row_of(record.id)
    entity: dict[str, Any] = {"PartitionKey": partition, "RowKey": row, "id": record.id, "status": str(record.status)}
    entity |= {name: getattr(record, name) for name in _PLAIN}
    entity |= {f"{status}_at": instant for status, instant in record.times.items()}
    entity["priority"] = str(record.priority) if record.priority else None
    entity["tags"] = None if record.tags is None else json.dumps(dict(record.tags))
    entity |= {tag_column(name): value for name, value in (record.tags or {}).items()}
    entity["skipped"] = None if record.skipped is None else " ".join(record.skipped)
    entity["done"] = None if record.done is None else json.dumps([*map(_done, record.done)])
    return {name: value for name, value in entity.items() if value is not None}


def tag_column(name: str) -> str:
    """The property that holds a tag's value beside the tags, for lists: a property's name takes letters and digits."""
    return f"tag_{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _done(one: Done) -> dict[str, str | None]:
    return {"action": str(one.action), "by": one.by, "at": one.at.isoformat()}


def _read_done(one: Mapping[str, str]) -> Done:
    return Done(action=Action(one["action"]), by=one["by"], at=datetime.fromisoformat(one["at"]))


def read_record(entity: tables.Entity) -> MailRecord:
    """The record in a row."""
    times = {status: tables.cell(entity, f"{status}_at", datetime) for status in Status if f"{status}_at" in entity}
    mail = tables.cell(entity, "id", str)
    if row_of(mail) != (entity["PartitionKey"], entity["RowKey"]):
        message = "id is another mail's"
        raise TypeError(message)
    return MailRecord(
        id=mail,
        version=entity.metadata["etag"],
        status=Status(entity["status"]),
        tags=json.loads(entity["tags"]) if "tags" in entity else None,
        skipped=tuple(tables.cell(entity, "skipped", str).split()) if "skipped" in entity else None,
        done=tuple(map(_read_done, json.loads(entity["done"]))) if "done" in entity else None,
        priority=Priority(entity["priority"]) if "priority" in entity else None,
        times=dict(sorted(times.items(), key=lambda step: step[1])),
        **{name: tables.cell(entity, name, kind) for name, kind in _PLAIN.items() if name in entity},
    )


def _read_key(entity: tables.Entity) -> tuple[KeyOwner, datetime]:
    owner = KeyOwner(id=tables.cell(entity, "mail", str), digest=tables.cell(entity, "digest", str))
    return owner, tables.cell(entity, "expires_at", datetime)
