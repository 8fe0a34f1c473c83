"""A real mail by the queue, as any producer would send one, followed by its record until it is sent."""

import contextlib
import json
from datetime import timedelta

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage

from mailer.delivery.mail import QueuedMessage
from mailer.delivery.record import MailRecord, Status
from mailer.errors import TryLater
from mailer.setup.doctor.chain import Examined
from mailer.setup.doctor.findings import Result
from mailer.storage.clients import queue_client, table_client
from mailer.storage.records import TableLedger

WITHIN = timedelta(seconds=120)
HINDERED = timedelta(seconds=20)  # after which a mail that waits for something to be mended is not waited for
PAUSE = 0.5  # seconds between two looks at the record


def check_test_mail(examined: Examined) -> Result:
    """Queue, function app, Graph: all at once."""
    if examined.to is None:
        return Result("skipped", "Not asked for.", cure="`doctor --to ADDRESS` sends one and follows it.")
    started = examined.clock()
    mail = _queued(examined, examined.to)
    ledger = TableLedger(
        table_client(examined.settings.storage, examined.settings.table),
        key_window=examined.settings.idempotency_window,
    )
    record: MailRecord | None = None
    while examined.clock() - started < WITHIN:
        try:
            record = ledger.read(mail)
        except TryLater as error:
            raise Result("failed", "The record of the test mail cannot be read.", why=str(error)) from error
        if record and (record.status.final or (record.error_code and examined.clock() - started > HINDERED)):
            break
        examined.tell(f"test mail {mail}: {record.status if record else 'queued'}")
        examined.sleep(PAUSE)
    seconds = (examined.clock() - started).total_seconds()
    if record is None:
        why = f"Nobody has taken {mail} from the queue `{examined.settings.queue}` within {WITHIN.seconds} s."
        cure = (
            "Start the function app, and see that its trigger uses the same storage account and queue as these "
            "settings; its log says whether it runs."
        )
        return Result("failed", "The function app does not take mails.", why=why, cure=cure)
    if record.status == Status.SENT:
        return Result("ok", f"{mail} for {examined.to} was sent after {seconds:.1f} s.")
    why = " ".join(filter(None, [record.error_code, record.error_message])) or f"No news for {WITHIN.seconds} s."
    cure = "The text says what to mend; GET /api/emails/ID tells more, and the app's log."
    return Result("failed", f"{mail} for {examined.to} is {record.status}, not sent.", why=why, cure=cure)


def _queued(examined: Examined, to: str) -> str:
    """Put the mail on the queue; the id that mailer makes of the message. Raises Result."""
    request = {
        "to": to,
        "subject": "Test mail of mailer",
        "text": f"mailer doctor sent this at {examined.clock():%Y-%m-%d %H:%M:%S} UTC. All is well if you read it.",
        "tags": {"flow": "doctor"},
    }
    body = json.dumps(request)
    try:
        with queue_client(examined.settings.storage, examined.settings.queue) as queue:
            message = _put(queue, body)
    except (AzureError, OSError) as error:
        why = f"The queue answered {type(error).__name__}."
        raise Result(
            "failed", "The test mail could not be queued.", why=why, cure="See `storage` and `queue`."
        ) from error
    return QueuedMessage(body=body.encode(), id=message.id, inserted_at=message.inserted_on).mail_id


def _put(queue: QueueClient, body: str) -> QueueMessage:
    """As the app does, which makes its queue when it first misses it."""
    try:
        return queue.send_message(body)
    except ResourceNotFoundError:
        with contextlib.suppress(ResourceExistsError):
            queue.create_queue()
        return queue.send_message(body)
