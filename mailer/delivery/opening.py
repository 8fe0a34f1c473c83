"""A queued message to the mail it is about. Reads, and writes nothing but the owner of an idempotency key."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mailer import telemetry
from mailer.delivery.attempt import Preparation
from mailer.delivery.envelope import Envelope
from mailer.delivery.event import Event, What
from mailer.delivery.mail import Mail, QueuedMessage, RecordMismatch, is_made_of
from mailer.delivery.message import read_message
from mailer.delivery.record import KeyOwner, MailRecord, Status, key_of
from mailer.delivery.stores import Stores
from mailer.errors import InvalidRequest, KeyReused
from mailer.request.json_object import read_object, write_object
from mailer.request.model import MailRequest, digest_of

Refused = InvalidRequest | KeyReused | RecordMismatch
ARRIVED = Event(what=What.ARRIVED)
_GONE = "The blob with the mail's request is gone."


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """The step, with the parts it uses."""

    stores: Stores
    preparation: Preparation
    clock: Callable[[], datetime]

    def open(self, message: QueuedMessage) -> tuple[Mail, Event]:
        """The mail, and what the message says of it. Raises RecordMismatch, ConfigError, TryLater."""
        try:
            members, envelope = read_message(message.body)
        except InvalidRequest as refused:
            return self._refused(message.mail_id, message.body, message.proof, refused), ARRIVED
        if envelope is None:
            telemetry.count_accepted("queue")
            return self._producers(message.mail_id, members, message.proof)
        telemetry.note_mail(envelope.id, traceparent=envelope.trace)
        is_new = envelope.new and is_made_of(envelope.id, envelope.proof)
        if is_new and self.stores.ledger.read(envelope.id) is None:
            return self._producers(envelope.id, members, envelope.proof)
        return self._known(envelope, members)

    def own(self, message: QueuedMessage, mismatch: RecordMismatch) -> Mail | None:
        """The wrong mail that a message is by itself, whatever its envelope says; None if it has no content."""
        members, envelope = read_message(message.body)
        if envelope and envelope.stored:
            return None
        return self._refused(message.mail_id, write_object(members), message.proof, mismatch)

    def prove(self, mail: Mail) -> Mail:
        """The mail with its record as the ledger has it, if the message is that mail's. Raises RecordMismatch.

        The digest comes last: with other settings the same message may be another request, or none.
        """
        kept, proof = self.stores.ledger.read(mail.id), mail.record.proof
        if kept is None:
            raise RecordMismatch(mail.id)
        if proof == kept.proof or is_made_of(mail.id, proof) or (not mail.stored and kept.digest == _digest(mail)):
            return mail.at(kept)
        raise RecordMismatch(mail.id)

    def _producers(self, mail: str, members: dict[str, Any], proof: str | None) -> tuple[Mail, Event]:
        """A mail straight from a producer, which has no record yet, or has one if this message comes again."""
        now = self.clock()
        try:
            request = self.preparation.read(members)
            producer = self.preparation.producer()
            self.preparation.permit(request, producer)
            written = request.as_json()
            digest = digest_of(written)
            owner = self._owner(request, KeyOwner(id=mail, digest=digest), producer, now)
        except (InvalidRequest, KeyReused) as refused:
            return self._refused(mail, write_object(members), proof, refused), ARRIVED
        record = MailRecord.of(request, mail=owner, digest=digest, now=now, caller=producer, proof=proof)
        return Mail(record=record, content=write_object(written), request=request, proven=True), ARRIVED

    def _owner(self, request: MailRequest, claimant: KeyOwner, producer: str | None, now: datetime) -> str:
        """The id of the mail: its own, or that of the one its key belongs to."""
        if request.idempotency_key is None:
            return claimant.id
        owner = self.stores.ledger.own_key(key_of(producer, request.idempotency_key), claimant, now=now)
        if owner.digest != claimant.digest:
            raise KeyReused
        return owner.id

    def _known(self, envelope: Envelope, members: dict[str, Any]) -> tuple[Mail, Event]:
        """A mail that mailer itself has put on the queue."""
        content = write_object(members)
        mail = Mail(record=envelope.record(), content=content, stored=envelope.stored)
        kept = self.stores.requests.get(mail.id) if envelope.stored else content
        if kept is not None:
            mail = self._read(replace(mail, content=kept), None if envelope.stored else members)
        if kept is None or envelope.outcome or not envelope.version:
            mail = self.prove(mail)  # else the version is proof enough, when the record is written
        if outcome := envelope.outcome:
            # A send stays known, whoever has the claim by now.
            known = outcome.what is What.SENT and envelope.proof == mail.record.proof
            if known or outcome.claim == mail.record.claim:
                return mail, outcome.event
        if kept is None:
            return mail, Event(what=What.CONTENT_LOST, code="content_missing", text=_GONE)
        if mail.request and mail.record.status.waiting:
            mail = self._permitted(mail, mail.request)
        return mail, ARRIVED

    def _read(self, mail: Mail, members: dict[str, Any] | None) -> Mail:
        """The mail with its request, made of these members of its content where they have been read."""
        try:
            members = read_object(mail.content) if members is None else members
            return replace(mail, request=self.preparation.read(members))
        except InvalidRequest as refused:
            return replace(mail, refused=Event.of(refused))

    def _permitted(self, mail: Mail, request: MailRequest) -> Mail:
        try:
            self.preparation.permit(request, mail.record.caller)
        except InvalidRequest as refused:
            return replace(mail, refused=Event.of(refused))
        return mail

    def _refused(self, mail: str, content: bytes, proof: str | None, refused: Refused) -> Mail:
        """A mail of which nothing is known but its content."""
        new = Mail(record=MailRecord(id=mail, proof=proof), content=content, refused=Event.of(refused))
        record = new.record.moved(Status.QUEUED, now=self.clock())
        return new.at(replace(record, digest=_digest(new), caller=self.preparation.producer()))


def still(event: Event, before: MailRecord, kept: MailRecord) -> Event:
    """What is left of an event once the record has changed.

    What came of a claim stays known while nobody else has one, and a send for ever; all else counts anew.
    """
    if before.claim and before.status is Status.SENDING:
        ours = kept.version == before.version or (kept.status is Status.SENDING and kept.claim == before.claim)
        return event if ours or event.what is What.SENT else ARRIVED
    if event.what in {What.PACED, What.SURPLUS}:
        return ARRIVED
    return event if kept.status is before.status or (kept.status.waiting and before.status.waiting) else ARRIVED


def _digest(mail: Mail) -> str | None:
    """That of the request; a text that is no JSON object has none, nor has the record that was made of it."""
    if mail.request:
        return mail.request.digest()
    try:
        return digest_of(read_object(mail.content))
    except InvalidRequest:
        return None
