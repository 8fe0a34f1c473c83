"""A queued mail to its next status: open its message, decide, carry the decision out.

The record is written before the message that brings the mail back: a crash between the two brings the present message
back instead. What is kept for a person is stored before its record says so.
"""

import itertools
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from mailer import telemetry
from mailer.delivery.attempt import Attempt
from mailer.delivery.decide import Do, Next, Policy, decide
from mailer.delivery.envelope import Envelope, Outcome
from mailer.delivery.event import GAVE_UP, Event, What, surplus_of
from mailer.delivery.mail import AlreadyClaimed, Mail, QueuedMessage, RecordMismatch, is_made_of
from mailer.delivery.message import fits
from mailer.delivery.opening import ARRIVED, Opening, still
from mailer.delivery.put_back import put_back
from mailer.delivery.record import Conflict, MailRecord, Status
from mailer.delivery.several import Spread, each
from mailer.delivery.stores import Stores
from mailer.delivery.tell import Alarms, tell
from mailer.delivery.turns import Turns
from mailer.errors import Refusal, TryLater
from mailer.request.model import MailRequest

log = logging.getLogger("mailer.deliver")

T = TypeVar("T")

AT_HAND = timedelta(seconds=13)  # a mail that comes so early waits here
NEAR_TURN = timedelta(seconds=4)  # and one whose new turn opens so soon, for a message would come later
CARRIED_AFTER = timedelta(seconds=30)  # for a message that carries an outcome
PAUSES = (0.2, 1.0, 3.0, 10.0, 20.0, 30.0, 30.0)  # seconds between tries to record an outcome; under functionTimeout
# What a message says by itself, so that nothing is forgotten if it comes again.
MESSAGES = {What.ARRIVED, What.HOST_GAVE_UP, What.CONTENT_LOST}


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The step, with the parts it uses. `policy` says what to do in doubt about this request."""

    stores: Stores
    turns: Turns
    opening: Opening
    attempt: Attempt
    alarms: Alarms
    policy: Callable[[MailRequest | None], Policy]
    clock: Callable[[], datetime]
    pause: Callable[[float], None] = time.sleep
    spread: Spread = map
    awaited: bool = False  # by a caller, who is answered then

    def deliver(self, message: QueuedMessage) -> Status:
        """Bring its mails to their next status. Raises TryLater while no storage answers; the host then tries again."""
        return each(message, lambda part: self._take(part, ARRIVED), self.spread)

    def give_up(self, message: QueuedMessage) -> Status:
        """Account for a message that the host has given up. Raises TryLater."""
        return each(message, lambda part: self._take(part, GAVE_UP), self.spread)

    @telemetry.processing()
    def _take(self, message: QueuedMessage, event: Event) -> Status:
        try:
            with self.stores.company.member(patient=not self.awaited):
                try:
                    mail, said = self.opening.open(message)
                    return self._admitted(event if said is ARRIVED else said, mail)
                except RecordMismatch as mismatch:
                    return self._mismatch(message, mismatch)
        except Exception as reason:  # noqa: BLE001 - it is raised again there, or in the log
            return put_back(message, reason, outbox=self.stores.outbox, now=self.clock())

    def _admitted(self, event: Event, mail: Mail) -> Status:
        """Count a producer's new mail for its policy, or hold it."""
        if event is not ARRIVED or mail.refused or mail.record.version is not None:
            return self._apply(event, mail)
        if self.turns.counts(mail.record) and (kept := self.stores.ledger.read(mail.id)):
            return self._apply(event, mail.at(kept))  # its message comes again, or another one under its key
        if not self.turns.admits(mail.record):
            held = replace(mail, record=self.turns.without_turn(mail.record, mail.asked))
            return self._apply(surplus_of(mail.record.caller), held)
        try:
            return self._apply(event, mail)
        except Exception:  # it comes again, and is counted then
            self.turns.discount(mail.record)
            raise

    def _apply(self, event: Event, mail: Mail) -> Status:
        """Decide, and carry it out; who finds that the record has changed meanwhile decides anew."""
        if mail.refused and mail.record.status.waiting and event in {ARRIVED, GAVE_UP}:
            event = mail.refused
        if not mail.proven and event is not ARRIVED and event.what is not What.PACED:
            kept = self._kept(lambda: self.opening.prove(mail), event, mail)
            if kept is None:
                return mail.record.status
            event, mail = still(event, mail.record, kept.record), kept
        self._await_hour(event, mail)
        step = self._decide(event, mail)
        try:
            if step.do is Do.DROP:
                return self._drop(mail)
            if step.do is Do.LOOK:
                event = self.attempt.look(mail) if mail.request else mail.refused or event
            elif step.do is Do.SEND and step.record:
                event, mail = self._in_turn(mail, step.record)
            else:
                return self._carry_out(step, event, mail)
        except AlreadyClaimed:
            return self.opening.prove(mail).record.status
        except Conflict:
            changed = self._kept(lambda: self.opening.prove(mail), event, mail)
            if changed is None:
                return mail.record.status
            event, mail = still(event, mail.record, changed.record), changed
        return self._apply(event, mail)

    def _in_turn(self, mail: Mail, claimed: MailRecord) -> tuple[Event, Mail]:
        """Send the mail if it is its turn; else it has another one later. Raises as Attempt.send, and TryLater."""
        if not self.turns.has_come(mail.record, mail.asked):
            if not mail.proven and not self.turns.is_new(mail.record):
                # Perhaps it has been sent long since, and needs none.
                return ARRIVED, self.opening.prove(mail)
            mail = replace(mail, record=self.turns.take(mail.record, mail.asked, earliest=(asked := self.clock())))
            due = mail.record.due_at
            if due and due - self.clock() > NEAR_TURN:
                return Event(what=What.PACED, to=due), mail
            if due and due > asked:  # even if that has come meanwhile: somebody may have taken the slot
                return ARRIVED, mail
        with self.stores.company.elsewhere():
            return self.attempt.send(mail, claimed)

    def _await_hour(self, event: Event, mail: Mail) -> None:
        """Wait for a mail that comes a little too early, or whose turn is about to open."""
        record = mail.record
        leaves = record.due_at if self.awaited else self.turns.leaves(record)
        if event is ARRIVED and leaves and (record.status.waiting or record.look):
            left = leaves - self.clock()
            if timedelta() < left <= AT_HAND:
                self.pause(left.total_seconds())

    def _decide(self, event: Event, mail: Mail) -> Next:
        in_doubt = event.what is not What.SENT and not mail.record.status.waiting
        return decide(event, mail.record, policy=self.policy(mail.request if in_doubt else None), now=self.clock())

    def _carry_out(self, step: Next, event: Event, mail: Mail) -> Status:
        """Raises Conflict."""
        new = mail.record if mail.record.version is None else None  # a producer's mail for another day
        if record := step.record or new:
            if step.due and mail.request and record.status.waiting and event.what is not What.PACED:
                with suppress(TryLater):  # it takes a turn when it comes; no outcome is lost because storage is away
                    record = self.turns.take(record, mail.request, earliest=step.due)
                step = replace(step, due=record.due_at or step.due)
            record = self._cleared(record, mail)
            written = self._kept(lambda: self._write(record, event, mail), event, mail)
            if written is None:
                return mail.record.status
            tell(written, event, mailbox=mail.mailbox, alarms=self.alarms)
            mail = replace(mail.at(written), stored=mail.stored or record.status.keeps_content)
        if step.due:
            self._put(mail, Envelope.of(mail.record, stored=mail.stored, trace=telemetry.traceparent()), due=step.due)
            return mail.record.status
        return self._drop(mail)

    def _kept(self, ask: Callable[[], T], event: Event, mail: Mail) -> T | None:
        """What storage answers, or None where a message carries the outcome on. Raises as `ask` does.

        What came of a claim is known here and nowhere else, so a storage that is away for minutes must not lose it.
        """
        if event.what in MESSAGES or not (mail.record.claim and mail.record.status is Status.SENDING):
            return ask()
        for number in itertools.count():
            try:
                return ask()
            except TryLater as away:
                log.warning("outcome_not_recorded id=%s what=%s: %s", mail.id, event.what, away)
                if number and self._carries(event, mail):
                    break
                if number == len(PAUSES):
                    raise
            self.pause(PAUSES[number])
        return None

    def _write(self, record: MailRecord, event: Event, mail: Mail) -> MailRecord:
        if record.status.keeps_content and not mail.stored:
            self.stores.requests.put(mail.id, mail.content)
        ledger, to = self.stores.ledger, event.to if event.what is What.PACED else None
        return ledger.postpone(record, within=(to - self.clock()) / 4) if to else ledger.write(record)

    def _carries(self, event: Event, mail: Mail) -> bool:
        """Whether a message carries the outcome now, until it is recorded."""
        new = mail.record.version is None  # perhaps the claim was never written, and there is no record
        if new and not is_made_of(mail.id, mail.record.proof):
            return False
        if not (mail.stored or fits(mail.content)) and (new or not mail.proven):
            return False  # the blob of this name may be another mail's
        outcome = Outcome.of(event, mail.record.claim or "")
        envelope = Envelope(id=mail.id, proof=mail.record.proof, new=new, outcome=outcome)
        try:
            self._put(mail, envelope, due=self.clock() + CARRIED_AFTER)
        except TryLater:
            return False
        if new:  # if there is no record, it is counted when it comes
            self.turns.discount(mail.record)
        return True

    def _put(self, mail: Mail, envelope: Envelope, *, due: datetime) -> None:
        """See that the mail comes back. What fits into no message, or is no JSON object, has its content in a blob."""
        stored = mail.stored
        if not stored and not (mail.request and fits(mail.content)):
            self.stores.requests.put(mail.id, mail.content)
            stored = True
        envelope = envelope.model_copy(update={"stored": stored})
        self.stores.outbox.put(envelope, None if stored else mail.content, due=due)

    def _drop(self, mail: Mail) -> Status:
        """Nothing more comes of this message; a mail that nobody can send any more needs no content."""
        status = mail.record.status
        if mail.stored and status.final and not status.keeps_content:
            with suppress(TryLater):  # the clean-up finds what is left
                self.stores.requests.delete(mail.id)
        return status

    def _cleared(self, record: MailRecord, mail: Mail) -> MailRecord:
        """The record as it is to be written, once no draft is left of a mail that is given up."""
        given_up = record.status in {Status.FAILED, Status.SUPPRESSED}
        if given_up and mail.record.drafting and mail.request:
            try:
                self.attempt.clear_drafts(mail)
            except Refusal as left:
                text = f"{record.error_message} A draft of it may be left in the mailbox's Drafts ({left.code})."
                record = replace(record, error_message=text)
        return record

    def _mismatch(self, message: QueuedMessage, mismatch: RecordMismatch) -> Status:
        """A message under a name that is not its own is a mail of its own, and a wrong one, if it has content."""
        own = self.opening.own(message, mismatch)
        if own is None:
            log.warning("message_dropped: %s", mismatch)
            return Status.FAILED
        return self._apply(ARRIVED, own)
