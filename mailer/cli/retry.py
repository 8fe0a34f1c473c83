"""Let mails go now whose cause is mended: `python -m mailer retry`."""

import typer

from mailer.cli import options, reach
from mailer.cli.changes import Code, Ids, agreed, change_causes, change_each, only_one, span_of
from mailer.cli.times import Since, Until

EXAMPLES = """\b
Examples:
python -m mailer retry --code ErrorAccessDenied
python -m mailer retry 01a20ad7-bd1d-729d-8127-a3c15948aa6e --yes
"""


def retry(
    ids: Ids = None,
    *,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    yes: options.Yes = False,
    url: reach.Url = None,
    key: reach.Key = None,
    as_json: options.Json = False,
) -> None:
    """Let mails go now that wait for a cause which somebody has mended.

    Without it they go by themselves within 15 minutes.
    """
    only_one(ids, code=code)
    client = reach.client(url, key)
    if code:
        span = span_of(since, until)
        raise typer.Exit(change_causes(client, [code], "retry", span=span, yes=yes, as_json=as_json))
    if not ids:
        message = "say which: the ids of mails, or --code with the error code that `failures` shows"
        raise typer.BadParameter(message)
    if agreed("retry", len(ids), 0, yes=yes or len(ids) == 1):
        raise typer.Exit(change_each(client, ids, "retry", as_json=as_json))
