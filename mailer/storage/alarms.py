"""What only a person can mend: one loud line in the log for each cause, and a row for the health page.

Functions of one app run in separate instances, so memory alone would not reach the health page.
"""

import functools
import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from mailer.errors import TryLater, Unreadable
from mailer.storage.tables import Entity, ask, cell, read, read_all, rows

if TYPE_CHECKING:
    from mailer.storage.tables import Table

log = logging.getLogger("mailer.alarms")

_PARTITION = "alarms"
REPEAT = timedelta(minutes=10)  # how often a cause that stays is told anew in the log
KEEP = timedelta(minutes=1)  # how often its row is written anew, which another instance may have deleted
STANDS = timedelta(minutes=45)  # how long one is believed that nobody has repeated: three tries
LOOK = timedelta(minutes=1)  # how often an instance that sends looks for what others told of its mailboxes

# A token, and a connection that is trusted, are the same for all mailboxes: any mail that is sent proves them right.
_OF_ALL = ("AADSTS", "secret_", "identity_", "token_", "graph_untrusted")


After = Callable[[timedelta, Callable[[], None]], None]
"""Calls something after a while, on another thread."""


def after(while_: timedelta, call: Callable[[], None]) -> None:
    """The same by a timer that keeps no worker from ending."""
    timer = threading.Timer(while_.total_seconds(), call)
    timer.daemon = True
    timer.start()


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """One cause, with the remedy in its text: the mailbox whose mails wait for it, and since when."""

    mailbox: str
    code: str
    text: str
    since: datetime


class TableAlarms:
    """Alarms of all instances, in the table of the records. A failure to write one stops no mail."""

    def __init__(self, table: "Table", *, clock: Callable[[], datetime], after: After = after) -> None:
        self._table = table
        self._clock = clock
        self._after = after
        self._lock = threading.Lock()
        self._logged: dict[tuple[str, str], datetime] = {}
        self._written: dict[tuple[str, str], datetime] = {}
        self._looked_at: datetime | None = None
        self._sent: dict[str, datetime] = {}  # for the look to come: when each mailbox sent last

    def sound(self, mailbox: str, code: str, text: str) -> None:
        """Tell it once for the mailbox and the code, and again while it lasts."""
        now, cause = self._clock(), (mailbox, code)
        with self._lock:
            is_new = _is_past(self._logged.get(cause), REPEAT, now)
            if not is_new and not _is_past(self._written.get(cause), KEEP, now):
                return
            self._written[cause] = now
            if is_new:
                self._logged[cause] = now
        if is_new:
            log.error("needs_mending mailbox=%s code=%s: %s", mailbox, code, text)
        with suppress(TryLater, ResourceNotFoundError):
            self._write({"code": code, "text": text, "mailbox": mailbox, "at": now, "since": now})

    def over(self, mailbox: str) -> None:
        """A mail of this mailbox was sent: what any worker has told of it is mended, and what no mail goes without."""
        now = self._clock()
        with self._lock:
            mended = [cause for cause in self._logged if cause[0] == mailbox or cause[1].startswith(_OF_ALL)]
            since = now - (self._looked_at or now - LOOK)
            if not mended and since < LOOK:
                if not self._sent:  # else the look to come is for this mail too
                    self._after(LOOK - since, self._look)
                self._sent[mailbox] = now
                return
            self._sent[mailbox] = now
            for cause in mended:
                del self._logged[cause]
                self._written.pop(cause, None)
        self._look()

    def _look(self) -> None:
        """Delete what any instance had told of a mailbox when it sent last, and of what no mail is sent without."""
        now = self._clock()
        with self._lock:
            if not self._sent:
                return
            sent, self._sent, self._looked_at = self._sent, {}, now
        with suppress(TryLater):
            for key, alarm, at in self._kept():
                is_stale = at < now - STANDS
                proves = [mailbox for mailbox in sent if key == _row(mailbox, alarm.code)]
                proves = list(sent) if alarm.code.startswith(_OF_ALL) else proves
                if not is_stale and not any(at <= sent[mailbox] for mailbox in proves):
                    continue
                if not is_stale:
                    log.info("mended mailbox=%s code=%s", alarm.mailbox, alarm.code)
                with suppress(ResourceNotFoundError):
                    ask(self._table, functools.partial(self._table.delete_entity, _PARTITION, key))

    def standing(self) -> list[Alarm]:
        """The causes that some instance has met lately, the oldest first; raises TryLater."""
        past = self._clock() - STANDS
        alarms = [alarm for _, alarm, at in self._kept() if at > past]
        return sorted(alarms, key=lambda alarm: (alarm.since, alarm.mailbox, alarm.code))

    def _write(self, alarm: dict[str, Any]) -> None:
        """Begin the cause's row, or repeat it: since when it stands is known to whoever told it first."""
        row = {"PartitionKey": _PARTITION, "RowKey": _row(alarm["mailbox"], alarm["code"]), **alarm}
        try:
            ask(self._table, lambda: self._table.create_entity(row))
        except ResourceExistsError:
            kept = ask(self._table, lambda: self._table.get_entity(_PARTITION, row["RowKey"]))
            with suppress(Unreadable):  # it is written anew
                _, known, at = read(kept, _alarm)
                if at > alarm["at"] - STANDS:
                    row["since"] = known.since
            ask(self._table, lambda: self._table.upsert_entity(row))

    def _kept(self) -> Iterator[tuple[str, Alarm, datetime]]:
        """The causes by their row's key, and when each was last told."""
        text = f"PartitionKey eq '{_PARTITION}'"
        yield from read_all(rows(self._table, text), _alarm)


def _alarm(row: Entity) -> tuple[str, Alarm, datetime]:
    at = cell(row, "at", datetime)
    alarm = Alarm(
        mailbox=cell(row, "mailbox", str) if "mailbox" in row else "",
        code=cell(row, "code", str),
        text=cell(row, "text", str),
        since=cell(row, "since", datetime) if "since" in row else at,
    )
    return row["RowKey"], alarm, at


def _is_past(before: datetime | None, interval: timedelta, now: datetime) -> bool:
    return before is None or now - before >= interval


def _row(mailbox: str, code: str) -> str:
    """A key may hold no slash and no `#`, which a code of Graph's might."""
    return hashlib.sha256(f"{code} {mailbox}".encode()).hexdigest()
