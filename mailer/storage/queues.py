"""Mails onto the queue, now or later, and those that nobody can send onto the poison queue."""

import contextlib
import math
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient

from mailer.delivery.message import write_message
from mailer.errors import TryLater
from mailer.request.model import Envelope, MailRequest

T = TypeVar("T")

MAX_DELAY = timedelta(days=7)  # the queue's own
FOREVER = -1


class Outbox:
    """The queue of mails to send and its poison queue; each is made when it is first missed.

    Messages are plain text, as host.json's `messageEncoding: none` has it.
    """

    def __init__(self, queue: QueueClient, poison: QueueClient) -> None:
        self._queue = queue
        self._poison = poison

    def put(self, request: MailRequest | None, envelope: Envelope, *, after: timedelta = timedelta()) -> None:
        """Queue the mail, to be delivered after this delay; None stands for a request in a blob. Raises TryLater."""
        text = write_message(request.as_json() if request else {}, envelope.model_dump(exclude_defaults=True))
        delay = math.ceil(min(after, MAX_DELAY).total_seconds())
        _ask(self._queue, lambda: self._queue.send_message(text, visibility_timeout=delay, time_to_live=FOREVER))

    def bury(self, text: str) -> str:
        """Keep what nobody can send until a person takes it; returns where it lies. Raises TryLater."""
        message = _ask(self._poison, lambda: self._poison.send_message(text, time_to_live=FOREVER))
        return f"{message.id} {message.pop_receipt}"

    def unearth(self, grave: str) -> None:
        """Take away what was kept, unless a person has moved it since; raises TryLater."""
        message, _, receipt = grave.partition(" ")
        with contextlib.suppress(_Gone):
            _ask(self._poison, lambda: self._poison.delete_message(message, receipt))

    def ping(self) -> None:
        """Prove that the queue answers; raises TryLater."""
        _ask(self._queue, self._queue.get_queue_properties)


class _Gone(Exception):
    pass


def _ask(queue: QueueClient, call: Callable[[], T]) -> T:
    """One call, again if only the queue itself was missing; translates what the SDK raises."""
    try:
        try:
            return call()
        except ResourceNotFoundError as error:
            if error.error_code == "MessageNotFound":  # type: ignore[attr-defined]  # set by the storage SDKs
                raise _Gone from error
            with contextlib.suppress(ResourceExistsError):
                queue.create_queue()
            return call()
    except AzureError as error:
        if getattr(error, "error_code", None) == "PopReceiptMismatch":
            raise _Gone from error
        status = error.status_code if isinstance(error, HttpResponseError) else None
        message = f"Queue Storage does not answer as it should ({type(error).__name__}, status {status})."
        raise TryLater(message, code="storage_unavailable") from error
