"""python -m mailer replay: send failed or uncertain mails again, chosen by error code and time.

Reads the app settings from the environment, and from local.settings.json what is not there.
"""

import argparse
import json
import os
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from mailer import wiring
from mailer.amend import REPLAYABLE
from mailer.errors import ConfigError, MailerError
from mailer.lifecycle import MailRecord, Status
from mailer.settings import read_duration


def main() -> int:
    """0, or 1 with the reason."""
    parser = argparse.ArgumentParser(prog="python -m mailer", description="What an operator does with mailer.")
    command = parser.add_subparsers(required=True, metavar="COMMAND").add_parser(
        "replay",
        help="send failed or uncertain mails again",
        description="Lists the mails that would be sent again; --yes sends them, each under its own id.",
    )
    command.add_argument("--code", help="only mails with this error code, such as ErrorAccessDenied")
    command.add_argument("--since", default="24h", help="accepted since: 30m, 24h, 7d, or an ISO 8601 instant (24h)")
    command.add_argument("--status", choices=REPLAYABLE, help="only this status (failed and uncertain)")
    command.add_argument("--yes", action="store_true", help="do it; without this, nothing is sent")
    wishes = parser.parse_args()
    try:
        _read_local_settings(Path("local.settings.json"))
        statuses = (Status(wishes.status),) if wishes.status else REPLAYABLE
        found = wiring.ledger().found(code=wishes.code, since=_instant(wishes.since), statuses=statuses)
        return _replay(list(found), really=wishes.yes)
    except (ConfigError, MailerError, ValueError) as reason:
        print(reason, file=sys.stderr)
        return 1


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
