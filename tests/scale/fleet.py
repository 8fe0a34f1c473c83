"""The programs of a run: Azurite, which logs every request, the local cloud, and N function hosts with the app."""

import os
import re
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Self
from urllib.parse import unquote

from azure.storage.queue import QueueClient

from mailer.local import programs
from mailer.local.cloud.control import Control
from mailer.local.cloud.model import Mailbox
from mailer.local.stack import Ports, Stack

BOXES = [f"box{number}@contoso.com" for number in range(1, 9)]
POOL = BOXES[6:]  # which two of them are as well
MESSAGE_LEASE = 30  # seconds; Azure's ten minutes would outlast the run
# As in Azure, where one instance alone runs a timer.
WITHOUT_TIMERS = {f"AzureWebJobs.{name}.Disabled": "1" for name in ("release", "sweep")}
REQUEST = re.compile(r'"(?P<method>[A-Z]+) /devstoreaccount1/(?P<path>[^ ?]*)(?P<query>[^ ]*)')
PARTITION = re.compile(r"PartitionKey(?:=| [a-z]+ )'(?P<kind>[a-z]+)?")


class Fleet:
    """All programs up inside a `with`, and down after it; raises programs.CannotStart."""

    def __init__(self, folder: Path, *, hosts: int, rate: str) -> None:
        self.ports = Ports.free()
        self._stack = Stack(folder, ports=self.ports, host=False)
        self.storage = self._stack.storage
        self._stack.azurite.command.remove("--silent")
        settings = self._stack.settings() | {
            "MAILER_SENDERS": ",".join(BOXES),
            "MAILER_POOLS": f"news={','.join(POOL)}",
            "MAILER_MAILBOX_RATE": rate,
            "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:02",
        }
        environ = {**os.environ, **settings}
        self.hosts = [
            programs.host(folder / f"host{number}", port=port, env=environ | (WITHOUT_TIMERS if number > 1 else {}))
            for number, port in enumerate(programs.free_ports(hosts), 1)
        ]
        for host in self.hosts:
            host.command += ["--message-lease", str(MESSAGE_LEASE)]

    def __enter__(self) -> Self:
        with ExitStack() as up:
            for program in (self._stack.azurite, self._stack.cloud):
                up.callback(program.stop)
                program.start()
            ca = self._stack.cloud.log.parent / "ca.pem"
            self.control = Control(f"https://localhost:{self.ports.cloud}", ca)
            up.callback(self.control.close)
            for number, address in enumerate(BOXES):
                object_id = f"66666666-6666-4666-8666-{number:012}"
                self.control.put_mailbox(Mailbox(address=address, object_id=object_id))
            with QueueClient.from_connection_string(self.storage, "emails") as emails:
                emails.create_queue()
            for host in self.hosts:
                up.callback(host.stop)
                host.start()
            self._up = up.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._up.close()

    def storage_calls(self) -> Counter[str]:
        """The app's calls so far, and the host's deletions; not its looks at queues, leases and set-up."""
        calls: Counter[str] = Counter()
        for line in self._stack.azurite.log.read_text(errors="replace").splitlines():
            found = REQUEST.search(line)
            if found is None or found["path"].startswith("azure-webjobs"):
                continue
            kind = found["path"].partition("(")[0].partition("/")[0]
            messages = "/messages" in found["path"]
            if messages and found["method"] == "GET":
                continue
            row = PARTITION.search(unquote(found["path"] + found["query"]))
            what = "a message" if messages else f"{kind} {(row['kind'] or 'records') if row else ''}".rstrip()
            calls[f"{found['method']} {what}"] += 1
        return calls
