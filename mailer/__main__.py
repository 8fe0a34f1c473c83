"""python -m mailer replay | templates: send mails again, show or check the templates.

Reads the app settings from the environment, and from local.settings.json what is not there.
"""

import argparse
import importlib.util
import json
import os
import runpy
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mailer import wiring
from mailer.delivery.record import MailRecord, Status
from mailer.errors import ConfigError, MailerError
from mailer.settings import PACKAGED_TEMPLATES, read_duration

REPLAYABLE = [status for status in Status if status.replayable]

if TYPE_CHECKING:
    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - its only name


def main() -> int:
    """0, or 1 with the reason."""
    parser = argparse.ArgumentParser(prog="python -m mailer", description="What an operator does with mailer.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_replay(commands)
    _add_templates(commands)
    wishes = parser.parse_args()
    try:
        _read_local_settings(Path("local.settings.json"))
        return int(wishes.run(wishes))
    except (ConfigError, MailerError, ValueError) as reason:
        print(reason, file=sys.stderr)
        return 1


def _add_replay(commands: "Commands") -> None:
    command = commands.add_parser(
        "replay",
        help="send failed or uncertain mails again",
        description="Lists the mails that would be sent again; --yes sends them, each under its own id.",
    )
    command.add_argument("--code", help="only mails with this error code, such as ErrorAccessDenied")
    command.add_argument("--since", default="24h", help="accepted since: 30m, 24h, 7d, or an ISO 8601 instant (24h)")
    command.add_argument("--status", choices=REPLAYABLE, help="only this status (failed and uncertain)")
    command.add_argument("--yes", action="store_true", help="do it; without this, nothing is sent")
    command.set_defaults(run=_find_and_replay)


def _add_templates(commands: "Commands") -> None:
    command = commands.add_parser(
        "templates",
        help="show the templates in a browser, or check them",
        description="Shows every template in every language, and again when a file is saved; needs no settings.",
    )
    command.add_argument("--port", default="7072", help="where the page is, on this machine only (7072)")
    command.add_argument("--no-browser", action="store_true", help="open no browser")
    command.set_defaults(run=_show_templates, folder=None)
    check = command.add_subparsers(metavar="[check]").add_parser(
        "check",
        help="name all that is wrong with the templates",
        description="Renders every template in every language with its sample. Names every fault; 1 if there is one.",
    )
    check.add_argument("folder", nargs="?", type=Path, help="MAILER_TEMPLATES, else the templates of this app")
    check.set_defaults(run=_check_templates)


def _show_templates(wishes: argparse.Namespace) -> int:
    needed = ("mailer.local", "starlette", "uvicorn", "watchfiles")
    if not all(importlib.util.find_spec(package) for package in needed):
        message = (
            "The page needs the development packages, which are not installed here: start it with `make templates`, "
            "or first run pip install -r mailer/local/requirements.txt."
        )
        raise ValueError(message)
    options = ["--port", wishes.port, *(["--no-browser"] if wishes.no_browser else [])]
    sys.argv = ["python -m mailer templates", *options, str(_template_folder())]
    runpy.run_module("mailer.local.desk", run_name="__main__")
    return 0


def _check_templates(wishes: argparse.Namespace) -> int:
    from mailer.templating.lint.check import check

    folder = wishes.folder or _template_folder()
    faults = check(folder)
    for fault in faults:
        print(fault)
    print(f"{folder}: {len(faults) or 'no'} fault{'s' if len(faults) != 1 else ''}")
    return 1 if faults else 0


def _template_folder() -> Path:
    """The folder of the settings; the app's own where they name none, or a container."""
    from mailer.templating.templates import PACKAGED

    place = os.environ.get("MAILER_TEMPLATES", "").strip()
    if place in {"", PACKAGED_TEMPLATES} or "://" in place:
        return PACKAGED
    folder = Path(__file__).parents[1] / place
    if not folder.is_dir():
        message = f"MAILER_TEMPLATES is wrong: there is no folder {place}. It holds a folder or a container's URL."
        raise ConfigError([message])
    return folder


def _find_and_replay(wishes: argparse.Namespace) -> int:
    statuses = (Status(wishes.status),) if wishes.status else REPLAYABLE
    found = wiring.ledger().found(code=wishes.code, since=_instant(wishes.since), statuses=statuses)
    return _replay(list(found), really=wishes.yes)


def _replay(records: list[MailRecord], *, really: bool) -> int:
    for record in records:
        print(f"{record.id}  {record.status:9}  {record.error_code:24}  {record.template or ''}")
    causes = Counter(record.error_code for record in records)
    print(f"{len(records)} mails: " + (", ".join(f"{count} {code}" for code, count in causes.items()) or "none"))
    if not really:
        print("Nothing was sent. --yes sends them again." if records else "")
        return 0
    failed = 0
    for number, record in enumerate(records, 1):
        try:
            wiring.amendment().replay(record.id)
        except MailerError as reason:
            failed += 1
            print(f"\n{record.id}: {reason}", file=sys.stderr)
        print(f"\r{number} of {len(records)} queued again", end="", flush=True)
    print()
    return 1 if failed else 0


def _instant(text: str) -> datetime:
    try:
        return datetime.now(UTC) - read_duration(text)
    except ValueError:
        instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _read_local_settings(file: Path) -> None:
    """The environment wins, as it does for Core Tools."""
    if file.exists():
        for name, value in json.loads(file.read_text()).get("Values", {}).items():
            os.environ.setdefault(name, str(value))


if __name__ == "__main__":
    sys.exit(main())
