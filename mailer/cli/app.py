"""All commands under one name. Exit codes: 0 all well, 1 something failed, 2 wrong use."""

import json
import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import mailer
from mailer.cli import (
    callers,
    cancel,
    completion,
    console,
    doctor,
    failures,
    health,
    listing,
    release,
    replay,
    retry,
    rotate,
    send,
    send_test,
    setup,
    show,
    suppress,
    teardown,
    templates,
)
from mailer.errors import ConfigError, MailerError

LOCAL_SETTINGS = Path("local.settings.json")
NAME = "python -m mailer"

# The SDKs log what the commands say in words of their own.
logging.getLogger("azure").setLevel(logging.CRITICAL)

# Nothing here may show a value that a program held when it failed: some are secret.
app = typer.Typer(
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    help="What people do with mailer.",
    epilog="Exit codes: 0 all well, 1 something failed, 2 wrong use.",
)
MAILS = "Mails"
MAILER = "mailer itself"
app.command("send", rich_help_panel=MAILS, epilog=send.EXAMPLES)(send.send)
app.command("show", rich_help_panel=MAILS, epilog=show.EXAMPLES)(show.show)
app.command("list", rich_help_panel=MAILS, epilog=listing.EXAMPLES)(listing.list_mails)
app.command("failures", rich_help_panel=MAILS, epilog=failures.EXAMPLES)(failures.failures)
app.command("replay", rich_help_panel=MAILS, epilog=replay.EXAMPLES)(replay.replay)
app.command("retry", rich_help_panel=MAILS, epilog=retry.EXAMPLES)(retry.retry)
app.command("cancel", rich_help_panel=MAILS, epilog=cancel.EXAMPLES)(cancel.cancel)
app.command("release", rich_help_panel=MAILS, epilog=release.EXAMPLES)(release.release)
app.command("suppress", rich_help_panel=MAILS, epilog=suppress.EXAMPLES)(suppress.suppress)
app.command("health", rich_help_panel=MAILER, epilog=health.EXAMPLES)(health.health)
app.command("console", rich_help_panel=MAILER, epilog=console.EXAMPLES)(console.console)
app.add_typer(callers.app, name="callers", rich_help_panel=MAILER)
app.add_typer(templates.app, name="templates", rich_help_panel=MAILER)
app.command("doctor", rich_help_panel=MAILER, epilog=doctor.EXAMPLES)(doctor.doctor)
app.command("setup", rich_help_panel=MAILER, epilog=setup.EXAMPLES)(setup.setup)
app.command("rotate", rich_help_panel=MAILER, epilog=rotate.EXAMPLES)(rotate.rotate)
app.command("teardown", rich_help_panel=MAILER, epilog=teardown.EXAMPLES)(teardown.teardown)
app.command("send-test", rich_help_panel=MAILER, epilog=send_test.EXAMPLES)(send_test.send_test)
app.command("completion", rich_help_panel=MAILER, epilog=completion.EXAMPLES)(completion.completion)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mailer {mailer.__version__}")
        raise typer.Exit


@app.callback()
def read_local_settings(
    *,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="show the version")
    ] = False,
) -> None:
    """Reads the app settings from the environment, and from local.settings.json what is not there."""
    if LOCAL_SETTINGS.exists():
        try:
            values = json.loads(LOCAL_SETTINGS.read_text(encoding="utf-8-sig")).get("Values", {})
        except (ValueError, AttributeError, OSError) as error:
            message = f"{LOCAL_SETTINGS} cannot be read ({error}). Mend it, or run this in another folder."
            raise ConfigError([message]) from error
        for name, value in values.items():
            os.environ.setdefault(name, str(value))  # the environment wins, as it does for Core Tools


FAILURES = (ConfigError, MailerError, ValueError)


def in_words(failure: Exception) -> str:
    """What failed, a line for each thing that is wrong."""
    return "\n".join(failure.problems) if isinstance(failure, ConfigError) else str(failure)


def main() -> int:
    """0, or 1 with the reason; wrong use ends by SystemExit."""
    try:
        if completion.VARIABLE in os.environ:
            completion.answer(app)
        app(prog_name=NAME)
    except FAILURES as failure:
        typer.echo(in_words(failure), err=True)
        return 1
    except BrokenPipeError:  # what reads the output, such as `head`, has seen enough
        sys.stderr.close()
        return 0
    return 0
