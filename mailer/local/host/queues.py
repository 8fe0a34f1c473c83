"""The queue trigger: poll, run, then delete, release or move to the poison queue. Talks to the storage account.

Follows azure-sdk-for-net's QueueListener and QueueProcessor, step by step.
https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage

from mailer.local.host import console, messages
from mailer.local.host.host_json import QueueOptions

MESSAGE_LEASE = timedelta(minutes=10)
SHORTEST_POLL = 0.1
LONGEST_QUEUE_NAME = 63
POISON = "-poison"

Run = Callable[[QueueMessage, str], Awaitable[bool]]


class QueueListener:
    """One queue function's loop. `run` gets a message and its body, and says whether the function succeeded."""

    def __init__(
        self,
        name: str,
        queue: QueueClient,
        poison: QueueClient | None,
        run: Run,
        options: QueueOptions,
        *,
        visibility: timedelta = MESSAGE_LEASE,
        renew_every: timedelta | None = None,
    ) -> None:
        self._name = name
        self._queue = queue
        self._poison = poison
        self._run = run
        self._options = options
        self._visibility = int(visibility.total_seconds())
        self._renew_every = (renew_every or visibility / 2).total_seconds()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._stopping = False
        self.problem: str | None = None  # why the queue cannot be read now

    def wake(self) -> None:
        """Poll at once: this host has just put a message on the queue."""
        self._woken.set()

    async def listen(self) -> None:
        """Take messages until stopped; those in flight run on."""
        waits = back_off(self._options.max_polling_interval)
        while not self._stopping:
            self._woken.clear()
            received = await self._receive()
            for message in received:
                task = asyncio.create_task(self._process(message))
                self._in_flight.add(task)
                task.add_done_callback(self._in_flight.discard)
            if received:
                waits = back_off(self._options.max_polling_interval)
                while len(self._in_flight) > self._options.new_batch_threshold and not self._stopping:
                    await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), next(waits))

    def stop(self) -> None:
        """Take no more messages. What has been received is leased to us, so it still runs."""
        self._stopping = True
        self._woken.set()

    async def drain(self) -> None:
        """Wait for the messages in flight."""
        await asyncio.gather(*self._in_flight)

    async def _receive(self) -> list[QueueMessage]:
        """The next messages; none while the queue is missing or the storage cannot be reached."""
        try:
            batch = await asyncio.to_thread(self._receive_batch)
        except ResourceNotFoundError:
            self.problem = None
            console.detail(f"Queue '{self._queue.queue_name}' of function '{self._name}' does not exist yet.")
            return []
        except (AzureError, ValueError) as problem:
            reason = _first_line(problem)
            if self.problem is None:
                console.warning(
                    f"The listener for function 'Functions.{self._name}' was unable to start. {reason}. "
                    "It keeps trying. Check that the storage account, or Azurite, runs, and that its setting is right."
                )
            self.problem = reason
            return []
        if self.problem is not None:
            console.warning(f"The listener for function 'Functions.{self._name}' started.")
        self.problem = None
        return batch

    def _receive_batch(self) -> list[QueueMessage]:
        pages = self._queue.receive_messages(
            messages_per_page=self._options.batch_size, visibility_timeout=self._visibility
        ).by_page()
        return list(next(pages, ()))

    async def _process(self, message: QueueMessage) -> None:
        """One message's life after its receipt. Whatever fails here leaves it to come back when its lease ends."""
        try:
            await self._live(message)
        except AzureError as problem:
            console.warning(f"Message {message.id} of queue '{self._queue.queue_name}' stays: {_first_line(problem)}.")

    async def _live(self, message: QueueMessage) -> None:
        try:
            body = messages.decode(message.content or "", from_base64=self._options.base64)
        except ValueError:
            await self._to_poison(message)
            return
        if (message.dequeue_count or 0) > self._options.max_dequeue_count:
            await self._to_poison(message)
            return
        run = asyncio.ensure_future(self._run(message, body))
        await self._renew_until_done(message, run)
        if run.result():
            await self._delete(message)
        elif self._poison is None:
            return  # Azure leaves it to its lease, and skips it for ever once it is over the count
        elif (message.dequeue_count or 0) >= self._options.max_dequeue_count:
            await self._to_poison(message)
        else:
            await self._update(message, self._options.visibility_timeout)

    async def _renew_until_done(self, message: QueueMessage, run: asyncio.Future[bool]) -> None:
        interval = self._renew_every
        while True:
            done, _ = await asyncio.wait([run], timeout=interval)
            if done:
                return
            try:
                await self._update(message, timedelta(seconds=self._visibility))
                interval = self._renew_every
            except AzureError as problem:
                interval = max(interval / 2, self._renew_every / 5)
                console.detail(f"Renewing the lease of message {message.id} failed: {_first_line(problem)}.")

    async def _update(self, message: QueueMessage, visibility: timedelta) -> None:
        """Make the message visible again after a time, and keep its new receipt."""
        updated = await asyncio.to_thread(
            self._queue.update_message,
            message.id,
            message.pop_receipt,
            visibility_timeout=int(visibility.total_seconds()),
        )
        message.pop_receipt = updated.pop_receipt

    async def _delete(self, message: QueueMessage) -> None:
        try:
            await asyncio.to_thread(self._queue.delete_message, message.id, message.pop_receipt)
        except AzureError as problem:
            if getattr(problem, "error_code", None) not in {"PopReceiptMismatch", "MessageNotFound"}:
                raise
            console.detail(f"Message {message.id} was not deleted, because its receipt is no longer valid.")

    async def _to_poison(self, message: QueueMessage) -> None:
        """Copy the message as it is to the poison queue, then delete it."""
        if self._poison is None:
            return
        console.warning(
            f"Message has reached MaxDequeueCount of {self._options.max_dequeue_count}. "
            f"Moving message to queue '{self._poison.queue_name}'."
        )
        await asyncio.to_thread(send_or_create, self._poison, message.content or "")
        await self._delete(message)


def poison_name(queue: str) -> str | None:
    """The poison queue's name; None for a queue that has none."""
    name = queue + POISON
    return None if queue.endswith(POISON) or len(name) > LONGEST_QUEUE_NAME else name


def send_or_create(queue: QueueClient, content: str) -> None:
    """Send, creating the queue if it is missing."""
    try:
        queue.send_message(content)
    except ResourceNotFoundError:
        queue.create_queue()
        queue.send_message(content)


def back_off(longest: timedelta) -> Iterator[float]:
    """Seconds to wait after each empty poll: 0.1, then 0.1 + 0.1 x 2^n give or take a fifth, up to the longest."""
    wait, step = SHORTEST_POLL, SHORTEST_POLL
    while wait < longest.total_seconds():
        yield wait
        step *= 2
        wait = SHORTEST_POLL + step * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
    while True:
        yield longest.total_seconds()


def _first_line(problem: Exception) -> str:
    return str(problem).strip().partition("\n")[0].rstrip(".")
