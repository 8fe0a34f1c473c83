"""Show the templates in a browser, or check them."""

import importlib.util
import runpy
import sys
from pathlib import Path
from typing import Annotated

import typer

from mailer.cli.options import environment
from mailer.errors import ConfigError
from mailer.settings import PACKAGED_TEMPLATES
from mailer.templating.lint.check import check as faults_in
from mailer.templating.templates import PACKAGED

app = typer.Typer(pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    port: Annotated[str, typer.Option(help="where the page is, on this machine only")] = "7072",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="open no browser")] = False,
) -> None:
    """Show the templates in a browser, or check them.

    Shows every template in every language, and again when a file is saved; needs no settings.
    """
    if context.invoked_subcommand:
        return
    needed = ("mailer.local", "starlette", "uvicorn", "watchfiles")
    if not all(importlib.util.find_spec(package) for package in needed):
        message = (
            "The page needs the development packages, which are not installed here: start it with `make templates`, "
            "or first run pip install -r mailer/local/requirements.txt."
        )
        raise ValueError(message)
    options = ["--port", port, *(["--no-browser"] if no_browser else [])]
    sys.argv = ["python -m mailer templates", *options, str(template_folder())]
    runpy.run_module("mailer.local.desk", run_name="__main__")


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Argument(help="MAILER_TEMPLATES, else the templates of this app", show_default=False)
    ] = None,
) -> None:
    """Name all that is wrong with the templates.

    Renders every template in every language with its sample. Names every fault; 1 if there is one.
    """
    place = folder or template_folder()
    faults = faults_in(place)
    for fault in faults:
        typer.echo(fault)
    typer.echo(f"{place}: {len(faults) or 'no'} fault{'s' if len(faults) != 1 else ''}")
    raise typer.Exit(1 if faults else 0)


def template_folder() -> Path:
    """The folder of the settings; the app's own where they name none, or a container."""
    place = environment().get("MAILER_TEMPLATES", "").strip()
    if place in {"", PACKAGED_TEMPLATES} or "://" in place:
        return PACKAGED
    folder = Path(__file__).parents[2] / place
    if not folder.is_dir():
        message = f"MAILER_TEMPLATES is wrong: there is no folder {place}. It holds a folder or a container's URL."
        raise ConfigError([message])
    return folder
