"""Who hears of a mail's move: the people who must mend something, the metrics, the log. No address is in any of it."""

import logging
from typing import Protocol

from mailer import telemetry
from mailer.delivery.event import Event, What
from mailer.delivery.record import MailRecord, Status

log = logging.getLogger("mailer.deliver")


class Alarms(Protocol):
    """Tells people, once for each cause, what only they can mend."""

    def sound(self, mailbox: str, code: str, text: str, /) -> None: ...
    def over(self, mailbox: str, /) -> None: ...


def tell(record: MailRecord, event: Event, *, mailbox: str, alarms: Alarms) -> None:
    """Tell of the record, which has been written: nothing that goes wrong here makes a send unknown."""
    if event.what is What.NEEDS_MENDING:
        alarms.sound(mailbox, event.code, event.text)
    if record.status is Status.SENT:
        alarms.over(mailbox)
    moved_at = record.times[record.status]
    telemetry.count_moved(record.status, record.error_code, accepted_at=record.accepted_at, now=moved_at)
    _log(record)


def _log(record: MailRecord) -> None:
    """One line for each move of a mail; alerts and the workbook look for the first words."""
    why = f" code={record.error_code}: {record.error_message}" if record.error_code else ""
    mail = f"id={record.id} attempt={record.attempts}"
    match record.status:
        case Status.SENT:
            log.info("mail_sent %s", mail)
        case Status.FAILED:
            log.warning("mail_failed %s%s", mail, why)
        case Status.UNCERTAIN:
            log.warning("mail_uncertain %s%s", mail, why)
        case Status.HELD:
            log.warning("mail_held %s caller=%s", mail, record.caller)
        case Status.SUPPRESSED:
            log.info("mail_suppressed %s%s", mail, why)
        case _:
            seconds = (record.due_at - record.times[record.status]).total_seconds() if record.due_at else 0.0
            log.info("mail_waits %s seconds=%.1f%s", mail, seconds, why)
