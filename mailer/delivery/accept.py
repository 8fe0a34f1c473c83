"""MailRequest to Receipt: record the mail, then put its message. Whoever gets a receipt can rely on the mail."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailer import telemetry
from mailer.delivery.decide import Policy, decide
from mailer.delivery.envelope import Envelope
from mailer.delivery.event import MESSAGE_MISSING, Event, What, surplus_of
from mailer.delivery.message import fits, write_message
from mailer.delivery.record import Conflict, KeyOwner, MailRecord, Receipt, Status, key_of
from mailer.delivery.stores import Stores
from mailer.delivery.turns import Turns
from mailer.errors import KeyReused, TryLater
from mailer.request.json_object import write_object
from mailer.request.limits import check_limits
from mailer.request.mail_id import mail_id
from mailer.request.model import MailRequest, digest_of
from mailer.setting_texts import OnUncertain

log = logging.getLogger("mailer.accept")

_AS_EVER = Policy(on_uncertain=OnUncertain.HOLD, max_age=timedelta.max)  # a replay asks for none
MARGIN = timedelta(seconds=30)  # for the message of a mail that is delivered in the call that brings it


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """The receipt, and the text of the mail's message; none where the mail waits long, or is further on."""

    receipt: Receipt
    message: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The id that a mail is to have, whether a key brings it there again, and whether one has."""

    id: str
    keyed: bool = False
    again: bool = False


def accept(
    request: MailRequest,
    *,
    stores: Stores,
    turns: Turns,
    clock: Callable[[], datetime],
    within: timedelta = timedelta(),
    caller: str | None = None,
    place: Place | None = None,
) -> Accepted:
    """Take the mail of this caller on; one who can deliver it `within` this time gets its message too.

    Raises InvalidRequest, KeyReused, and TryLater having left nothing behind.
    """
    with telemetry.accepting("http"), stores.company.member():
        now = clock()
        check_limits(request, now)
        place = place or Place(id=mail_id(now, os.urandom(10)))
        written = request.as_json()
        digest = digest_of(written)
        record = MailRecord.of(request, mail=place.id, digest=digest, now=now, caller=caller)
        known = place.again
        if request.idempotency_key:
            claimant = KeyOwner(id=record.id, digest=digest)
            owner = stores.ledger.own_key(key_of(caller, request.idempotency_key), claimant, now=now)
            if owner.digest != claimant.digest:
                raise KeyReused
            known, record = known or owner.id != record.id, replace(record, id=owner.id)
        keyed = place.keyed or request.idempotency_key is not None
        step = _Acceptance(write_object(written), stores, now, within, keyed)
        if known and (kept := stores.ledger.read(record.id)):
            return step.take_again(kept)
        if not turns.admits(record):
            return step.hold(turns.without_turn(record, request))
        try:
            record = turns.take(record, request, earliest=record.due_at or now)
            return step.take(record)
        except Conflict:
            turns.give_back(record)
            turns.discount(record)
            return step.take_again(stores.ledger.read(record.id))
        except TryLater:
            turns.discount(record)
            raise


@dataclass(frozen=True, slots=True)
class _Acceptance:
    content: bytes
    stores: Stores
    now: datetime
    within: timedelta
    keyed: bool

    def take(self, record: MailRecord) -> Accepted:
        """Raises Conflict if the record is there already, TryLater."""
        stored = not fits(self.content)
        if stored:
            self.stores.requests.put(record.id, self.content)
        message = None
        try:
            record = self.stores.ledger.write(record)
            message = self._put(record)
        except TryLater:
            # With a key, the record may have been promised to a repetition already, and the next one goes on with it.
            if self.keyed or self._taken_back(record, stored=stored):
                raise
        telemetry.count_accepted("http")
        log.info("mail_accepted id=%s status=%s recipients=%d", record.id, record.status, record.recipients or 0)
        return self._accepted(record, record.status, message)

    def hold(self, record: MailRecord) -> Accepted:
        """Keep what is too much for its caller, until a person releases it. Raises TryLater."""
        event = surplus_of(record.caller)
        held = replace(record, times={}).moved(Status.HELD, now=self.now, code=event.code, message=event.text)
        self.stores.requests.put(held.id, self.content)
        try:
            self.stores.ledger.write(held)
        except Conflict:
            return self.take_again(self.stores.ledger.read(held.id))
        telemetry.count_accepted("http")
        log.warning("mail_held id=%s caller=%s", held.id, held.caller)
        return Accepted(receipt=_receipt_of_held(held))

    def take_again(self, record: MailRecord | None) -> Accepted:
        """The first answer once more, having done what a crash during the first one may have left undone."""
        if record is None:
            raise TryLater("The same request is being accepted at this moment.", code="accepting")
        if record.status.waiting and not record.attempts:
            # Perhaps its message was never written. If it was, there are two now, and one claim.
            self._put(record)
        if record.status is Status.FAILED and record.error_code == MESSAGE_MISSING:
            return self._take_up(record)
        if record.times.get(Status.HELD) == min(record.times.values()):
            return Accepted(receipt=_receipt_of_held(record))
        first = Status.SCHEDULED if Status.SCHEDULED in record.times else Status.QUEUED
        return self._accepted(record, first)

    def _take_up(self, record: MailRecord) -> Accepted:
        """Accept what a crash had left without a message, and the clean-up has given up: here is its content again."""
        step = decide(Event(what=What.REPLAYED), record, policy=_AS_EVER, now=self.now)
        try:
            return self.take(step.record or record)
        except Conflict:
            return self.take_again(self.stores.ledger.read(record.id))

    def _put(self, record: MailRecord) -> str | None:
        """Put the mail's message, and return it where the caller may deliver it meanwhile."""
        stored = not fits(self.content)
        envelope = Envelope.of(record, stored=stored, trace=telemetry.traceparent())
        content = None if stored else self.content
        due = record.due_at or self.now
        soon = timedelta() < self.within and due - self.now <= self.within
        self.stores.outbox.put(envelope, content, due=due + self.within + MARGIN if soon else due)
        return write_message(content or b"{}", envelope) if soon else None

    def _accepted(self, record: MailRecord, status: Status, message: str | None = None) -> Accepted:
        expected_at = record.due_at or record.accepted_at
        return Accepted(receipt=Receipt(id=record.id, status=status, expected_at=expected_at), message=message)

    def _taken_back(self, record: MailRecord, *, stored: bool) -> bool:
        """Whether nothing is left of the mail; it may have been queued although that seemed to fail."""
        try:
            self.stores.ledger.withdraw(record)
            if stored:
                self.stores.requests.delete(record.id)
        except Conflict:
            return False
        except TryLater:
            log.warning("record_left_behind id=%s", record.id)
        return True


def _receipt_of_held(record: MailRecord) -> Receipt:
    event = surplus_of(record.caller)
    return Receipt(id=record.id, status=Status.HELD, error_code=event.code, error_message=event.text)
