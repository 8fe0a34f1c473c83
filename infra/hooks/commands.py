"""What the hooks of azd run, and how they ask. Standard library only."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAILER = [sys.executable, "-m", "mailer"]


def setup_command(environ: Mapping[str, str], settings: Path) -> list[str]:
    """`setup` for this deployment: the mailboxes of MAILER_SENDERS and no others."""
    senders = re.findall(r"[^\s<>,]+@[^\s<>,]+", environ.get("MAILER_SENDERS", ""))
    auth = environ.get("MAILER_AUTH") or "secret"
    identity = ["--identity", environ["IDENTITY_PRINCIPAL_ID"]] if auth == "federated" else []
    # By browser, for the tokens of az cannot give roles in Exchange.
    scope = ["--scope", "mailboxes", *senders, "--sign-in", "browser"]
    return [*MAILER, "setup", *scope, "--auth", auth, *identity, "--write", str(settings)]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings of the deployed app, as far as a command on this machine needs them."""
    values = dict(environ)
    values.setdefault("MAILER_TENANT_ID", environ.get("AZURE_TENANT_ID", ""))
    if account := environ.get("STORAGE_ACCOUNT_NAME"):
        values["MailerStorage__accountName"] = account
    return {name: value for name, value in values.items() if value}


def agreed(question: str) -> bool:
    """Whether a person at the terminal says yes; nobody there is a no."""
    if not sys.stdin.isatty():
        return False
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def run(command: list[str], environ: Mapping[str, str]) -> bool:
    """Run a command in the project's folder; whether it ended well."""
    print(f"> {shown(command)}", flush=True)
    return subprocess.run(command, cwd=ROOT, env=dict(environ), check=False).returncode == 0  # noqa: S603 - a command of our own, without a shell


def shown(command: list[str]) -> str:
    """A command as a person would type it."""
    return " ".join(["python", *command[1:]] if command[0] == sys.executable else command)


def this_environment() -> dict[str, str]:
    """What azd gives its hooks: the values of its environment."""
    return environment(os.environ)
