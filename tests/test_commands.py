"""python -m mailer: its commands, and what they need."""

import subprocess
import sys

import pytest

from mailer.local.programs import ROOT
from tests.terminal import COMMANDS, mailer


def test_help_names_every_command():
    assert [name for name in COMMANDS if f" {name} " not in mailer("--help").out] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    assert mailer(name, "--help").code == 0


@pytest.mark.parametrize("arguments", [[], ["unheard-of"]])
def test_wrong_use_ends_with_2(arguments):
    assert mailer(*arguments).code == 2


@pytest.mark.parametrize(
    ("flag", "arguments"),
    [
        ("--to", ["doctor", "--to", "ada@example.com, grace@example.com"]),
        ("--not", ["doctor", "--not", "ceo"]),
        ("--to", ["send-test", "--delegated", "--to", "nobody"]),
        ("--as", ["send-test", "--delegated", "--to", "ada@example.com", "--as", "shop"]),
    ],
)
def test_what_is_no_address_is_wrong_use_before_anybody_signs_in(flag, arguments):
    done = mailer(*arguments)

    assert done.code == 2
    assert f"Invalid value for {flag}" in done.err
    assert "is no mailbox" in done.err


def test_rotate_names_no_flag_that_it_does_not_have(monkeypatch):
    monkeypatch.delenv("MAILER_KEY_VAULT_URL", raising=False)

    done = mailer("rotate")

    assert done.code == 2
    assert "--vault" in done.err
    assert "federated" not in done.err


def test_a_missing_package_is_one_sentence_with_the_command_that_brings_it(tmp_path):
    """In a Python that finds the app's code, and none of anybody else's packages."""
    command = [sys.executable, "-S", "-m", "mailer", "doctor"]

    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=30
    )

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "typer and rich" in line
    assert "pip install -r requirements-cli.txt" in line


def test_the_packages_of_the_commands_are_none_of_the_deployed_apps():
    deployed = (ROOT / "requirements.txt").read_text()
    people = (ROOT / "requirements-cli.txt").read_text()

    assert "typer" not in deployed
    assert "-r requirements.txt" in people
    assert "typer" in people


def test_wrong_settings_are_one_sentence(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "mailer", "replay"]

    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=30
    )

    assert done.returncode == 1
    assert "MailerStorage is wrong (nothing is set)" in done.stderr
    assert "Traceback" not in done.stderr
