"""Mails, newest first: `python -m mailer list`."""

import itertools
from collections.abc import Sequence
from typing import Annotated

import typer

from mailer.cli import options, reach
from mailer.cli.mail import HEADS, Record, row
from mailer.cli.output import as_lines, note, table
from mailer.cli.times import Since, Until, shown

EXAMPLES = """\b
Examples:
python -m mailer list --status failed --since 24h
python -m mailer list --status queued,scheduled --from news
python -m mailer list --to ada@example.com
python -m mailer list --tag flow=checkout --since 7d --limit 500 --json
"""
PAGE = 100  # records, the most that a call gives


def list_mails(
    *,
    status: Annotated[
        list[str] | None, typer.Option(help="such as failed; several are separated by commas, or given one by one")
    ] = None,
    error: Annotated[str | None, typer.Option(metavar="CODE", help="such as ErrorAccessDenied")] = None,
    tag: Annotated[str | None, typer.Option(metavar="NAME=VALUE", help="such as flow=checkout")] = None,
    template: Annotated[str | None, typer.Option(metavar="ID")] = None,
    sender: Annotated[str | None, typer.Option("--from", metavar="ADDRESS", help="a mailbox, or a pool's name")] = None,
    to: Annotated[str | None, typer.Option(metavar="ADDRESS", help="who should have got it")] = None,
    caller: Annotated[str | None, typer.Option(metavar="NAME", help="who asked for it")] = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="how many at most")] = 50,
    url: reach.Url = None,
    key: reach.Key = None,
    as_json: options.Json = False,
) -> None:
    """List mails, newest first."""
    # A pair in the API is one text with a colon; https://learn.microsoft.com has no form of its own for it.
    pair = tag.replace("=", ":", 1) if tag else None
    pages = reach.client(url, key).pages(
        "emails",
        status=",".join(status) if status else None,
        error=error,
        tag=pair,
        template=template,
        to=to,
        caller=caller,
        since=since,
        until=until,
        limit=str(min(limit, PAGE)),
        **{"from": sender},
    )
    found = itertools.islice(itertools.chain.from_iterable(pages), limit + 1)
    if as_json:
        as_lines(*itertools.islice(found, limit))
        return
    records = list(found)
    if records:
        table(HEADS, [row(record) for record in records[:limit]])
    note(_summary(len(records), limit) + _through(records[:limit]))


def _summary(found: int, limit: int) -> str:
    if found > limit:
        return f"There are more than {limit}: narrow it down, or raise --limit."
    return f"{found or 'No'} mail{'' if found == 1 else 's'}."


def _through(records: Sequence[Record]) -> str:
    """When the last of the mails leaves that wait, if any does."""
    waiting = [record["expected_at"] for record in records if record.get("expected_at")]
    return f" Of these {len(waiting)} wait, the last until {shown(max(waiting))} UTC." if waiting else ""
