"""The whole of mailer on one machine: storage, mailbox, cloud and function host, started and stopped together."""

import json
import os
import shutil
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Self

from mailer.local import programs
from mailer.local.programs import ROOT, Program

EXAMPLE = ROOT / "local.settings.example.json"
# Azurite's one account is public: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
ACCOUNT = (
    "AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where each part listens on 127.0.0.1; by default where its own documentation says."""

    blob: int = 10000
    queue: int = 10001
    table: int = 10002
    smtp: int = 1025
    inbox: int = 1080
    cloud: int = 8443
    panel: int = 8444
    host: int = 7071
    desk: int = 7072

    @classmethod
    def free(cls) -> Self:
        """Ports that nobody uses now."""
        names = [port.name for port in fields(cls)]
        return cls(**dict(zip(names, programs.free_ports(len(names)), strict=True)))


class Stack:
    """Everything up inside a `with`, everything down after it; raises programs.CannotStart."""

    def __init__(
        self,
        folder: Path,
        *,
        ports: Ports | None = None,
        host: bool = True,
        app: Path = ROOT,
        empty: bool = False,
        pages: bool = False,
    ) -> None:
        """`empty`: in a tenant in which nobody has registered an app; `pages`: with those of templates and faults."""
        self.folder = folder
        self.ports = ports or Ports()
        self.azurite = programs.azurite(folder, blob=self.ports.blob, queue=self.ports.queue, table=self.ports.table)
        self.maildev = programs.maildev(folder, smtp=self.ports.smtp, web=self.ports.inbox)
        self.url = f"http://localhost:{self.ports.host}/api"
        self.inbox = f"http://localhost:{self.ports.inbox}"
        self.console = f"{self.url}/console"
        self.faults = f"http://localhost:{self.ports.panel}"
        self.templates = f"http://localhost:{self.ports.desk}"
        self.cloud = programs.cloud(
            folder,
            port=self.ports.cloud,
            smtp_port=self.ports.smtp,
            empty=empty,
            panel=self.ports.panel if pages else None,
            console=self.console,
        )
        environ = {**os.environ, **self.settings()}
        self.desk = programs.desk(folder, port=self.ports.desk, env=environ)
        self.host = _host(folder, self.ports.host, environ, app)
        self.programs: tuple[Program, ...] = (self.azurite, self.maildev, self.cloud)
        if host:
            self.programs += (self.host,)
        if pages:
            self.programs = (self.desk, *self.programs)

    def settings(self) -> dict[str, str]:
        """The app settings: those of the example, at this stack's own addresses."""
        values: dict[str, str] = json.loads(EXAMPLE.read_text())["Values"]
        values = {
            name: text.replace("localhost:8443", f"localhost:{self.ports.cloud}") for name, text in values.items()
        }
        values["REQUESTS_CA_BUNDLE"] = str(self.folder / "ca.pem")
        values["AzureWebJobsStorage"] = self.storage
        return values

    @property
    def storage(self) -> str:
        """The connection string of Azurite."""
        services = (("Blob", self.ports.blob), ("Queue", self.ports.queue), ("Table", self.ports.table))
        endpoints = ";".join(f"{name}Endpoint=http://127.0.0.1:{port}/devstoreaccount1" for name, port in services)
        return f"DefaultEndpointsProtocol=http;{ACCOUNT};{endpoints};"

    def __enter__(self) -> Self:
        try:
            for program in self.programs:
                program.refuse_taken_ports()
            services = [program for program in self.programs if program is not self.host]
            for program in services:
                program.launch()
            for program in services:
                program.wait_until_ready()
            if self.host in self.programs:
                self.host.start()  # only now, because it trusts the cloud's certificate authority
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        for program in reversed(self.programs):
            program.stop()


def core_tools() -> str | None:
    """Azure Functions Core Tools' `func`, if it is installed."""
    return shutil.which("func")


def _host(folder: Path, port: int, env: dict[str, str], app: Path) -> Program:
    """Core Tools if they are there, else the embedded host; both run the same app in the same way."""
    func = core_tools()
    if not func:
        return programs.host(folder, port=port, env=env, root=app)
    # func takes the first Python on the path.
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    command = [func, "start", "--port", str(port)]
    return Program(name="func start", command=command, ports=(port,), log=folder / "host.log", env=env)
