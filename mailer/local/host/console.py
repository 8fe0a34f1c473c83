"""What the host prints: its own lines and the app's log, each with the UTC time. Writes to stdout and stderr."""

import io
import logging
import sys
from datetime import UTC, datetime

SYSTEM_LOGGERS = ("azure.functions", "azure_functions_worker", "uvicorn")
HOST_THREADS = "host"

system_level = logging.WARNING


def configure(*, verbose: bool, debug: bool) -> None:
    """Show the app's log from INFO, or DEBUG with `debug`, and the host's own from WARNING, or INFO with `verbose`."""
    global system_level  # noqa: PLW0603 - one process has one console
    system_level = logging.INFO if verbose else logging.WARNING
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what the app prints appears in its place among the log lines
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Formatter("%(message)s"))
    handler.addFilter(_shown)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.DEBUG if debug else logging.INFO)


def line(text: str) -> None:
    """A line that is always shown, with its time."""
    print(f"[{timestamp()}] {text}", flush=True)


def detail(text: str) -> None:
    """A line of the host's own log, shown with --verbose."""
    if system_level <= logging.INFO:
        line(text)


def warning(text: str) -> None:
    """A line of the host's own log that is always shown."""
    line(text)


def error(text: str) -> None:
    """Why the host ends."""
    print(text, file=sys.stderr, flush=True)


def timestamp() -> str:
    """Now, as Core Tools prints it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _shown(record: logging.LogRecord) -> bool:
    """Whether a record belongs on the console: not those of the host's own storage calls, which run in its threads."""
    if (record.threadName or "").startswith(HOST_THREADS):
        return False
    return not record.name.startswith(SYSTEM_LOGGERS) or record.levelno >= system_level


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"[{timestamp()}] {super().format(record)}"
