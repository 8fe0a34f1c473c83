"""The API's description: made of routes and models, true to what runs, and good enough to make a client of."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from mailer.doors import answers, failure_answers
from mailer.doors.door import ROUTES
from mailer.doors.openapi import description
from mailer.doors.replies import STATUS_BY_CODE
from mailer.doors.shapes import SHAPES
from mailer.local.programs import ROOT
from tests.operating import got, posted

# Calls for a browser, which take and give pages.
PAGES = {"get_console", "get_console_file", "get_openapi"}
# Codes that no call answers with as a whole: a record shows them, or a batch's answer for one of its mails.
LATER = {
    "not_finished",
    "attachment_changed",
    "gate_blocked",
    "recipient_not_allowed",
    "record_mismatch",
    "content_missing",
}


@pytest.fixture(scope="module")
def described():
    importlib.import_module("function_app")
    return description()


def parts_of(schema):
    """Every object in a description."""
    if isinstance(schema, dict):
        yield schema
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from parts_of(part)


def test_every_call_is_described(described):
    operations = {operation["operationId"] for path in described["paths"].values() for operation in path.values()}

    assert operations == {route.function for route in ROUTES} - PAGES
    assert operations <= SHAPES.keys()


def test_an_optional_member_is_no_union_with_null(described):
    assert not [part for part in parts_of(described) if {"type": "null"} in part.get("anyOf", part.get("oneOf", ()))]


def test_every_reference_leads_somewhere_and_every_schema_is_used(described):
    text = json.dumps(described)

    references = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert references == set(described["components"]["schemas"])


def test_every_error_has_its_codes(described):
    """Each code that the program writes somewhere on the way of a call stands with a call, or is told of a mail."""
    told = {
        code
        for path in described["paths"].values()
        for operation in path.values()
        for response in operation["responses"].values()
        for code in response.get("x-error-codes", ())
    }
    rooms = ("request", "templating", "callers", "storage")
    files = [path for room in rooms for path in (ROOT / "mailer" / room).rglob("*.py")]
    files += [
        ROOT / "mailer/errors.py",
        *(ROOT / "mailer/delivery").glob("[abc]*.py"),
        ROOT / "mailer/doors/replies.py",
    ]
    written = {code for path in files for code in re.findall(r'code(?:=| = |: str = )"([a-z_]+)"', path.read_text())}
    outcomes = {"configuration_error", "setting_wrong", "internal_error", "unexpected_error"}

    assert {"validation_error", "template_failed", "storage_unavailable", "wrong_status"} <= written
    assert written - told - LATER <= outcomes
    assert {code for code in STATUS_BY_CODE if code not in told} == set()


CALLS = {
    "emails": answers.Mails,
    "failures": failure_answers.Failures,
    "templates": answers.Templates,
    "templates/order-confirmation": answers.Template,
    "health": answers.Health,
}


@pytest.mark.parametrize("path", CALLS)
def test_an_answer_has_what_its_model_says_and_no_more(stack, path):
    posted(stack, priority="urgent")

    CALLS[path].model_validate_json(json.dumps(got(stack, path)))


def test_the_answers_to_requests_have_what_their_models_say_and_no_more(stack):
    def answer(method, path, content, *, status):
        reply = requests.request(method, f"{stack.url}/{path}", json=content, timeout=30)
        assert reply.status_code == status
        return reply.text

    mail = {"to": "ada@example.com", "subject": "s", "text": "t"}
    receipt = answers.Receipt.model_validate_json(answer("POST", "emails", mail, status=202))
    answers.Mail.model_validate_json(answer("GET", f"emails/{receipt.id}", None, status=200))
    batch = answer("POST", "emails/batch", [mail, {}, {"to": 7, "from": 7, "subject": "s", "text": "t"}], status=202)
    answers.BatchAnswer.model_validate_json(batch)
    answers.Error.model_validate_json(answer("POST", "emails", {"to": "a", "x": 1}, status=400))
    answers.Error.model_validate_json(answer("POST", "emails", mail | {"from": "a@b.com"}, status=422))
    failure_answers.CauseAnswer.model_validate_json(answer("POST", "failures/none/replay", {}, status=200))
    answers.Preview.model_validate_json(answer("POST", "templates/order-confirmation/preview", {}, status=200))


@pytest.fixture(scope="module")
def generator():
    """The folder of openapi-python-client, which lies beside the environment; it is filled once."""
    folder, wanted = Path(sys.prefix) / "made-client", ROOT / "tests/made_client/requirements.txt"
    if not (folder / "done").is_file() or (folder / "done").read_text() != wanted.read_text():
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--upgrade", "--target", folder]
        subprocess.run([*command, "-r", wanted], check=True, timeout=100)
        (folder / "done").write_text(wanted.read_text())
    return folder


SENDS = """
import time, sys
from made_client import Client
from made_client.api.emails import get_email, post_email
from made_client.models import MailRequest

with Client(base_url=sys.argv[1]) as client:
    request = MailRequest(to=["Ada <ada@example.com>"], subject="Hello", text="Hello, Ada", priority="urgent")
    receipt = post_email.sync(client=client, body=request)
    deadline = time.monotonic() + 30
    while (mail := get_email.sync(receipt.id, client=client)).status != "sent" and time.monotonic() < deadline:
        time.sleep(0.2)
print(mail.id == receipt.id, mail.status, mail.from_)
"""


def test_a_client_made_of_the_description_sends_a_mail(stack, described, generator, tmp_path):
    (tmp_path / "openapi.json").write_text(json.dumps(described))
    (tmp_path / "config.yaml").write_text("post_hooks: []\n")

    def run(*arguments):
        environ = {**os.environ, "PYTHONPATH": f"{generator}{os.pathsep}{tmp_path}", "NO_PROXY": "localhost"}
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=True
        )

    flags = ["--path", "openapi.json", "--config", "config.yaml", "--meta", "none", "--output-path", "made_client"]
    run("-m", "openapi_python_client", "generate", *flags, "--fail-on-warning")

    assert run("-c", SENDS, stack.url).stdout.split() == ["True", "sent", "shop@contoso.com"]
