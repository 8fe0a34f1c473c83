"""One mail: `python -m mailer send`."""

import base64
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mailer.cli import options, reach
from mailer.cli.output import as_lines, say

EXAMPLES = """\b
Examples:
python -m mailer send --to ada@example.com --subject Hello --text "Hello, Ada"
python -m mailer send --to ada@example.com --template order-confirmation --variables @order.json --wait 20
python -m mailer send --file mail.json --url https://NAME.azurewebsites.net
"""
# The members of a request that are lists of addresses, and those that a flag sets as it stands.
Many = list[str] | None


def send(
    *,
    to: Annotated[Many, typer.Option(metavar="ADDRESS", help="as often as there are recipients")] = None,
    cc: Annotated[Many, typer.Option(metavar="ADDRESS")] = None,
    bcc: Annotated[Many, typer.Option(metavar="ADDRESS")] = None,
    reply_to: Annotated[Many, typer.Option(metavar="ADDRESS")] = None,
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="the first sender, if left out")
    ] = None,
    subject: Annotated[str | None, typer.Option()] = None,
    text: Annotated[str | None, typer.Option(help="the body as plain text; @FILE or - reads it")] = None,
    html: Annotated[str | None, typer.Option(help="the body as HTML; @FILE or - reads it")] = None,
    template: Annotated[str | None, typer.Option(metavar="ID", help="in place of subject and body")] = None,
    variables: Annotated[
        str | None, typer.Option(metavar="JSON", help="of the template; @FILE or - reads them")
    ] = None,
    locale: Annotated[str | None, typer.Option(metavar="TAG", help="the language of the template")] = None,
    attach: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="a file to send along")
    ] = None,
    tag: Annotated[Many, typer.Option(metavar="NAME=VALUE", help="kept in the record, to find it by")] = None,
    priority: Annotated[Literal["urgent", "normal", "bulk"] | None, typer.Option(help="who goes first")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="not before: ISO 8601, such as 2026-12-01T08:00:00+01:00")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="a second call with it sends no second mail")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="the request as JSON, which the flags change; - reads it")
    ] = None,
    wait: Annotated[
        int, typer.Option(min=0, max=200, metavar="SECONDS", help="deliver within the call if it takes no longer")
    ] = 0,
    url: reach.Url = None,
    key: reach.Key = None,
    as_json: options.Json = False,
) -> None:
    """Send one mail, and show its id and when it is expected to leave."""
    given: dict[str, Any] = {
        "to": to,
        "cc": cc,
        "bcc": bcc,
        "reply_to": reply_to,
        "from": sender,
        "subject": subject,
        "text": text and _read(text, "--text"),
        "html": html and _read(html, "--html"),
        "template": _template(template, variables, locale),
        "attachments": [_attachment(path) for path in attach or ()],
        "tags": dict(_tag(one) for one in tag or ()),
        "priority": priority,
        "scheduled_at": at,
        "idempotency_key": idempotency_key,
    }
    request = _request(file) | {name: value for name, value in given.items() if value}
    headers = {"Prefer": f"wait={wait}"} if wait else {}
    receipt = reach.client(url, key).post("emails", body=request, headers=headers)
    if as_json:
        as_lines(receipt)
    else:
        expected = f", expected at {receipt['expected_at']}" if receipt["status"] in {"queued", "scheduled"} else ""
        say(f"{receipt['id']}  {receipt['status']}{expected}")
        if error := receipt.get("error"):
            say(f"{error['code']}: {error['message']}")
    raise typer.Exit(1 if receipt["status"] in {"failed", "uncertain"} else 0)


def _request(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    read = read_json(f"@{file}" if str(file) != "-" else "-", "--file")
    if not isinstance(read, dict):
        message = "a request is one JSON object"
        raise typer.BadParameter(message, param_hint="--file")
    return read


def _template(name: str | None, variables: str | None, locale: str | None) -> dict[str, Any] | None:
    if name is None:
        if variables or locale:
            message = "is about a template: give --template ID as well"
            raise typer.BadParameter(message, param_hint="--variables" if variables else "--locale")
        return None
    read = read_json(variables, "--variables") if variables else {}
    return {"id": name, "variables": read} | ({"locale": locale} if locale else {})


def _read(text: str, flag: str) -> str:
    """The text itself, or what a file or the standard input holds."""
    if text == "-":
        return sys.stdin.read()
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except OSError as error:
        message = f"{text[1:]} cannot be read ({error.strerror})"
        raise typer.BadParameter(message, param_hint=flag) from error
    except UnicodeDecodeError as error:
        message = f"{text[1:]} is no text in UTF-8"
        raise typer.BadParameter(message, param_hint=flag) from error


def read_json(text: str, flag: str) -> object:
    """What the text says, or what a file or the standard input holds; anything but JSON is wrong use."""
    try:
        return json.loads(_read(text, flag))
    except ValueError as error:
        message = f"this is no JSON ({error})"
        raise typer.BadParameter(message, param_hint=flag) from error


def _attachment(path: Path) -> dict[str, str]:
    return {"filename": path.name, "content": base64.b64encode(path.read_bytes()).decode()}


def _tag(text: str) -> tuple[str, str]:
    name, given, value = text.partition("=")
    if not given or not name:
        message = f"'{text}' is no tag: give NAME=VALUE, such as flow=checkout"
        raise typer.BadParameter(message, param_hint="--tag")
    return name, value
