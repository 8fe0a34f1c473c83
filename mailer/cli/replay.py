"""Send failed, uncertain or suppressed mails again: `python -m mailer replay`."""

import itertools
from typing import Annotated, Literal

import typer

from mailer.cli import options, reach
from mailer.cli.changes import Code, Ids, agreed, change_causes, change_each, only_one, span_of
from mailer.cli.client import Client
from mailer.cli.output import note
from mailer.cli.times import Since, Until

EXAMPLES = """\b
Examples:
python -m mailer replay 01a20ad7-bd1d-729d-8127-a3c15948aa6e
python -m mailer replay --code ErrorAccessDenied --since 24h
python -m mailer replay --status failed --since 7d --yes
"""
REPLAYABLE = ("failed", "uncertain")


def replay(
    ids: Ids = None,
    *,
    code: Code = None,
    status: Annotated[
        Literal["failed", "uncertain", "suppressed"] | None,
        typer.Option(help="only this status (failed and uncertain)"),
    ] = None,
    since: Since = "24h",
    until: Until = None,
    yes: options.Yes = False,
    url: reach.Url = None,
    key: reach.Key = None,
    as_json: options.Json = False,
) -> None:
    """Send failed, uncertain or suppressed mails again, each under its own id.

    Says first how many there are, and how many of them may arrive twice: a mail in doubt may have left.
    """
    only_one(ids, code=code, status=status)
    client = reach.client(url, key)
    span = span_of(since, until)
    if not ids and not status:
        codes = [code] if code else _codes(client, since)
        raise typer.Exit(change_causes(client, codes, "replay", span=span, yes=yes, as_json=as_json))
    if ids:
        records = [client.get("emails", mail) for mail in ids]
    else:
        pages = client.pages("emails", status=status, error=code, limit="100", **span)
        records = list(itertools.chain.from_iterable(pages))
    twice = sum(record["status"] == "uncertain" for record in records)
    if agreed("replay", len(records), twice, yes=yes):
        raise typer.Exit(change_each(client, [record["id"] for record in records], "replay", as_json=as_json))


def _codes(client: Client, since: str | None) -> list[str]:
    """The causes of all that failed or is in doubt."""
    note("Looking for what failed or is in doubt …")
    groups = client.get("failures", since=since)["value"]
    return list(dict.fromkeys(group["code"] for group in groups if group["status"] in REPLAYABLE))
