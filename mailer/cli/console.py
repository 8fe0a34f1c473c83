"""The operator's page on this machine, with a person's own rights: `python -m mailer console`."""

import webbrowser
from typing import Annotated

import typer

from mailer.cli import reach
from mailer.cli.console_server import ConsoleServer
from mailer.errors import ConfigError

EXAMPLES = """\b
Examples:
python -m mailer console
python -m mailer console --url https://NAME.azurewebsites.net
"""


def console(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="where the page is, on this machine only")] = 7073,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="open no browser")] = False,
    url: reach.Url = None,
) -> None:
    """Show the operator's page: health, failures, mails, what waits, and what can be done about them.

    Without --url it is served here, and works on the storage account and the Graph of the settings with your own
    rights. With --url it is the app's own, which asks for a key.
    """
    if url is not None:
        address = f"{reach.base(url)}/api/console"
        typer.echo(f"Console  {address}")
        if not no_browser:
            webbrowser.open(address)
        return
    try:
        server = ConsoleServer(port, reach.own_rights())
    except OSError as error:
        message = f"Port {port} cannot be used ({error.strerror}): stop what listens there, or choose another --port."
        raise ConfigError([message]) from error
    with server:
        typer.echo(f"Console  {server.address}\n\nThis address works once. Ctrl-C stops it.")
        if not no_browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("\nStopped.")
