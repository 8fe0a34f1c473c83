"""The programs of a run: Azurite behind the proxies, the local cloud, and a host that may be killed at any time."""

import contextlib
import os
import random
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Self

from azure.storage.queue import QueueClient

from mailer.local import programs
from mailer.local.cloud.control import Control
from mailer.local.stack import Ports, Stack
from tests.chaos import app
from tests.chaos.mails import HEADER
from tests.chaos.mischief import Gate, Mischief
from tests.chaos.proxy import StorageProxy
from tests.chaos.steps import Service

SERVICES: tuple[Service, ...] = ("blob", "queue", "table")

# A port of the range that outgoing connections take may be taken while its program is down.
LISTENING = range(20_000, 32_000)
SHORT_LIVED = 303  # seconds of a token's life; the SDKs ask for a new one 300 seconds before its end


class Stage:
    """All programs up inside a `with`, and down after it; raises programs.CannotStart."""

    def __init__(self, folder: Path, *, policy: str, retention: timedelta) -> None:
        blob, queue, table, smtp, inbox, cloud, host, second, *proxies = free_ports(14)
        # Blob, queue and table as the host knows them, and as all others do.
        self._hosts, self._others = proxies[:3], proxies[3:]
        ports = Ports(blob=blob, queue=queue, table=table, smtp=smtp, inbox=inbox, cloud=cloud, host=host)
        stack = Stack(folder, ports=ports, host=False)  # what it starts is started here, but not its mailbox
        self.ports = ports
        self.storage = stack.storage
        self.url = stack.url
        self._azurite, self._cloud = stack.azurite, stack.cloud
        settings = stack.settings() | {
            "AzureWebJobsStorage": self._through(*self._hosts),
            "MAILER_ON_UNCERTAIN": policy,
            "MAILER_MAX_AGE": "10m",
            "MAILER_MAILBOX_RATE": "off",
            "MAILER_RECORD_RETENTION": f"{retention.total_seconds():.0f}s",
            "MAILER_IDEMPOTENCY_WINDOW": f"{retention.total_seconds():.0f}s",
            "MAILER_HEADERS": HEADER,
        }
        root = app.write(folder / "app")
        self.host = programs.host(folder, port=host, env={**os.environ, **settings}, root=root)
        settings["AzureWebJobsStorage"] = self._through(*self._others)
        self._second = programs.host(folder / "second", port=second, env={**os.environ, **settings}, root=root)
        for one in (self.host, self._second):
            one.command += ["--message-lease", str(app.MESSAGE_LEASE)]
        self._gate = Gate()
        self.mischief = Mischief(self.kill_host)
        self._end = threading.Lock()
        self.kills = 0
        self.control: Control

    @property
    def storage_for_producers(self) -> str:
        return self._through(*self._others)

    def _through(self, blob: int, queue: int, table: int) -> str:
        text = self.storage
        for direct, by_proxy in ((self.ports.blob, blob), (self.ports.queue, queue), (self.ports.table, table)):
            text = text.replace(f":{direct}/", f":{by_proxy}/")
        return text

    def __enter__(self) -> Self:
        with ExitStack() as up:
            for program in (self._azurite, self._cloud):
                up.callback(program.stop)
                program.launch()
            for program in (self._azurite, self._cloud):
                program.wait_until_ready()
            for ports, mischief in ((self._hosts, self.mischief), (self._others, None)):
                for service, port in zip(SERVICES, ports, strict=True):
                    upstream = getattr(self.ports, service)
                    way = StorageProxy(service, port=port, upstream=upstream, gate=self._gate, mischief=mischief)
                    up.enter_context(way)
            self.control = Control(f"https://localhost:{self.ports.cloud}", self._cloud.log.parent / "ca.pem")
            up.callback(self.control.close)
            self.control.set(roles=("Mail.Send", "Mail.ReadWrite"), token_lifetime=SHORT_LIVED)
            with QueueClient.from_connection_string(self.storage, "emails") as emails:
                emails.create_queue()  # as the README's deployment has it
            up.callback(self.host.stop)
            self.host.start()
            self._up = up.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._up.close()

    def kill_host(self) -> None:
        """SIGKILL, in the middle of whatever it does."""
        with self._end:
            self.host.kill()
            self.kills += 1

    def revive_host(self) -> None:
        """Start the host if it is not up; returns when it answers."""
        with self._end:
            if self.host.process is None or self.host.process.poll() is not None:
                self.host.start()

    @contextlib.contextmanager
    def set_otherwise(self, **settings: str) -> Iterator[None]:
        """The host started anew with these settings, and then with the right ones again."""
        right = self.host.env or {}
        self._start_with({**right, **settings})
        try:
            yield
        finally:
            self._start_with(right)

    def _start_with(self, env: Mapping[str, str]) -> None:
        with self._end:
            self.host.kill()
            self.host.env = env
            self.host.start()

    @contextlib.contextmanager
    def second_host(self) -> Iterator[None]:
        """Another host on the same storage, which is killed in the end."""
        self._second.start()
        try:
            yield
        finally:
            self._second.kill()

    @contextlib.contextmanager
    def without_host(self) -> Iterator[None]:
        """Nobody delivers, nobody releases, nobody answers."""
        with self._end:
            self.host.kill()
            try:
                yield
            finally:
                self.host.start()

    @contextlib.contextmanager
    def without_storage(self) -> Iterator[None]:
        """No service of the storage answers anybody."""
        self._gate.close()
        try:
            yield
        finally:
            self._gate.open()

    def restart_storage(self) -> None:
        """Azurite down, and up again with all that it has answered for."""
        self._gate.close()
        self._azurite.stop()
        self._azurite.start()
        self._gate.open()


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nobody listens now, outside the range of outgoing connections."""
    found: list[int] = []
    for port in random.SystemRandom().sample(LISTENING, len(LISTENING)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
        if len(found) == count:
            break
    return found
