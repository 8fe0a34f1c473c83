"""What memory a worker has at first and after 50, 1,000 and 10,000 mails: a process with the app and nothing else."""

import subprocess
import sys

from mailer.local.programs import ROOT
from tests.benchmarks.figures import told
from tests.benchmarks.stage import beside_slow_graph, request

# As many threads as host.json lets messages be under way; https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html.
WORKER = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
import function_app
from mailer import wiring
from mailer.delivery.mail import QueuedMessage

def deliver(number):
    body = template.replace(b"GREETING", b"Hello %d" % number)
    message = QueuedMessage(body=body, id=f"m{number}", inserted_at=datetime.now(UTC))
    assert wiring.delivery().deliver(message) == "sent"

def mebibytes():
    with open("/proc/self/statm") as file:
        print(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20)

template = sys.stdin.buffer.read()
mebibytes()
with ThreadPoolExecutor(8) as several:
    for first, last in zip([0, *map(int, sys.argv[1:])], map(int, sys.argv[1:])):
        for start in range(first, last, 50):  # a future of each mail would be what grows
            list(several.map(deliver, range(start, min(start + 50, last))))
        mebibytes()
print(*(name for name in NEEDLESS if name in sys.modules))
"""
NEEDLESS = (
    *(
        "azure.data.tables",
        "azure.storage.blob",
        "azure.storage.queue",
        "mailer.graph.upload",
        "mailer.templating.lint",
    ),
    *(
        "PIL",
        "babel",
        "charset_normalizer",
        "difflib",
        "email_validator",
        "jsonschema_rs",
        "jwt",
        "opentelemetry",
        "rich",
        "typer",
    ),
)
"""What a mail from the queue can do without, and a worker that sends no other never imports."""


def run(*, quick: bool) -> None:
    """Print it."""
    steps = ("50", "100", "400") if quick else ("50", "1000", "10000")
    with beside_slow_graph(1):
        worker("1")  # which makes the table; where the app is deployed, infra does
        lines = worker(*steps)
    mebibytes = [f"{float(line):.1f}" for line in lines[: len(steps) + 1]]
    told(f"MiB at first, after {', '.join(steps)} mails", ", ".join(mebibytes), "≤ 70; + 2 from the third on")
    told("imported although no mail of these needs it", ", ".join(lines[len(steps) + 1 :]) or "nothing", "nothing")


def worker(*steps: str) -> list[str]:
    """What a fresh process tells at first and after each of these numbers of mails, then what it need not import."""
    command = [sys.executable, "-c", f"NEEDLESS = {NEEDLESS}\n{WORKER}", *steps]
    done = subprocess.run(command, input=request("GREETING"), capture_output=True, cwd=ROOT, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    return done.stdout.decode().split()
