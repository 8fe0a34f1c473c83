"""The whole of mailer as a user starts it: real processes, real HTTP, real queue, real inbox."""

import base64
import contextlib
import email
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
import requests
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContainerClient

from mailer.local import demo
from mailer.local.programs import ROOT, CannotStart, answers
from mailer.local.stack import Ports, Stack
from tests.app import HEALTH
from tests.operating import until


def test_a_mail_by_http_arrives_as_rendered(stack):
    mail = demo.by_http(stack)

    assert "queued" in demo.follow(stack, mail)
    assert "Order 7 is confirmed" in demo.check(stack, mail)


def test_a_mail_by_queue_arrives_as_rendered_under_the_id_made_from_its_message(stack):
    demo.by_http(stack)  # the queue is made when it is first missed

    mail = demo.by_queue(stack)

    assert "sent" in demo.follow(stack, mail)
    assert "Order 8 is confirmed" in demo.check(stack, mail)


def test_the_health_page_finds_everything_in_order(stack):
    until(200, lambda: requests.get(f"{stack.url}/health", timeout=30).status_code)  # it is known for ten seconds

    reply = requests.get(f"{stack.url}/health", timeout=30)

    content = reply.json()
    assert datetime.fromisoformat(content.pop("secret_expires_on")) > datetime.now(UTC)
    assert content == {"status": "ok", "parts": {part: {"status": "ok"} for part in HEALTH}}


def test_bcc_headers_importance_and_reply_to_reach_the_inbox(stack):
    request = {
        "from": "alerts@contoso.com",
        "to": "Ada <ada@example.com>",
        "cc": [{"address": "grace@example.com", "name": "Grace"}],
        "bcc": "secret@example.com",
        "reply_to": "desk@example.com",
        "subject": "Disk full — web-3",
        "text": "92 % used",
        "headers": {"x-order": "7"},
        "importance": "high",
    }

    accepted = requests.post(f"{stack.url}/emails", json=request, timeout=30).json()
    demo.follow(stack, demo.Sent(door="HTTP", id=accepted["id"], request=request))
    mail = caught(stack, accepted["id"])

    assert mail["subject"] == "Disk full — web-3"
    assert mail["text"].strip() == "92 % used"
    assert mail["from"] == [{"address": "alerts@contoso.com", "name": ""}]
    assert mail["to"] == [{"address": "ada@example.com", "name": "Ada"}]
    assert mail["cc"] == [{"address": "grace@example.com", "name": "Grace"}]
    assert "secret@example.com" in [to["address"] for to in mail["envelope"]["to"]]
    raw = email.message_from_string(requests.get(f"{stack.inbox}/api/email/{mail['id']}/source", timeout=30).text)
    assert raw["Bcc"] is None
    assert raw["x-order"] == "7"
    assert raw["Reply-To"] == "desk@example.com"
    assert raw["Importance"] == "high"


def test_a_file_in_the_request_arrives_whole(stack):
    content = os.urandom(1024) * 5_000

    mail = posted(stack, attachments=[{"filename": "scan.bin", "content": base64.b64encode(content).decode()}])

    assert file_of(stack, mail, "scan.bin") == content


def test_a_file_in_a_blob_arrives_whole(stack):
    content = os.urandom(1024) * 25_000
    with ContainerClient.from_connection_string(stack.storage, stack.settings()["MAILER_CONTAINER"]) as container:
        with contextlib.suppress(ResourceExistsError):
            container.create_container()
        container.upload_blob("scans/25 MB.bin", content, overwrite=True)

    mail = posted(stack, attachments=[{"filename": "scan.bin", "blob": "scans/25 MB.bin"}])

    assert file_of(stack, mail, "scan.bin") == content


def test_an_image_is_shown_in_the_mail(stack):
    image = {"filename": "dot.gif", "content": "R0lGODlhAQABAAAAACwAAAAAAQABAAAC", "content_id": "dot"}

    mail = posted(stack, text=None, html='<p>Look: <img src="cid:dot" alt="a dot"></p>', attachments=[image])

    (attachment,) = mail["attachments"]
    assert (attachment["contentId"], attachment["contentDisposition"]) == ("dot", "inline")


def posted(stack, **changes):
    """A mail with these changes, as it lies in the inbox."""
    request = {"to": "ada@example.com", "subject": "Your scan", "text": "Here it is."} | changes
    request = {name: value for name, value in request.items() if value is not None}
    accepted = requests.post(f"{stack.url}/emails", json=request, timeout=60)
    assert accepted.status_code == 202, accepted.text
    demo.follow(stack, demo.Sent(door="HTTP", id=accepted.json()["id"], request=request))
    return caught(stack, accepted.json()["id"])


def file_of(stack, mail, name):
    (attachment,) = [one for one in mail["attachments"] if one["filename"] == name]
    reply = requests.get(
        f"{stack.inbox}/api/email/{mail['id']}/attachment/{attachment['generatedFileName']}", timeout=60
    )
    return reply.content


def caught(stack, mail_id):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for mail in requests.get(f"{stack.inbox}/api/email", timeout=30).json():
            if mail_id in mail["headers"]["message-id"]:
                return mail
        time.sleep(0.1)
    pytest.fail(f"{mail_id} is not in the inbox")


def test_a_mail_in_the_inbox_leads_to_its_record_in_the_console(stack):
    mail = posted(stack)

    address, _, mail_id = mail["headers"]["archived-at"].strip("<>").partition("#mail=")
    assert address == stack.console
    assert requests.get(f"{stack.url}/emails/{mail_id}", timeout=30).json()["status"] == "sent"


def test_a_taken_port_is_named_in_one_sentence_and_nothing_is_left_running(tmp_path, stack):
    ports = Ports.free()
    taken = Ports(**{**vars(ports), "host": stack.ports.host})

    with pytest.raises(CannotStart, match=f"needs port {stack.ports.host}, and something listens there already"):
        Stack(tmp_path, ports=taken).__enter__()

    assert not any(answers(port) for port in (ports.blob, ports.smtp, ports.cloud))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_make_run_stays_up_and_ends_on_a_signal_with_no_process_left(tmp_path, number):
    # On the ports of its own documentation, as a user has it; a run that is up already would be in the way.
    if any(answers(port) for port in vars(Ports()).values()):
        pytest.skip("a local run is up on the usual ports")
    log = tmp_path / "run.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "mailer.local", "run"]
        run = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 60
        while "Ctrl-C stops everything" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert log.read_text().count("→ sent") == 2
        pages = {"Console": "7071/api/console", "Templates": "7072", "Inbox": "1080", "Faults": "8444"}
        for name, page in pages.items():
            assert f"{name:10} http://localhost:{page}\n" in log.read_text()
            answer = requests.get(f"http://localhost:{page}", headers={"Accept": "text/html"}, timeout=30)
            assert "<html" in answer.text.lower()
    finally:
        run.send_signal(number)
        run.wait(30)

    assert "Stopped." in log.read_text()
    assert not any(answers(port) for port in vars(Ports()).values())


def test_core_tools_are_used_if_they_are_installed(tmp_path, monkeypatch):
    func = tmp_path / "func"
    func.write_text("#!/bin/sh\n")
    func.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    stack = Stack(tmp_path, ports=Ports.free())

    assert stack.host.command == [str(func), "start", "--port", str(stack.ports.host)]
    assert stack.host.env["MAILER_SENDERS"].endswith("alerts@contoso.com")
