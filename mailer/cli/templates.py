"""Show the templates in a browser, or check them."""

import importlib.util
import runpy
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mailer.cli import reach
from mailer.cli.options import Json, environment
from mailer.cli.output import as_lines, table
from mailer.cli.send import read_json
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
    *,
    as_json: Json = False,
) -> None:
    """Name all that is wrong with the templates.

    Renders every template in every language with its sample. Names every fault; 1 if there is one.
    """
    place = folder or template_folder()
    faults = faults_in(place)
    if as_json:
        as_lines(*map(asdict, faults))
    else:
        for fault in faults:
            typer.echo(fault)
        typer.echo(f"{place}: {len(faults) or 'no'} fault{'s' if len(faults) != 1 else ''}")
    raise typer.Exit(1 if faults else 0)


@app.command("list")
def list_templates(*, url: reach.Url = None, key: reach.Key = None, as_json: Json = False) -> None:
    """List the templates that mails can name, and their languages."""
    found = reach.client(url, key).get("templates")["data"]
    if as_json:
        as_lines(*found)
    else:
        table(("template", "languages"), [(one["id"], " ".join(one["locales"])) for one in found])


@app.command()
def preview(
    template: Annotated[str, typer.Argument(metavar="ID")],
    *,
    variables: Annotated[
        str | None, typer.Option(metavar="JSON", help="its own sample, if left out; @FILE or - reads them")
    ] = None,
    locale: Annotated[str | None, typer.Option(metavar="TAG", help="the language")] = None,
    html: Annotated[bool, typer.Option("--html", help="the HTML in place of the text")] = False,
    url: reach.Url = None,
    key: reach.Key = None,
    as_json: Json = False,
) -> None:
    """Show what a template says; nothing is sent."""
    body = {"variables": read_json(variables, "--variables")} if variables else {}
    shown = reach.client(url, key).post(
        "templates", template, "preview", body=body | ({"locale": locale} if locale else {})
    )
    if as_json:
        as_lines(shown)
    else:
        typer.echo(f"{shown['subject']}\n\n{(shown['html'] if html else None) or shown['text']}")


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
