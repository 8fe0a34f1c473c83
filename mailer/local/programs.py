"""The programs of a local run as child processes: start, wait until the port answers, stop."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

START_WITHIN = 60.0  # seconds; a first start on a loaded machine reads hundreds of megabytes from disk
STOP_WITHIN = 10.0


class CannotStart(Exception):
    """A program did not start. The text says which, why, and what to do."""


@dataclass(kw_only=True)
class Program:
    """One child process that listens on `ports` of 127.0.0.1 and writes what it prints to `log`."""

    name: str
    command: list[str]
    ports: tuple[int, ...]
    log: Path
    env: Mapping[str, str] | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the program and wait until every port answers; raises CannotStart."""
        self.refuse_taken_ports()
        self.launch()
        self.wait_until_ready()

    def refuse_taken_ports(self) -> None:
        """Raises CannotStart if somebody else listens where this program will."""
        for port in self.ports:
            if answers(port):
                message = (
                    f"{self.name} needs port {port}, and something listens there already. Stop it, then try again."
                )
                raise CannotStart(message)

    def launch(self) -> None:
        """Start the program without waiting for it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches us alone, and we stop the others in order.
            self.process = subprocess.Popen(  # noqa: S603 - the command is ours
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=ROOT,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Return when every port answers; raises CannotStart when the program ends first or takes too long."""
        deadline = time.monotonic() + START_WITHIN
        while not all(answers(port) for port in self.ports):
            if self.process is None or self.process.poll() is not None:
                message = f"{self.name} ended while starting. It said: {self.last_words()}"
                raise CannotStart(message)
            if time.monotonic() > deadline:
                self.stop()
                message = f"{self.name} did not answer within {START_WITHIN:.0f} s. It said: {self.last_words()}"
                raise CannotStart(message)
            time.sleep(0.05)

    def stop(self) -> None:
        """End the program and what it started, by force if they do not go by themselves."""
        if self.process is None or self.process.poll() is not None:
            return
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_WITHIN)
        self.kill()

    def kill(self) -> None:
        """SIGKILL: nothing the program could do about it."""
        if self.process is not None:
            self._signal(signal.SIGKILL)
            self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        """To the whole session, for a program may be a wrapper around another one."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def last_words(self) -> str:
        """The end of what the program printed."""
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return " / ".join(lines[-3:]) or "nothing"


def answers(port: int) -> bool:
    """Whether something accepts connections on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody uses now, for stacks beside the one on the usual ports."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def azurite(folder: Path, *, blob: int = 10000, queue: int = 10001, table: int = 10002) -> Program:
    """Microsoft's storage emulator; keeps its data in `folder`, so that it survives a restart."""
    data = folder / "azurite"
    data.mkdir(parents=True, exist_ok=True)
    ports = ["--blobPort", str(blob), "--queuePort", str(queue), "--tablePort", str(table)]
    # The queue SDK speaks a newer API version than the newest Azurite knows.
    options = ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--location", str(data)]
    command = [node(), str(HERE / "node_modules/azurite/dist/src/azurite.js"), *options, *ports]
    return Program(name="Azurite", command=command, ports=(blob, queue, table), log=folder / "azurite.log")


def maildev(folder: Path, *, smtp: int = 1025, web: int = 1080) -> Program:
    """A mail catcher: SMTP in, a web inbox and a REST API out."""
    options = ["--ip", "127.0.0.1", "--web-ip", "127.0.0.1", "--mail-directory", str(folder / "maildev")]
    options += ["--max-message-size", "0"]  # none; what a mailbox may send is its own business
    ports = ["--smtp", str(smtp), "--web", str(web)]
    command = [node(), str(HERE / "node_modules/maildev/dist/bin/maildev.js"), *options, *ports]
    return Program(name="MailDev", command=command, ports=(smtp, web), log=folder / "maildev.log")


def cloud(
    folder: Path,
    *,
    port: int = 8443,
    smtp_port: int = 1025,
    empty: bool = False,
    panel: int | None = None,
    console: str | None = None,
) -> Program:
    """The local cloud: Entra, Key Vault and Graph over HTTPS; its CA is `folder`/ca.pem. `empty`: no app is there.

    `panel` is the port of the page for its faults, `console` the address to which its mails lead.
    """
    options = ["--port", str(port), "--smtp-port", str(smtp_port), "--folder", str(folder)]
    options += ["--empty"] if empty else []
    options += ["--panel-port", str(panel)] if panel else []
    options += ["--console", console] if console else []
    command = [sys.executable, "-m", "mailer.local.cloud", *options]
    ports = (port, panel) if panel else (port,)
    return Program(name="the local cloud", command=command, ports=ports, log=folder / "cloud.log")


def desk(folder: Path, *, port: int = 7072, env: Mapping[str, str]) -> Program:
    """The template desk, on the templates that the settings name."""
    command = [sys.executable, "-m", "mailer", "templates", "--no-browser", "--port", str(port)]
    return Program(name="the template desk", command=command, ports=(port,), log=folder / "desk.log", env=env)


def node() -> str:
    """The Node.js to run npm programs with: the one installed beside Python where the machine's would not do."""
    installed = Path(sys.executable).parent / "node"
    return str(installed) if installed.exists() else shutil.which("node") or "node"


def host(folder: Path, *, port: int = 7071, env: Mapping[str, str], root: Path = ROOT) -> Program:
    """The embedded function host running the app in `root`, with `env` as its whole environment."""
    command = [sys.executable, "-m", "mailer.local.host", "--port", str(port), "--root", str(root)]
    return Program(name="function host", command=command, ports=(port,), log=folder / "host.log", env=env)
