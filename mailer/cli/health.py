"""What works and what does not: `python -m mailer health`."""

import typer

from mailer.cli import options, reach
from mailer.cli.output import as_lines, say, table
from mailer.cli.times import shown

EXAMPLES = """\b
Examples:
python -m mailer health --url https://NAME.azurewebsites.net
"""


def health(*, url: reach.Url = None, key: reach.Key = None, as_json: options.Json = False) -> None:
    """Show what works and what does not, with each remedy; 1 if something does not."""
    found = reach.client(url, key).health()
    if as_json:
        as_lines(found)
    else:
        parts = found["parts"]
        rows = [
            (name if not number else "", part["status"] if not number else "", problem)
            for name, part in parts.items()
            for number, problem in enumerate(part.get("problems") or [""])
        ]
        table(("part", "status", "what to do"), rows)
        if expires := found.get("secret_expires_on"):
            say(f"The app's secret expires on {shown(expires)[:10]}.")
    raise typer.Exit(0 if found["status"] == "ok" else 1)
