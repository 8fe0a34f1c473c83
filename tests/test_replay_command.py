"""python -m mailer replay: many mails at once, and nothing before --yes."""

import os
import subprocess
import sys
import time

import pytest
import requests

from mailer.local.cloud.control import Control, Fault
from mailer.local.programs import ROOT


@pytest.fixture
def control(stack):
    made = Control(f"https://localhost:{stack.ports.cloud}", stack.folder / "ca.pem")
    made.reset()
    yield made
    made.reset()


def posted(stack, **changes):
    request = {"to": "ada@example.com", "subject": "Hello", "text": "Hello", **changes}
    return requests.post(f"{stack.url}/emails", json=request, timeout=60, headers={"Prefer": "wait=20"}).json()


def status(stack, mail):
    return requests.get(f"{stack.url}/emails/{mail}", timeout=30).json()["status"]


def replay(stack, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "mailer", "replay", *arguments],
        cwd=ROOT,
        env={**os.environ, **stack.settings()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def until(expected, look):
    deadline = time.monotonic() + 30
    while look() != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    assert look() == expected


@pytest.fixture
def failed(stack, control):
    control.fault(Fault(call="sendMail", outcome="answer", status=400, code="ErrorInvalidRecipients", times=2))
    mails = [posted(stack) for _ in range(2)]
    assert [mail["status"] for mail in mails] == ["failed", "failed"]
    return [mail["id"] for mail in mails]


def test_without_yes_it_lists_the_mails_and_sends_none(stack, failed):
    told = replay(stack, "--code", "ErrorInvalidRecipients", "--since", "5m")

    assert all(mail in told for mail in failed)
    assert "Nothing was sent" in told
    assert [status(stack, mail) for mail in failed] == ["failed", "failed"]
    replay(stack, "--code", "ErrorInvalidRecipients", "--since", "5m", "--yes")
    until(["sent", "sent"], lambda: [status(stack, mail) for mail in failed])


@pytest.mark.usefixtures("failed")
def test_a_code_chooses(stack):
    assert "0 mails: none" in replay(stack, "--code", "ErrorVirusDetected")
    replay(stack, "--yes")


def test_one_mail_is_replayed_canceled_and_moved_over_http(stack, control):
    control.fault(Fault(call="sendMail", when="after", outcome="answer", status=504, times=1))
    doubtful = posted(stack)
    assert doubtful["status"] == "uncertain"

    assert requests.post(f"{stack.url}/emails/{doubtful['id']}/replay", timeout=30).status_code == 202
    until("sent", lambda: status(stack, doubtful["id"]))
    assert requests.post(f"{stack.url}/emails/{doubtful['id']}/cancel", timeout=30).status_code == 409

    later = posted(stack, scheduled_at="2099-01-01T00:00:00Z")
    assert later["error"]["details"][0]["target"] == "scheduled_at"
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    mail = posted(stack, scheduled_at=soon)
    assert mail["status"] == "scheduled"
    url = f"{stack.url}/emails/{mail['id']}"
    bad = requests.patch(url, json={"scheduled_at": "tomorrow"}, timeout=30)
    assert (bad.status_code, bad.json()["error"]["target"]) == (400, "scheduled_at")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert requests.patch(url, json={"scheduled_at": now}, timeout=30).status_code == 200
    until("sent", lambda: status(stack, mail["id"]))

    another = posted(stack, scheduled_at=soon)["id"]
    assert requests.post(f"{stack.url}/emails/{another}/cancel", timeout=30).json()["status"] == "canceled"
    assert requests.post(f"{stack.url}/emails/{another}/replay", timeout=30).status_code == 409
