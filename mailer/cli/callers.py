"""Who may do what: `python -m mailer callers`."""

import hashlib
import sys

import typer

from mailer.callers.policy import Caller
from mailer.cli import options
from mailer.cli.output import as_lines, note, table
from mailer.settings import read_settings_as_used

EXAMPLES = """\b
Examples:
python -m mailer callers
python -m mailer callers hash
"""
app = typer.Typer(pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True, epilog=EXAMPLES)
def show(context: typer.Context, *, as_json: options.Json = False) -> None:
    """Show who may do what, as MAILER_CALLERS here says, and every mistake in it."""
    if context.invoked_subcommand:
        return
    callers = read_settings_as_used(options.environment()).callers
    if callers is None:
        note("MAILER_CALLERS is not set here: every function key may do everything, and so may the queue.")
    elif as_json:
        as_lines(*map(_line, callers.all))
    else:
        lines = [_line(caller) for caller in callers.all]
        heads = ("caller", *list(lines[0])[1:]) if lines else ("caller",)
        table(heads, [[_cell(value) for value in line.values()] for line in lines])


@app.command("hash")
def hash_key() -> None:
    """Print what MAILER_CALLERS holds in place of a function key: one that is typed, or piped in, or in MAILER_KEY."""
    key = options.own_key()
    if not key and sys.stdin.isatty():
        key = str(typer.prompt("Function key", hide_input=True, err=True))
    key = (key or sys.stdin.read()).strip()
    if not key:
        message = "there is no key: type it, put it into MAILER_KEY, or pipe it in"
        raise typer.BadParameter(message)
    typer.echo(f"sha256:{hashlib.sha256(key.encode()).hexdigest()}")


def _line(caller: Caller) -> dict[str, object]:
    """The policy as MAILER_CALLERS names its members; of a key only that there is one."""
    return {
        "name": caller.name,
        "by": [*caller.apps, *("a function key" for _ in caller.keys)],
        "may": list(caller.may),
        "from": list(caller.senders),
        "templates": list(caller.templates),
        "to": list(caller.to),
        "priority": list(caller.priorities),
        "recipients_per_day": "*" if caller.recipients_per_day is None else caller.recipients_per_day,
    }


def _cell(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
