"""Writes to one partition that come at the same time, by one call: the others wait for the first, and go together.

    nothing under way ── goes by itself, at once
    one is under way ─── those that come meanwhile wait until it is answered, then all of them go in one transaction
                         └─ refused, or not answered: each goes by itself, and hears what is wrong with it alone

Nobody is told that a row is written before it is. https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError

if TYPE_CHECKING:
    from mailer.storage.tables import Table

Row = Mapping[str, Any]
Answer = Mapping[str, Any]

MOST = 50  # rows, each of up to 64 KiB: a transaction has 100 at most, and 4 MiB


@dataclass(slots=True)
class _Write:
    change: tuple[str, Row, Mapping[str, Any]]
    woken: threading.Event = field(default_factory=threading.Event)
    group: "list[_Write]" = field(default_factory=list)  # which this one is to write
    answer: Answer | None = None


@dataclass(slots=True)
class _Line:
    busy: bool = False
    waiting: list[_Write] = field(default_factory=list)


class GroupedWrites:
    """Takes a table's place, with the same names, answers and errors; thread-safe, one for a worker."""

    def __init__(self, table: "Table") -> None:
        self._table: Any = table
        self._lines: defaultdict[str, _Line] = defaultdict(_Line)
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else that the table has
        return getattr(self._table, name)

    def create_entity(self, entity: Row) -> Answer:
        """Insert a row."""
        return self._write(("create", entity, {}), lambda: self._table.create_entity(entity))

    def update_entity(self, entity: Row, mode: str, **condition: Any) -> Answer:  # noqa: ANN401 - as the table's
        """Change a row, if it is as the condition says."""
        change = ("update", entity, {"mode": mode, **condition})
        return self._write(change, lambda: self._table.update_entity(entity, mode=mode, **condition))

    def upsert_entity(self, entity: Row, mode: str = "merge") -> Answer:
        """Insert a row or change it."""
        change = ("upsert", entity, {"mode": mode})
        return self._write(change, lambda: self._table.upsert_entity(entity, mode=mode))

    def _write(self, change: tuple[str, Row, Mapping[str, Any]], alone: Callable[[], Answer]) -> Answer:
        partition, own = change[1]["PartitionKey"], _Write(change)
        with self._lock:
            line = self._lines[partition]
            if waits := line.busy:
                line.waiting.append(own)
            line.busy = True
        if waits:
            own.woken.wait()
            if not own.group:  # somebody else has written it, or could not
                return own.answer or alone()
        try:
            if len(own.group) > 1:
                self._write_together(own.group)
            return own.answer or alone()
        finally:
            self._go_on(partition)

    def _write_together(self, group: list[_Write]) -> None:
        """Each one's answer, or none. What is wrong with one of them it hears when it goes alone."""
        try:
            answers = self._table.submit_transaction([write.change for write in group])
            for write, answer in zip(group, answers, strict=True):
                write.answer = answer
        except (AzureError, ValueError):
            pass
        finally:
            for write in group[1:]:
                write.woken.set()

    def _go_on(self, partition: str) -> None:
        """Let those go that have come meanwhile."""
        with self._lock:
            line = self._lines[partition]
            group, line.waiting = line.waiting[:MOST], line.waiting[MOST:]
            if not group:
                del self._lines[partition]
                return
        group[0].group = group
        group[0].woken.set()
