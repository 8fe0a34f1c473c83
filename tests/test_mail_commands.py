"""python -m mailer send, show, health, cancel …: by the URL of an app, and by a person's own rights on the storage."""

import contextlib
import http.server
import json
import os
import pty
import re
import subprocess
import sys
import threading
import time

import pytest

from mailer.local import programs
from mailer.local.cloud.control import Fault
from mailer.local.programs import ROOT
from tests.another_host import another_host
from tests.builders import SOME_ID
from tests.terminal import COMMANDS, by_own_rights, empty_terminal, in_a_process
from tests.terminal import mailer as in_process

MAIL = ("--to", "ada@example.com", "--subject", "Hello", "--text", "Hello, Ada")


@pytest.fixture(autouse=True)
def _empty_terminal(monkeypatch, tmp_path):
    empty_terminal(monkeypatch, tmp_path)


@pytest.fixture(params=["by URL", "by own rights"])
def mailer(request, stack, monkeypatch):
    """A command that reaches the stack in either way."""
    if request.param == "by URL":
        return lambda *arguments: in_process(*arguments, "--url", stack.url)
    return by_own_rights(monkeypatch, stack.settings())


def at_end(stack, mail):
    """The mail's record once nothing more happens to it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        (record,) = in_process("show", mail, "--json", "--url", stack.url).lines
        if record["status"] not in {"queued", "sending"}:
            return record
        time.sleep(0.2)
    return pytest.fail(f"{mail} is still {record['status']}")


# Either way


def test_a_mail_is_sent_and_its_way_is_shown(mailer, stack):
    (receipt,) = mailer("send", *MAIL, "--tag", "flow=checkout", "--priority", "bulk", "--json").lines
    assert at_end(stack, receipt["id"])["status"] == "sent"

    shown = mailer("show", receipt["id"])

    assert (shown.code, shown.err) == (0, "")
    words = shown.out.split()
    assert [word for word in words if word in {"queued", "sending", "sent"}][-3:] == ["queued", "sending", "sent"]
    assert "flow=checkout" in words
    assert "bulk" in words


def test_a_mail_that_waits_is_canceled_and_one_that_was_sent_is_not(mailer, stack):
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    (receipt,) = mailer("send", *MAIL, "--at", soon, "--json").lines
    assert receipt["status"] == "scheduled"

    canceled = mailer("cancel", receipt["id"])
    assert (canceled.code, canceled.out) == (0, "1 mail canceled\n")

    (receipt,) = mailer("send", *MAIL, "--wait", "20", "--json").lines
    refused = mailer("cancel", receipt["id"])
    assert refused.code == 1
    assert "The mail is sent; only one that waits" in refused.err


def test_everything_wrong_with_a_mail_is_told_a_line_each(mailer):
    said = mailer("send", "--to", "ada", "--template", "order-confirmation", "--variables", '{"order": {}}')

    assert said.code == 1
    assert "`to[0]` is not an e-mail address" in said.err.splitlines()[0]
    assert any("order.number" in line for line in said.err.splitlines())


def test_an_unknown_mail_is_one_sentence(mailer):
    said = mailer("show", SOME_ID)

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("There is no mail with this id")


# What a mail is made of


def test_a_mail_is_made_of_files_and_flags(stack, control, tmp_path):
    (tmp_path / "mail.json").write_text(json.dumps({"to": "ada@example.com", "subject": "Old", "text": "Body"}))
    (tmp_path / "a.txt").write_text("attached")
    url = ("--url", stack.url)

    said = in_process("send", "--file", "mail.json", "--subject", "New", "--attach", "a.txt", "--wait", "20", *url)

    assert said.code == 0
    (sent,) = control.mails()
    assert sent.subject == "New"
    assert [file.name for file in sent.attachments] == ["a.txt"]


def test_the_body_comes_from_a_file_or_from_the_standard_input(stack, control, tmp_path):
    (tmp_path / "variables.json").write_text((ROOT / "mailer/templates/order-confirmation/sample.json").read_text())
    order = ("--template", "order-confirmation", "--variables", "@variables.json", "--locale", "fr")
    url = ("--url", stack.url, "--wait", "20")

    assert in_process("send", "--to", "ada@example.com", *order, *url).code == 0
    assert in_a_process("send", "--to", "a@example.com", "--subject", "S", "--text", "-", *url, stdin="piped").code == 0

    bodies = [mail.body for mail in control.mails()]
    assert "commande" in bodies[0]
    assert bodies[1] == "piped"


def test_a_mail_in_doubt_ends_with_1_and_says_what_it_is(stack, control):
    control.fault(Fault(call="sendMail", when="after", outcome="answer", status=504, times=1))

    said = in_process("send", *MAIL, "--wait", "20", "--url", stack.url)

    assert said.code == 1
    assert "uncertain" in said.out
    shown = in_process("show", said.out.split()[0], "--url", stack.url).out
    assert f"Look in Sent Items. If it is not there: python -m mailer replay {said.out.split()[0]}" in shown


# Health


def test_health_is_a_table_for_people_and_a_line_for_scripts(stack, control):
    told = in_process("health", "--url", stack.url)
    (line,) = in_process("health", "--json", "--url", stack.url).lines

    assert told.out.splitlines()[0].split()[:2] == ["part", "status"]
    assert set(line["parts"]) <= {row.split()[0] for row in told.out.splitlines()[1:]}
    assert told.code == (0 if line["status"] == "ok" else 1)


def test_what_does_not_work_ends_with_1_and_the_remedy(stack, monkeypatch):
    told = by_own_rights(monkeypatch, {"AzureWebJobsStorage": stack.storage})("health")

    assert told.code == 1
    assert "MAILER_TENANT_ID is missing" in told.out


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("send", "--file", "nothing.json"), "nothing.json cannot be read"),
        (("send", *MAIL, "--tag", "checkout"), "'checkout' is no tag"),
        (("send", *MAIL, "--variables", "{}"), "give --template ID as well"),
        (("send", "--to", "a@b.de", "--template", "t", "--variables", "{"), "this is no JSON"),
        (("show",), "Missing argument"),
        (("show", SOME_ID, "--url", "http://contoso.com"), "would show the key"),
        (("show", SOME_ID, "--url", "ftp://contoso.com"), "is no address of an app"),
        (("show", SOME_ID, "--url", "https://contoso.com/emails"), "is no address of an app"),
        (("cancel",), "say which"),
        (("completion", "cmd"), "is not one of"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_would_be_right(arguments, words):
    said = in_process(*arguments)

    assert said.code == 2
    assert words in " ".join(said.err.replace("│", " ").split())


@pytest.fixture(scope="module")
def locked(stack, tmp_path_factory):
    """A host that asks for function keys, as Azure does."""
    functions = ["get_email", "get_health"]
    with another_host(stack, tmp_path_factory.mktemp("locked"), functions=functions, keys=True) as (url, key):
        yield url, key


def test_a_key_comes_from_the_environment_or_a_flag_and_is_never_shown(locked, monkeypatch):
    url, key = locked
    by_flag = in_process("show", SOME_ID, "--url", url, "--key", key)
    monkeypatch.setenv("MAILER_KEY", key)
    monkeypatch.setenv("MAILER_URL", url)
    by_environment = in_process("show", SOME_ID)

    for said in (by_flag, by_environment):
        assert said.err.startswith("There is no mail with this id")
        assert key not in said.out + said.err
    assert key not in in_process("show", "--help").out


@pytest.mark.parametrize("key", ["", "not-the-key"])
def test_a_wrong_key_is_one_sentence_with_where_the_right_one_is(locked, key):
    said = in_process("health", "--url", locked[0], "--key", key)

    assert said.code == 1
    assert said.err == (
        "The app does not take this key. Take a function or host key from the portal, and give it as MAILER_KEY.\n"
    )


def test_a_call_that_this_version_of_the_app_does_not_have_is_told(locked):
    url, key = locked

    assert "has that the same version?" in in_process("list", "--url", url, "--key", key).err


def at_a_terminal(*arguments, typed=b"", **environ):
    """What a person sees of a command, who types this."""
    before, after = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "200", **environ}
    env.pop("NO_COLOR", None) if "NO_COLOR" not in environ else None
    command = [sys.executable, "-m", "mailer", *arguments]
    process = subprocess.Popen(command, env=env, stdin=after, stdout=after, stderr=after)
    os.close(after)
    seen = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while piece := os.read(before, 4096):
            seen += piece
            if typed and seen.endswith(b": "):
                os.write(before, typed)
                typed = b""
    os.close(before)
    return process.wait(30), seen.decode()


def test_a_key_is_asked_for_at_a_terminal_and_not_shown(locked):
    url, key = locked

    code, seen = at_a_terminal("show", SOME_ID, "--url", url, typed=f"{key}\n".encode())

    assert code == 1
    assert f"Function key of {url}" in seen
    assert "There is no mail with this id" in seen
    assert key not in seen


def test_colour_is_for_terminals_that_want_it(stack):
    _, colourful = at_a_terminal("health", "--url", stack.url)
    _, plain = at_a_terminal("health", "--url", stack.url, NO_COLOR="1")

    assert "\x1b[32mok" in colourful
    assert "\x1b[3" not in plain
    assert "\x1b" not in in_a_process("health", "--url", stack.url).out


def test_a_narrow_terminal_breaks_no_id(stack):
    mail = in_process("send", *MAIL, "--tag", "flow=a-rather-long-one", "--json", "--url", stack.url).lines[0]["id"]

    _, seen = at_a_terminal("list", "--limit", "1", "--tag", "flow=a-rather-long-one", "--url", stack.url, COLUMNS="90")

    assert mail in seen
    assert max(len(line) for line in re.sub(r"\x1b\[[0-9;]*m", "", seen).splitlines()) <= 90


def test_progress_is_lines_in_a_pipe_and_at_the_end_there_is_the_number(stack):
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    url = ("--url", stack.url)
    ids = [in_process("send", *MAIL, "--at", soon, "--json", *url).lines[0]["id"] for _ in range(21)]

    said = in_a_process("cancel", *ids, "--yes", *url)

    assert said.out == "21 mails canceled\n"
    assert said.err.splitlines() == ["21 mails to cancel.", "cancel: 10 of 21", "cancel: 20 of 21"]
    assert "\r" not in said.out + said.err


def test_an_app_that_wants_a_person_to_sign_in_is_told_so_and_gets_no_key_elsewhere():
    asked = []

    class SignIn(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), SignIn) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        said = in_process("show", SOME_ID, "--url", f"http://127.0.0.1:{server.server_port}", "--key", "k")
        server.shutdown()

    assert "wants somebody to sign in (302)" in said.err
    assert asked == [f"/api/emails/{SOME_ID}"]


def test_no_app_at_the_address_is_one_sentence():
    (port,) = programs.free_ports(1)

    said = in_process("health", "--url", f"http://127.0.0.1:{port}")

    assert said.code == 1
    assert said.err == (
        f"The app at http://127.0.0.1:{port} cannot be reached (Connection refused). Is the address right?\n"
    )


def test_no_storage_account_is_told_with_what_to_do(monkeypatch):
    (port,) = programs.free_ports(1)
    gone = f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;TableEndpoint=http://127.0.0.1:{port}/a"
    gone += f";QueueEndpoint=http://127.0.0.1:{port}/a;BlobEndpoint=http://127.0.0.1:{port}/a"

    said = by_own_rights(monkeypatch, {"AzureWebJobsStorage": gone})("show", SOME_ID)

    assert said.code == 1
    assert "Are the storage account's name and network right?" in said.err
    assert len(said.err.splitlines()) == 1


def test_nobody_signed_in_is_told_with_what_to_do(monkeypatch):
    settings = {"AzureWebJobsStorage__accountName": "nobodysaccount", "PATH": "/nowhere"}
    said = by_own_rights(monkeypatch, settings)("show", SOME_ID)

    assert said.code == 1
    assert "`az login`" in said.err
    assert len(said.err.splitlines()) == 1


def test_a_missing_setting_is_named_and_one_that_is_not_used_is_not(monkeypatch):
    said = by_own_rights(monkeypatch, {})("show", SOME_ID)

    assert said.code == 1
    assert "MailerStorage" in said.err
    assert "MAILER_TENANT_ID" not in said.err


@pytest.mark.parametrize("command", [("list",), ("failures",), ("cancel", SOME_ID), ("replay", "--code", "E")])
def test_what_looks_at_mails_or_changes_them_needs_the_storage_account_alone(stack, command, monkeypatch):
    said = by_own_rights(monkeypatch, {"AzureWebJobsStorage": stack.storage})(*command)

    assert not re.search(r"MAILER_\w+ is (missing|wrong)", said.out + said.err)
    assert said.code == (1 if SOME_ID in command else 0)


def test_local_settings_that_are_no_json_are_told(tmp_path):
    (tmp_path / "local.settings.json").write_text("{")

    said = in_process("health", "--url", "http://127.0.0.1:1")

    assert said.code == 1
    assert said.err.startswith("local.settings.json cannot be read")


# The shell


def test_the_version_is_that_of_the_project():
    assert f'version = "{in_process("--version").out.split()[1]}"' in (ROOT / "pyproject.toml").read_text()


def test_bash_completes_commands_and_flags_of_the_short_name():
    script = f"""eval "$({sys.executable} -m mailer completion bash)"
    COMP_WORDS=(mailer hea) COMP_CWORD=1; _mailer_completion mailer; echo "${{COMPREPLY[@]}}"
    COMP_WORDS=(mailer show --js) COMP_CWORD=2; _mailer_completion mailer; echo "${{COMPREPLY[@]}}"
    mailer --version"""

    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.splitlines()[:2] == ["health", "--json"]
    assert done.stdout.splitlines()[2].startswith("mailer ")


def test_help_tells_the_exit_codes_and_every_command_has_examples():
    assert "0 all well, 1 something failed, 2 wrong use" in in_process("--help").out
    for name in set(COMMANDS) - {"templates"}:
        assert f"mailer {name}" in in_process(name, "--help").out.partition("Examples:")[2], name
