"""A mail in a person's own name: `python -m mailer send-test --delegated`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from mailer.cli import options
from mailer.cli.screen import Screen
from mailer.setup.delegated import send_test as send
from mailer.setup.delegated import sign_in_to_send
from mailer.setup.steps import Step, Stopped

EXAMPLES = """\b
Examples:
python -m mailer send-test --delegated --to ada@example.com
python -m mailer send-test --delegated --as shop@contoso.com --to ada@example.com
"""


def send_test(
    *,
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="who gets the mail")],
    delegated: Annotated[bool, typer.Option("--delegated", help="as the person who signs in, not as the app")] = False,
    mailbox: Annotated[
        str | None, typer.Option("--as", metavar="MAILBOX", help="from another mailbox, by /users/MAILBOX/sendMail")
    ] = None,
    as_json: options.Json = False,
    device_code: Annotated[bool, typer.Option("--device-code", help="sign in on another device")] = False,
    tenant: options.Tenant = None,
    authority: options.Authority = None,
    graph: options.Graph = None,
) -> None:
    """Sign a person in and send one mail with a delegated permission, as the first guide's Postman test did.

    It tests the person's rights, not the app's: `doctor --to ADDRESS` sends as the app does.
    """
    if not delegated:
        message = "say --delegated; a test mail of the app itself is `doctor --to ADDRESS`"
        raise typer.BadParameter(message)
    to = options.mailbox(to, "--to")
    mailbox = options.mailbox(mailbox, "--as") if mailbox else None
    where = options.place(tenant=tenant, authority=authority, graph=graph)
    with Screen(as_json=as_json) as screen:
        try:
            ways = options.ways("device-code") if device_code else ("browser", "device-code")
            person = sign_in_to_send(where, mailbox=mailbox, ways=ways, tell=screen.tell)
            screen.step(Step(step="sign_in", status="made", what=f"by {person.way}, as {person.name or 'somebody'}"))
            said = send(where, person, mailbox=mailbox, to=to, now=datetime.now(UTC))
        except Stopped as stopped:
            screen.step(Step(step="send_test", status="failed", what=stopped.what, cure=stopped.cure))
            raise typer.Exit(1) from stopped
        screen.step(Step(step="send_test", status="made", what=said))
