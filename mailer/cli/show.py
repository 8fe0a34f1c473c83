"""One mail's record: `python -m mailer show ID`."""

from typing import Annotated

import typer

from mailer.cli import options, reach
from mailer.cli.mail import show as show_record
from mailer.cli.output import as_lines, say

EXAMPLES = """\b
Examples:
python -m mailer show 01a20ad7-bd1d-729d-8127-a3c15948aa6e
python -m mailer show 01a20ad7-bd1d-729d-8127-a3c15948aa6e --json --url https://NAME.azurewebsites.net
"""


def show(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="as the answer to the request gave it")],
    *,
    url: reach.Url = None,
    key: reach.Key = None,
    as_json: options.Json = False,
) -> None:
    """Show what became of a mail, from accepted to delivered."""
    client = reach.client(url, key)
    for number, mail in enumerate(ids):
        record = client.get("emails", mail)
        if as_json:
            as_lines(record)
        else:
            if number:
                say("")
            show_record(record)
