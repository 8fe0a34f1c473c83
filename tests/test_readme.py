"""The README tells the truth: its commands are run, its answers compared, its settings those of the code."""

import itertools
import json
import re
import subprocess
import time
from dataclasses import fields

import pytest

from mailer.local.programs import ROOT
from mailer.local.stack import EXAMPLE
from mailer.settings import Settings, read_settings

README = (ROOT / "README.md").read_text()


def blocks(page):
    return re.findall(r"```(\w*)\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


BLOCKS = blocks("README.md")
ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def calls(page="README.md"):
    """Each curl command with the answer that stands below it."""
    pairs = itertools.pairwise(blocks(page))
    return [(text, json.loads(answer)) for (kind, text), (_, answer) in pairs if kind == "sh" and "curl" in text]


def run(command, stack):
    local = command.replace("http://localhost:7071/api", stack.url)
    done = subprocess.run(["bash", "-c", local], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def likened(answer):
    """An answer without what differs from run to run."""
    text = re.sub(ID, "ID", json.dumps(answer))
    text = re.sub(r'"([0-9a-f]{16}|[0-9a-f]{64})"', '"HASH"', text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", "INSTANT", text)
    return json.loads(re.sub(r'("error": \{"code": "\w+", "message": )".*?(?<!\\)"', r'\1"…"', text))


@pytest.fixture(scope="module")
def posted(stack):
    return run(calls()[0][0], stack)


def test_the_first_request_gets_the_answer_shown(posted):
    assert likened(posted) == likened(calls()[0][1])


def test_the_record_is_as_shown(posted, stack):
    command, shown = calls()[1]
    command = re.sub(ID, posted["id"], command)

    record = run(command, stack)
    deadline = time.monotonic() + 30
    while record["status"] != "sent" and time.monotonic() < deadline:
        time.sleep(0.2)
        record = run(command, stack)

    assert likened(record) == likened(shown)


def test_a_bad_request_gets_the_answer_shown(stack):
    command, shown = calls("docs/api.md")[0]

    assert likened(run(command, stack)) == likened(shown)


def test_the_queue_example_is_sent_and_named_in_the_log(posted, stack):
    code = next(text for kind, text in BLOCKS if kind == "python").replace("UseDevelopmentStorage=true", stack.storage)
    shown = next(text for kind, text in BLOCKS if text.startswith("mail_sent"))
    line = re.sub(ID, ID, re.escape(shown.strip()).replace("\\-", "-"))

    exec(code, {})

    deadline = time.monotonic() + 30
    while len(re.findall(line, stack.host.log.read_text())) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    others = set(re.findall(line, stack.host.log.read_text())) - {f"mail_sent id={posted['id']} attempt=1"}
    assert others


def test_the_settings_table_is_that_of_the_code():
    section = (ROOT / "docs/settings.md").read_text().partition("# Settings")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", section, re.MULTILINE)

    defaults = {"MailerStorage": "`AzureWebJobsStorage`"}
    for known in fields(Settings):
        setting = known.metadata
        shown = (
            "none" if setting["default"] is None else f"`{setting['default']}`" if setting["default"] else "required"
        )
        defaults.setdefault(setting["name"], shown)

    assert rows == [(f.metadata["name"], defaults[f.metadata["name"]], f.metadata["meaning"]) for f in fields(Settings)]


def test_the_example_settings_are_complete_and_valid():
    values = json.loads(EXAMPLE.read_text())["Values"]

    read_settings(values)

    assert {f.metadata["name"] for f in fields(Settings)} - set(values) == {"MailerStorage"}


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"\bmake ([a-z]+)\b", "".join(text for kind, text in BLOCKS if kind == "sh"))) <= targets
    assert set(re.findall(r"`make ([a-z-]+)`", README)) <= targets
