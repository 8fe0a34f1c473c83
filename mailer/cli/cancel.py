"""Call mails back that nobody has begun to send: `python -m mailer cancel ID`."""

import typer

from mailer.cli import options, reach
from mailer.cli.changes import Ids, agreed, change_each

EXAMPLES = """\b
Examples:
python -m mailer cancel 01a20ad7-bd1d-729d-8127-a3c15948aa6e
python -m mailer list --tag flow=promo --status scheduled --json | jq -r .id | xargs python -m mailer cancel --yes
"""


def cancel(
    ids: Ids = None,
    *,
    yes: options.Yes = False,
    url: reach.Url = None,
    key: reach.Key = None,
    as_json: options.Json = False,
) -> None:
    """See that mails are not sent that nobody has begun to send."""
    if not ids:
        message = "say which: the ids of the mails"
        raise typer.BadParameter(message)
    if agreed("cancel", len(ids), 0, yes=yes or len(ids) == 1):
        raise typer.Exit(change_each(reach.client(url, key), ids, "cancel", as_json=as_json))
