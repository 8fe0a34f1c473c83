"""Who may do what: `python -m mailer callers`."""

import typer

app = typer.Typer(pretty_exceptions_enable=False, no_args_is_help=True, help="who may do what")

@app.command()
def hash() -> None:
    """x"""

