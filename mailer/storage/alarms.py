"""What only a person can mend: one loud line in the log for each cause, and a row for the health page.

Functions of one app run in separate instances, so memory alone would not reach the health page.
"""

import functools
import hashlib
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableClient

from mailer.errors import TryLater
from mailer.storage.tables import ask

log = logging.getLogger("mailer.alarms")

_PARTITION = "alarms"
REPEAT = timedelta(minutes=10)  # how often a cause that stays is written anew
STANDS = timedelta(minutes=45)  # how long one is believed that nobody has repeated: three tries


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """One cause, with the remedy in its text."""

    code: str
    text: str


class TableAlarms:
    """Alarms of all instances, in the table of the records. A failure to write one stops no mail."""

    def __init__(self, table: TableClient, *, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._clock = clock
        self._lock = threading.Lock()
        self._sounded: dict[tuple[str, str], datetime] = {}

    def sound(self, mailbox: str, code: str, text: str) -> None:
        """Tell it once for the mailbox and the code, and again while it lasts."""
        now = self._clock()
        with self._lock:
            before = self._sounded.get((mailbox, code))
            if before and now - before < REPEAT:
                return
            self._sounded[mailbox, code] = now
        log.error("needs_mending code=%s: %s", code, text)
        row = {"PartitionKey": _PARTITION, "RowKey": _row(mailbox, code), "code": code, "text": text, "at": now}
        with suppress(TryLater):
            ask(self._table, lambda: self._table.upsert_entity(row))

    def over(self, mailbox: str) -> None:
        """A mail of this mailbox was sent: what this worker has told of it is mended."""
        with self._lock:
            mended = [cause for cause in self._sounded if cause[0] == mailbox]
            for cause in mended:
                del self._sounded[cause]
        for cause in mended:
            log.info("mended code=%s", cause[1])
            delete = functools.partial(self._table.delete_entity, _PARTITION, _row(*cause))
            with suppress(TryLater, ResourceNotFoundError):
                ask(self._table, delete)

    def standing(self) -> list[Alarm]:
        """The causes that some instance has met lately; raises TryLater."""
        text = f"PartitionKey eq '{_PARTITION}' and at gt @since"
        since = {"since": self._clock() - STANDS}
        rows = ask(self._table, lambda: list(self._table.query_entities(text, parameters=since)))
        return [Alarm(code=row["code"], text=row["text"]) for row in rows]


def _row(mailbox: str, code: str) -> str:
    """No address is kept in clear."""
    return hashlib.sha256(f"{code} {mailbox}".encode()).hexdigest()
