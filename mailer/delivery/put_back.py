"""A message once more, under the name of its mail: for one that cannot be taken now, so that the host counts no run."""

import logging
from datetime import datetime, timedelta

from mailer.delivery.envelope import Envelope
from mailer.delivery.mail import QueuedMessage
from mailer.delivery.message import MAX_BYTES, read_message, write_message
from mailer.delivery.record import Status
from mailer.delivery.stores import Outbox
from mailer.errors import ConfigError, InvalidRequest, TryLater
from mailer.request.json_object import write_object

log = logging.getLogger("mailer.deliver")

BACK_AFTER = timedelta(seconds=90)


def put_back(message: QueuedMessage, reason: Exception, *, outbox: Outbox, now: datetime) -> Status:
    """Put it back for a setting or a storage that is wrong now, as often as need be; for a bug, once.

    The host gives up what fails again and again, and only mailer's own message tells it then whose that was. Raises the
    reason where the message can have no envelope, or has failed under its name; TryLater.
    """
    back = _named(message)
    passes = isinstance(reason, ConfigError | TryLater)
    if back is None or not (passes or back[0].id == message.mail_id):
        raise reason
    envelope, content = back
    if passes:
        log.warning("message_put_back id=%s: %s", envelope.id, reason)
    else:
        log.error("message_failed id=%s", envelope.id, exc_info=reason)
    outbox.put(envelope, content, due=now + BACK_AFTER)
    return Status.QUEUED


def _named(message: QueuedMessage) -> tuple[Envelope, bytes | None] | None:
    try:
        members, envelope = read_message(message.body)
    except InvalidRequest:
        return None
    content = write_object(members)
    envelope = envelope or Envelope(id=message.mail_id, new=True, proof=message.proof)
    if envelope.stored:
        return envelope, None
    # A producer may have filled a message but for the little that this adds.
    return (envelope, content) if len(write_message(content, envelope).encode()) <= MAX_BYTES else None
