"""Send failed or uncertain mails again."""

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from mailer import wiring
from mailer.delivery.record import MailRecord, Status
from mailer.errors import MailerError
from mailer.setting_texts import read_duration


def replay(
    code: Annotated[str | None, typer.Option(help="only mails with this error code, such as ErrorAccessDenied")] = None,
    since: Annotated[str, typer.Option(help="accepted since: 30m, 24h, 7d, or an ISO 8601 instant")] = "24h",
    status: Annotated[
        Literal["failed", "uncertain"] | None, typer.Option(help="only this status (failed and uncertain)")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do it; without this, nothing is sent")] = False,
) -> None:
    """Send failed or uncertain mails again.

    Lists the mails that would be sent again; --yes sends them, each under its own id.
    """
    statuses = (Status(status),) if status else [one for one in Status if one.replayable]
    found = wiring.ledger().found(code=code, since=_instant(since), statuses=statuses)
    raise typer.Exit(_replay(list(found), really=yes))


def _replay(records: list[MailRecord], *, really: bool) -> int:
    for record in records:
        typer.echo(f"{record.id}  {record.status:9}  {record.error_code:24}  {record.template or ''}")
    causes = Counter(record.error_code for record in records)
    typer.echo(f"{len(records)} mails: " + (", ".join(f"{count} {code}" for code, count in causes.items()) or "none"))
    if not really:
        typer.echo("Nothing was sent. --yes sends them again." if records else "")
        return 0
    failed = 0
    for number, record in enumerate(records, 1):
        try:
            wiring.amendment().replay(record.id)
        except MailerError as reason:
            failed += 1
            typer.echo(f"\n{record.id}: {reason}", err=True)
        typer.echo(f"\r{number} of {len(records)} queued again", nl=False)
    typer.echo()
    return 1 if failed else 0


def _instant(text: str) -> datetime:
    try:
        return datetime.now(UTC) - read_duration(text)
    except ValueError:
        instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
