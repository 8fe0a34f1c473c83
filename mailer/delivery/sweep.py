"""The clean-up: what crashes leave behind, and what is past its time. A run is bounded; the next one goes on there.

The life of a record, counted from its final status and never from its acceptance:

    accepted ── scheduled, queued, sending: kept, however long ── final status ── MAILER_RECORD_RETENTION ── record
                                                                                               deleted, then its content

A mail that should have moved an hour ago and has not is stalled. Whether its message still lies somewhere cannot be
seen in general, so it is only reported. What is proven, because both queues are empty and no row waits for it, is acted
on: with content in a blob it gets a new message, and the policy decides as ever; without, its record says what is lost.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol, TypeVar

from mailer.delivery.decide import AFTER_LEASE, NEVER_BACK, NEVER_LEFT, Do, Policy, decide
from mailer.delivery.envelope import Envelope
from mailer.delivery.event import MESSAGE_MISSING, Event, What
from mailer.delivery.record import Conflict, MailRecord, Status
from mailer.delivery.stores import Stores
from mailer.errors import Unreadable
from mailer.request.mail_id import is_mail_id

log = logging.getLogger("mailer.sweep")

T = TypeVar("T")

STALLED_AFTER = timedelta(hours=1)
NEW_MESSAGE_AFTER = timedelta(days=1)  # for a stalled mail with its content in a blob; two messages are one claim
ORPHANED_AFTER = timedelta(days=1)
SHOWN = 3  # ids in a report
OLDEST = timedelta(days=732)  # how far back stalled mails are looked for: twice as far as a mail may be scheduled ahead
DAYS_A_RUN = 10  # the last ones, and as many of those before
# Seconds from the start of a run after which each part leaves the rest to the next one.
STALLED_WITHIN, KEYS_WITHIN, TURNS_WITHIN, EXPIRED_WITHIN, ORPHANS_WITHIN = 10, 14, 22, 38, 45

_LOST = (
    "The mail has no message any more, and its content was in it. Nobody was told that it was accepted, or the queue "
    "was cleared. Send it anew."
)


class Table(Protocol):
    """The records, keys and marks, as the clean-up sees them. Each call may raise TryLater."""

    def stalled(self, day: date, /, *, before: datetime) -> Iterator[Sequence[MailRecord]]: ...
    def expired(self, *, before: datetime) -> Iterator[Sequence[MailRecord]]: ...
    def forget(self, records: Sequence[MailRecord], /) -> list[str]: ...
    def forget_turns(self, *, now: datetime) -> Iterator[int]: ...
    def forget_keys(self, mark: str, /, *, now: datetime) -> Iterator[tuple[int, str]]: ...
    def mark(self, name: str, /) -> str: ...
    def set_mark(self, name: str, at: str, /) -> None: ...


class RequestPages(Protocol):
    """The requests in blobs that were last written before an instant, page by page from a mark on."""

    def __call__(self, mark: str, /, *, before: datetime) -> Iterator[tuple[list[str], str]]: ...


class Waits(Protocol):
    """Where a mail's message may be. Each call may raise TryLater."""

    def queues_are_empty(self) -> bool: ...
    def has_row(self, mail: str, due: datetime, /) -> bool: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Swept:
    """What a run has done and found."""

    stalled: tuple[str, ...]
    revived: int
    records: int
    keys: int
    turns: int
    requests: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """The step, with the parts it uses."""

    table: Table
    stores: Stores
    request_pages: RequestPages
    waits: Waits
    report: Callable[[str], None]
    policy: Policy
    retention: timedelta
    clock: Callable[[], datetime]

    def run(self) -> Swept:
        """Clean up for less than a minute. Raises TryLater."""
        began = self.clock()
        stalled, revived = self._stalled(began)
        swept = Swept(
            stalled=tuple(stalled),
            revived=revived,
            keys=self._keys(began),
            turns=self._turns(began),
            records=self._expired(began),
            requests=self._orphans(began),
        )
        if stalled:
            self.report(_told(stalled))
        log.info("swept %s", swept)
        return swept

    def _within(self, seconds: int, began: datetime, pages: Iterable[T]) -> Iterator[T]:
        """These pages, as long as a run's time for them lasts."""
        for page in pages:
            yield page
            if self.clock() - began > timedelta(seconds=seconds):
                break

    def _stalled(self, began: datetime) -> tuple[list[str], int]:
        before, empty = began - STALLED_AFTER, self.waits.queues_are_empty()
        left, revived = [], 0
        today, oldest = began.date(), (began - OLDEST).date()
        mark = self.table.mark("stalled")
        older = _day(mark) or today
        # In turn, so that where days are too full for one run the older ones are reached all the same.
        days = dict.fromkeys(day - timedelta(days=back) for back in range(DAYS_A_RUN) for day in (today, older))
        for day in self._within(STALLED_WITHIN, began, days):
            for page in self.table.stalled(day, before=before):
                for record in page:
                    if self._moves(record, began, empty=empty):
                        revived += 1
                    else:
                        left.append(record.id)
            if day <= older:
                older = day - timedelta(days=1)
        self.table.set_mark("stalled", "" if older < oldest else older.isoformat())
        return left, revived

    def _moves(self, record: MailRecord, now: datetime, *, empty: bool) -> bool:
        """Whether the stalled mail moves again, or has come to its end."""
        dues = [record.due_at, record.leased_until and record.leased_until + AFTER_LEASE]
        if any(self.waits.has_row(record.id, due) for due in dues if due):
            return False
        # Looked at after the row: `release` puts the message onto the queue before it deletes the row.
        empty = empty and self.waits.queues_are_empty()
        since = max(filter(None, [*record.times.values(), record.due_at]), default=record.accepted_at)
        if not empty and now - since < NEW_MESSAGE_AFTER:
            return False
        content = self.stores.requests.get(record.id)
        if not empty and content is None:
            return False
        event = Event(what=What.MESSAGE_LOST) if content is not None else _content_lost(record)
        step = decide(event, record, policy=self.policy, now=now)
        if step.do is Do.WAIT and step.due:
            self.stores.outbox.put(Envelope(id=record.id, proof=record.proof, stored=True), None, due=step.due)
        elif step.record:
            try:
                self.stores.ledger.write(step.record)
            except Conflict:
                return True  # it has moved by itself
        log.warning("mail_settled id=%s status=%s code=%s", record.id, record.status, event.code or event.what)
        return True

    def _expired(self, began: datetime) -> int:
        gone = 0
        for page in self._within(EXPIRED_WITHIN, began, self.table.expired(before=began - self.retention)):
            statuses = {record.id: record.status for record in page}
            for mail in self.table.forget(page):
                gone += 1
                if statuses[mail].keeps_content:
                    self.stores.requests.delete(mail)
        return gone

    def _keys(self, began: datetime) -> int:
        gone, mark = 0, self.table.mark("keys")
        for deleted, after in self._within(KEYS_WITHIN, began, self.table.forget_keys(mark, now=began)):
            gone, mark = gone + deleted, after
        self.table.set_mark("keys", mark)
        return gone

    def _turns(self, began: datetime) -> int:
        """Slots that are over, counts of recipients that count no longer, notes of held mails that are held no more."""
        return sum(self._within(TURNS_WITHIN, began, self.table.forget_turns(now=began)))

    def _orphans(self, began: datetime) -> int:
        """Contents that no record needs: it is gone, or its mail has been sent or canceled."""
        gone, mark = 0, self.table.mark("requests")
        pages = self.request_pages(mark, before=began - ORPHANED_AFTER)
        for mails, after in self._within(ORPHANS_WITHIN, began, pages):
            for mail in filter(is_mail_id, mails):
                try:
                    record = self.stores.ledger.read(mail)
                except Unreadable as unreadable:
                    log.error("row_unreadable %s", unreadable)  # noqa: TRY400 - no bug; its content is kept
                    continue
                if record is None or (record.status.final and not record.status.keeps_content):
                    self.stores.requests.delete(mail)
                    gone += 1
            mark = after
        self.table.set_mark("requests", mark)
        return gone


def _told(stalled: Sequence[str]) -> str:
    more = len(stalled) - SHOWN
    shown = ", ".join(stalled[:SHOWN]) + (f" and {more} more" if more > 0 else "")
    return (
        f"Mails that should have moved more than an hour ago: {shown}. Their messages may still lie on the queue: see "
        "that the app runs and keeps up. If the queue was cleared, send them anew."
    )


def _day(mark: str) -> date | None:
    try:
        return date.fromisoformat(mark)
    except ValueError:
        return None


def _content_lost(record: MailRecord) -> Event:
    if record.status is not Status.SENDING:
        return Event(what=What.CONTENT_LOST, code=MESSAGE_MISSING, text=_LOST)
    if record.drafting:
        return Event(
            what=What.CONTENT_LOST, code="upload_interrupted", text=f"{NEVER_LEFT} Nothing was sent; send it anew."
        )
    return Event(what=What.CONTENT_LOST, code="lease_expired", text=NEVER_BACK)
