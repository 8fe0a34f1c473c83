"""The app in Microsoft's worker library, with a clock that its parent process moves: commands in, answers out.

    python -m tests.moved_app FOLDER    one line of JSON for each function to run, with the instant it is then

The folder gets a function_app.py of its own, which is mailer's own but for the clock, and for a mail that makes the app
fail. What goes onto the queue can be seen at once there, and the answer tells when it is due: the parent is the host.
"""

import json
import os
import sys
from pathlib import Path

from mailer.local.programs import ROOT
from tests.worker import FunctionFailed, Worker

FUNCTION_APP = '''"""Written by tests/moved_app.py: mailer's own function_app.py at an hour that a test chooses."""

import importlib.util
import os
from datetime import UTC, datetime, timedelta

from mailer import wiring
from mailer.delivery.compose import Composer
from mailer.storage.queues import MailQueue

now = None
dues = []


def clock():
    return now or datetime.now(UTC)


def send(self, text, *, after, really=MailQueue.send):
    really(self, text, after=timedelta())
    dues.append((text, (clock() + after).isoformat()))


def compose(self, request, *, mail, really=Composer.compose):
    if mail and request.subject and request.subject == os.environ.get("STUMBLES_OVER"):
        raise RuntimeError("a bug")
    return really(self, request, mail=mail)


wiring.clock = wiring.base.clock = clock
MailQueue.send, Composer.compose = send, compose
spec = importlib.util.spec_from_file_location("mailer_function_app", @@ORIGINAL@@)
original = importlib.util.module_from_spec(spec)
spec.loader.exec_module(original)
app = original.app
'''


def serve(folder: Path) -> None:
    """Run functions until no command comes any more."""
    (folder / "function_app.py").write_text(FUNCTION_APP.replace("@@ORIGINAL@@", repr(str(ROOT / "function_app.py"))))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else prints
    worker = Worker(folder)
    moved = worker.module
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        moved.now, moved.dues[:] = moved.datetime.fromisoformat(command["now"]), []
        answer = {}
        try:
            answer["said"] = _run(worker, **command["run"])
        except FunctionFailed as failed:
            answer["failed"] = str(failed)
        print(json.dumps(answer | {"dues": moved.dues}), file=answers, flush=True)


def _run(worker, *, kind, name, **given):
    if kind == "queue":
        return worker.invoke_queue(name, **given)
    if kind == "timer":
        return worker.invoke_timer(name)
    status, _, body = worker.invoke_http(name, **given | {"body": given.get("body", "").encode()})
    return [status, json.loads(body)]


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
