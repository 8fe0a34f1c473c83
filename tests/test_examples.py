"""examples/: those whose tool is here are run against the local stack, the others hold requests that mailer takes."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests
from azure.storage.queue import QueueClient, QueueSasPermissions, generate_queue_sas

from mailer.local import programs
from mailer.local.programs import ROOT
from tests.conftest import ACCOUNT_KEY

EXAMPLES = ROOT / "examples"
TOOLS = {".py": lambda: sys.executable, ".mjs": programs.node, ".sh": lambda: "sh"}
RUN = [path.relative_to(EXAMPLES) for path in sorted(EXAMPLES.glob("*/*")) if path.suffix in TOOLS]
BY_HTTP = [path for path in RUN if path.name.startswith("http")]
BY_QUEUE = [path for path in RUN if path.name.startswith("queue")]


def environment(stack):
    queue = stack.settings()["MAILER_QUEUE"]
    with QueueClient.from_connection_string(stack.storage, queue) as client:
        url = client.url
    signature = generate_queue_sas(
        "devstoreaccount1",
        queue,
        ACCOUNT_KEY,
        permission=QueueSasPermissions(add=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return {
        "PATH": os.environ["PATH"],
        "NO_PROXY": "localhost,127.0.0.1",
        "MAILER_URL": stack.url,
        "QUEUE_SAS_URL": f"{url}?{signature}",
        "AZURE_STORAGE_CONNECTION_STRING": stack.storage,
    }


def started(example, known):
    command = [TOOLS[example.suffix](), EXAMPLES / example]
    return subprocess.run(command, env=known, capture_output=True, text=True, timeout=60, check=False)


def run(example, stack):
    done = started(example, environment(stack))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class WithoutJson(BaseHTTPRequestHandler):
    """What the host answers to a wrong key: 401 with nothing behind it."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("example", BY_HTTP, ids=str)
def test_an_answer_without_json_is_told_by_its_status(example, stack):
    with HTTPServer(("127.0.0.1", 0), WithoutJson) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = started(example, environment(stack) | {"MAILER_URL": f"http://127.0.0.1:{server.server_port}/api"})
        server.shutdown()

    assert done.returncode != 0
    assert "401" in done.stderr
    assert len(done.stderr.splitlines()) == 1, "one line, and no traceback"


def arrived(stack, subject):
    mails = requests.get(f"{stack.inbox}/api/email", timeout=30).json()
    return [mail for mail in mails if re.search(subject, mail["subject"])]


def until(look):
    deadline = time.monotonic() + 30
    while not look() and time.monotonic() < deadline:
        time.sleep(0.2)
    return look()


def test_the_examples_by_http_are_one_mail_by_its_key_however_often_they_are_run(stack):
    ids = {re.search("[0-9a-f-]{36}", run(example, stack))[0] for example in BY_HTTP}

    assert len(BY_HTTP) == 3
    assert len(ids) == 1
    assert len(until(lambda: arrived(stack, "Your order 7"))) == 1


def test_the_examples_by_queue_arrive(stack):
    for example in BY_QUEUE:
        run(example, stack)

    assert len(BY_QUEUE) == 3
    assert until(lambda: arrived(stack, "Your order 8") and arrived(stack, "password"))
    assert len(arrived(stack, "Your order 8")) == 1


@pytest.mark.parametrize("name", ["http", "queue"])
def test_a_logic_apps_definition_holds_a_request_that_mailer_takes(stack, name):
    definition = json.loads((EXAMPLES / f"logic-apps/{name}.json").read_text())
    (request,) = [
        mail
        for action in definition["actions"].values()
        for mail in (action["inputs"], action["inputs"].get("body"))
        if isinstance(mail, dict) and "to" in mail
    ]

    reply = requests.post(f"{stack.url}/emails", json=request, timeout=30)

    assert reply.status_code == 202, reply.text


def test_every_language_stands_in_the_table_with_both_ways():
    table = (EXAMPLES / "README.md").read_text()

    linked = set(re.findall(r"\]\(([\w-]+/[\w.]+)\)", table))
    assert linked == {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.glob("*/*")}
    assert len(linked) == 12
