"""The commands as a person or a script runs them, in this process, against the local cloud."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from typer.testing import CliRunner

from mailer.cli.app import FAILURES, app, in_words
from mailer.local import az
from mailer.local.cloud import seed
from mailer.local.programs import ROOT
from tests.anew import start_anew
from tests.app import without_settings

COMMANDS = ["send", "show", "list", "failures", "replay", "retry", "cancel", "release", "suppress", "health", "console"]
COMMANDS += ["setup", "rotate", "teardown", "doctor", "send-test", "templates", "completion"]


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def line(self, name):
        """The last line of a step or check."""
        return [line for line in self.lines if name in (line.get("step"), line.get("check"))][-1]

    @property
    def statuses(self):
        return {line.get("step") or line["check"]: line["status"] for line in self.lines}


def mailer(*arguments):
    """One command; what it read from local.settings.json is forgotten, as it would be with its process."""
    before = dict(os.environ)
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="python -m mailer")
    for name in set(os.environ) - set(before):
        del os.environ[name]
    if isinstance(done.exception, FAILURES):
        return Said(1, done.stdout, f"{done.stderr}{in_words(done.exception)}\n")
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.stdout, done.stderr)


def by_own_rights(monkeypatch, settings):
    """The same by somebody who has these settings of the app and gives no URL: through its doors, begun anew."""
    start_anew()
    for name, text in settings.items():
        monkeypatch.setenv(name, text)
    return mailer


def in_a_process(*arguments, stdin="", **environ):
    """One command as a shell starts it; nobody sits at a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "mailer", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def empty_terminal(monkeypatch, folder):
    """A terminal in this folder that knows nothing of any app."""
    without_settings(monkeypatch)
    monkeypatch.chdir(folder)


def open_terminal(monkeypatch, cloud, folder, **settings):
    """A terminal in an empty folder: az is signed in to the local cloud, and the settings say where that is."""
    home = folder / "home"
    home.mkdir()
    empty_terminal(monkeypatch, home)
    tools = az.write(folder / "bin").parent
    known = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        az.CLOUD: cloud.url,
        "REQUESTS_CA_BUNDLE": cloud.ca,
        "MAILER_TENANT_ID": seed.TENANT,
        "MAILER_AUTHORITY_HOST": cloud.url,
        "MAILER_GRAPH_URL": cloud.url,
        "MAILER_KEY_VAULT_URL": cloud.url,
    }
    for name, text in {**known, **settings}.items():
        monkeypatch.setenv(name, text)
