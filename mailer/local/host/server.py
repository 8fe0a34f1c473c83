"""All parts of the host plugged together: start, serve, stop. Touches what they touch."""

import asyncio
import contextlib
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import uvicorn
from azure.core.exceptions import AzureError
from azure.functions.meta import Datum
from azure.storage.queue import QueueMessage
from starlette.applications import Starlette

from mailer.local.host import console, messages
from mailer.local.host.admin import Admin
from mailer.local.host.bindings import Binding
from mailer.local.host.connections import Connections
from mailer.local.host.functions import Function, resolve
from mailer.local.host.host_json import HostOptions
from mailer.local.host.invocation import HOST_API, InvocationFailed, Invoker, OutputFailed
from mailer.local.host.keys import Keys
from mailer.local.host.process import Server, stop_on_signal
from mailer.local.host.queues import MESSAGE_LEASE, QueueListener, poison_name, send_or_create
from mailer.local.host.timers import Timer, timer_datum
from mailer.local.host.web import FunctionRoutes, Route, request_datum
from mailer.local.host.worker import Worker, thread_count

DRAIN_WITHIN = 10.0  # seconds for running invocations once the host was told to stop
STORAGE_THREADS = 32
KEEP_ALIVE = 130  # seconds, as Kestrel has it


class Host:
    """One running app."""

    def __init__(
        self,
        functions: Sequence[Function],
        routes: Sequence[Route],
        options: HostOptions,
        *,
        keys: Keys | None,
        environ: Mapping[str, str],
        message_lease: timedelta = MESSAGE_LEASE,
    ) -> None:
        self._options = options
        self._message_lease = message_lease
        self._environ = environ
        self._connections = Connections(environ)
        self._invoker = Invoker(Worker(thread_count(environ)), self._send)
        enabled = [function for function in functions if not function.disabled]
        if any(function.trigger.type != "httpTrigger" for function in enabled):
            self._connections.check()
        self._listeners = {f.name: self._listener(f) for f in enabled if f.trigger.type == "queueTrigger"}
        self._timers = [self._timer(f) for f in enabled if f.trigger.type == "timerTrigger"]
        for function in enabled:
            for binding in function.outputs:
                if binding.type == "queue":
                    self._connections.queue(*self._queue_of(binding))
        admin = Admin({f.name: f for f in functions}, options, self._run_by_hand, self._errors, keys=keys)
        web = FunctionRoutes(routes, self._invoker, keys=keys, environ=environ)
        self._application = Starlette(routes=admin.routes())
        self._application.router.default = web  # a Mount takes no path with a line break in it

    async def serve(self, port: socket.socket, *, ready: str) -> None:
        """Run until told to stop; then finish what is running, within a limit."""
        asyncio.get_running_loop().set_default_executor(
            ThreadPoolExecutor(STORAGE_THREADS, thread_name_prefix=console.HOST_THREADS)
        )
        server = Server(
            uvicorn.Config(
                self._application,
                log_config=None,
                access_log=False,
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                ws="none",
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=int(DRAIN_WITHIN),
            )
        )
        stop = stop_on_signal()
        serving = asyncio.create_task(server.serve(sockets=[port]))
        listening = [asyncio.create_task(listener.listen()) for listener in self._listeners.values()]
        timing = [asyncio.create_task(timer.fire_for_ever()) for timer in self._timers]
        print(ready, flush=True)
        stopping = asyncio.create_task(stop.wait())
        ended, _ = await asyncio.wait([stopping, serving, *listening, *timing], return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        for listener in self._listeners.values():
            listener.stop()
        for timer in timing:
            timer.cancel()
        await self._drain([serving, *listening])
        for task in ended:
            task.result()  # a part that ended by itself did so by a defect, which must not pass unseen

    async def _drain(self, ending: Sequence[asyncio.Task[None]]) -> None:
        """Wait for what is running, within the limit."""

        async def everything() -> None:
            await asyncio.gather(*ending)
            await asyncio.gather(*(listener.drain() for listener in self._listeners.values()), self._invoker.drain())

        try:
            await asyncio.wait_for(everything(), DRAIN_WITHIN)
        except TimeoutError:
            lease = f"{self._message_lease.total_seconds():.0f} s"
            console.warning(
                f"{len(self._invoker.running)} invocations still run after {DRAIN_WITHIN:.0f} s and are cut off. "
                f"Their queue messages come back when their lease ends, within {lease}."
            )

    def _listener(self, function: Function) -> QueueListener:
        connection, name = self._queue_of(function.trigger)
        poison = poison_name(name)

        async def run(message: QueueMessage, body: str) -> bool:
            details = (
                f"MessageId: {message.id}, DequeueCount: {message.dequeue_count}, "
                f"InsertedOn: {message.inserted_on.isoformat() if message.inserted_on else ''}"
            )
            reason = f"New queue message detected on '{name}'."
            told = messages.metadata(message, body)
            try:
                await self._invoker.invoke(function, Datum(body, "string"), told, reason=reason, details=details)
            except InvocationFailed:
                return False
            return True

        return QueueListener(
            function.name,
            self._connections.queue(connection, name),
            self._connections.queue(connection, poison) if poison else None,
            run,
            self._options.queues,
            visibility=self._message_lease,
        )

    def _timer(self, function: Function) -> Timer:
        async def run(data: Datum, reason: str) -> None:
            with contextlib.suppress(InvocationFailed):
                await self._invoker.invoke(function, data, {}, reason=reason)

        schedule = resolve(function.trigger.get("schedule", ""), self._environ)
        return Timer(schedule, run, run_on_startup=bool(function.trigger.get("runOnStartup", default=False)))

    def _queue_of(self, binding: Binding) -> tuple[str, str]:
        """A queue binding's connection and queue name."""
        return binding.get("connection", ""), resolve(binding.get("queueName", ""), self._environ)

    async def _send(self, binding: Binding, datum: Datum) -> None:
        """A queue output's messages, in order."""
        connection, name = self._queue_of(binding)
        queue = self._connections.queue(connection, name)
        for body in messages.outgoing(datum):
            content = messages.encode(body, to_base64=self._options.queues.base64)
            try:
                await asyncio.to_thread(send_or_create, queue, content)
            except AzureError as problem:
                message = f"the output '{binding.name}' could not be sent to queue '{name}': {problem}"
                raise OutputFailed(message) from None
        for listener in self._listeners.values():
            listener.wake()

    async def _run_by_hand(self, function: Function, text: str) -> None:
        """POST /admin/functions/NAME: no message is dequeued, retried or moved."""
        told: dict[str, Datum] = {}
        match function.trigger.type:
            case "httpTrigger":
                url = f"http://{self._environ.get('WEBSITE_HOSTNAME', 'localhost')}/admin/functions/{function.name}"
                data = request_datum(method="POST", url=url, headers={}, query={}, route_params={}, body=text.encode())
            case "queueTrigger":
                data = Datum(text, "string")
                blank = QueueMessage(content=text, id="", pop_receipt="", dequeue_count=0)
                told = messages.metadata(blank, text)
            case _:
                now = datetime.now(UTC)
                data = timer_datum(resolve(function.trigger.get("schedule", ""), self._environ), now, now)
        with contextlib.suppress(InvocationFailed):
            await self._invoker.invoke(function, data, told, reason=HOST_API)

    def _errors(self) -> dict[str, str]:
        return {name: listener.problem for name, listener in self._listeners.items() if listener.problem}
