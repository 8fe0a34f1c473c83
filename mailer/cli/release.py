"""Let mails go that were held, for they were more than their caller may send: `python -m mailer release`."""

import itertools
from typing import Annotated

import typer

from mailer.cli import options, reach
from mailer.cli.changes import Ids, agreed, change_each, only_one, span_of
from mailer.cli.times import Since, Until

EXAMPLES = """\b
Examples:
python -m mailer release 01a20ad7-bd1d-729d-8127-a3c15948aa6e
python -m mailer release --caller shop --since 24h
"""


def release(
    ids: Ids = None,
    *,
    caller: Annotated[str | None, typer.Option(metavar="NAME", help="all that is held of this caller")] = None,
    since: Since = None,
    until: Until = None,
    yes: options.Yes = False,
    url: reach.Url = None,
    key: reach.Key = None,
    as_json: options.Json = False,
) -> None:
    """Let mails go that were held because their caller had asked for more than it may."""
    only_one(ids, caller=caller)
    if not ids and not caller:
        message = "say which: the ids of mails, or --caller NAME; `list --status held` shows them"
        raise typer.BadParameter(message)
    client = reach.client(url, key)
    if not ids:
        pages = client.pages("emails", status="held", caller=caller, limit="100", **span_of(since, until))
        ids = [record["id"] for record in itertools.chain.from_iterable(pages)]
    if agreed("release", len(ids), 0, yes=yes or len(ids) == 1):
        raise typer.Exit(change_each(client, ids, "release", as_json=as_json))
