"""Messages onto a queue, now or in a while. They are plain text, as host.json's `messageEncoding: none` has it."""

import contextlib
import math
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError

from mailer.errors import TryLater

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

    from mailer.storage.kept_queue import KeptQueue

    Queue: TypeAlias = QueueClient | KeptQueue

T = TypeVar("T")

FOREVER = -1


class MailQueue:
    """The queue of mails to send, which is made when it is first missed. Each call may raise TryLater."""

    def __init__(self, queue: "Queue") -> None:
        self._queue = queue

    def send(self, text: str, *, after: timedelta) -> None:
        """Queue the message, to be delivered after this delay, or less than a second before that is over."""
        delay = math.floor(after.total_seconds())
        self._ask(lambda: self._queue.send_message(text, visibility_timeout=delay, time_to_live=FOREVER))

    def is_empty(self) -> bool:
        """Whether nothing lies on the queue."""
        return self.length() == 0

    def length(self) -> int:
        """How many messages lie on the queue, visible or not: never fewer than there are.

        https://learn.microsoft.com/rest/api/storageservices/get-queue-metadata
        """
        return self._ask(self._queue.get_queue_properties).approximate_message_count or 0

    def _ask(self, call: Callable[[], T]) -> T:
        """One call, again if only the queue itself was missing; translates what the SDK raises."""
        try:
            try:
                return call()
            except ResourceNotFoundError:
                with contextlib.suppress(ResourceExistsError):
                    self._queue.create_queue()
                return call()
        except AzureError as error:
            status = error.status_code if isinstance(error, HttpResponseError) else None
            message = f"Queue Storage does not answer as it should ({type(error).__name__}, status {status})."
            raise TryLater(message, code="storage_unavailable") from error
