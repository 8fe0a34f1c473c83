"""All commands under one name. Exit codes: 0 all well, 1 something failed, 2 wrong use."""

import json
import logging
import os
from pathlib import Path

import typer

from mailer.cli import doctor, replay, rotate, send_test, setup, teardown, templates
from mailer.errors import ConfigError, MailerError

LOCAL_SETTINGS = Path("local.settings.json")

# The SDKs log what the commands say in words of their own.
logging.getLogger("azure").setLevel(logging.CRITICAL)

# Nothing here may show a value that a program held when it failed: some are secret.
app = typer.Typer(pretty_exceptions_enable=False, add_completion=False, help="What people do with mailer.")
app.command("setup")(setup.setup)
app.command("rotate")(rotate.rotate)
app.command("teardown")(teardown.teardown)
app.command("doctor")(doctor.doctor)
app.command("send-test")(send_test.send_test)
app.command("replay")(replay.replay)
app.add_typer(templates.app, name="templates")


@app.callback()
def read_local_settings() -> None:
    """Reads the app settings from the environment, and from local.settings.json what is not there."""
    if LOCAL_SETTINGS.exists():
        for name, value in json.loads(LOCAL_SETTINGS.read_text()).get("Values", {}).items():
            os.environ.setdefault(name, str(value))  # the environment wins, as it does for Core Tools


def main() -> int:
    """0, or 1 with the reason; wrong use ends by SystemExit."""
    try:
        app(prog_name="python -m mailer")
    except (ConfigError, MailerError, ValueError) as reason:
        typer.echo(reason, err=True)
        return 1
    return 0
