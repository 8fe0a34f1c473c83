"""Jobs that go on in the background or have lately ended, a row each, in the table of the records."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

from mailer.delivery.jobs import Job
from mailer.delivery.record import Action, Conflict
from mailer.delivery.search import Position
from mailer.storage import tables

_PARTITION = "jobs"
_INSTANTS = ("asked_at", "since", "until", "taken_until", "ended_at")
_COUNTS = ("count", "acted", "left_out")


class TableJobs:
    """The rows. Each call may raise TryLater."""

    def __init__(self, table: "tables.Table") -> None:
        self._table = table

    def all(self) -> Sequence[Job]:
        """All of them, the oldest first."""
        rows = tables.rows(self._table, f"PartitionKey eq '{_PARTITION}'")
        return list(tables.read_all(rows, _read_job))

    def write(self, job: Job) -> Job:
        """Insert the job (no version) or change it (as it was at its version); raises Conflict."""
        row = _row(job)
        condition = tables.unchanged(job.version)
        try:
            if job.version is None:
                answer = tables.ask(self._table, lambda: self._table.create_entity(row))
            else:
                answer = tables.ask(
                    self._table, lambda: self._table.update_entity(row, mode=tables.REPLACE, **condition)
                )
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
            raise Conflict(job.id) from error
        return replace(job, version=answer["etag"])

    def delete(self, job: Job) -> None:
        """Nobody needs to know of it any more."""
        tables.ask(self._table, lambda: self._table.delete_entity(_PARTITION, job.id))


def _row(job: Job) -> dict[str, Any]:
    row: dict[str, Any] = {"PartitionKey": _PARTITION, "RowKey": job.id, "action": str(job.action), "code": job.code}
    row |= {"by": job.by, "position": str(job.position) if job.position else None, "page": " ".join(job.page) or None}
    row |= {"partial": job.partial, "is_last": job.is_last, **{name: getattr(job, name) for name in _COUNTS}}
    # As text, for bounds may lie before the year 1601, where Table Storage's instants begin.
    row |= {name: instant.isoformat() for name in _INSTANTS if (instant := getattr(job, name))}
    return {name: value for name, value in row.items() if value is not None}


def _read_job(row: tables.Entity) -> Job:
    known: dict[str, Any] = {name: datetime.fromisoformat(row[name]) for name in _INSTANTS if name in row}
    known |= {name: tables.cell(row, name, int) for name in _COUNTS if name in row}
    action = Action(row["action"])
    return Job(
        id=row["RowKey"],
        action=Action.REPLAY if action is Action.REPLAY else Action.RETRY,
        code=tables.cell(row, "code", str),
        by=row.get("by"),
        position=Position.of(row["position"]) if "position" in row else None,
        page=tuple(row.get("page", "").split()),
        partial=row.get("partial", False),
        is_last=row.get("is_last", False),
        version=row.metadata["etag"],
        **known,
    )
