"""From nothing to an app that may send: `python -m mailer setup`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from mailer.cli import options
from mailer.cli.course import Work
from mailer.setup.course import EXCHANGE_SCOPES, SCOPES
from mailer.setup.set_up import Auth, SetUp, Wish
from mailer.setup.steps import Step

ALSO = {"large": "Mail.ReadWrite", "read": "Mail.Read"}

EXAMPLES = """\b
Examples:
python -m mailer setup --vault https://NAME.vault.azure.net --write local.settings.json
python -m mailer setup shop@contoso.com --scope mailboxes --auth federated --identity PRINCIPAL_ID --yes
"""


def setup(
    addresses: Annotated[list[str] | None, typer.Argument(help="the mailboxes, with --scope mailboxes")] = None,
    *,
    scope: Annotated[
        Literal["tenant", "mailboxes"], typer.Option(help="every mailbox of the tenant, or the ones named")
    ] = "tenant",
    also: Annotated[
        str, typer.Option(help="large (Mail.ReadWrite, for mails above 3 MB), read (Mail.Read, for verify)")
    ] = "",
    auth: Annotated[
        Literal["secret", "certificate", "federated"] | None,
        typer.Option(help="how the app proves itself (MAILER_AUTH, else secret)"),
    ] = None,
    identity: Annotated[
        str | None, typer.Option(metavar="PRINCIPAL_ID", help="the managed identity to trust, with --auth federated")
    ] = None,
    lifetime: Annotated[str, typer.Option(help="of the secret, if the tenant's policy allows it")] = "180d",
    write: Annotated[Path | None, typer.Option(metavar="FILE", help="a local.settings.json for the settings")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="list what would be done, and change nothing")] = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
    tenant: options.Tenant = None,
    authority: options.Authority = None,
    graph: options.Graph = None,
    vault: options.Vault = None,
    secret_name: options.SecretName = None,
    name: options.Name = options.NAME,
    sign_in: options.SignIn = None,
) -> None:
    """Register the app, grant it what it needs, give it a secret in Key Vault.

    Safe to run again: it makes what is missing and leaves what is there.
    """
    where = options.place(
        name=name, tenant=tenant, authority=authority, graph=graph, vault=vault, secret_name=secret_name
    )
    chosen: Auth = auth or _auth()
    wish = Wish(
        mailboxes=_mailboxes(scope, addresses or []),
        permissions=("Mail.Send", *_also(also)),
        auth=chosen,
        identity=identity,
        lifetime=options.lifetime_of(lifetime),
        write=write,
    )
    if chosen == "federated" and not identity:
        message = "--auth federated needs --identity with the principal id of a user-assigned managed identity"
        raise typer.BadParameter(message)
    if chosen != "federated":
        options.needs_vault(where, otherwise=", or do without one: --auth federated")
    work = Work(
        steps=lambda course: SetUp(course=course, wish=wish),
        where=where,
        scopes=SCOPES + (EXCHANGE_SCOPES if wish.mailboxes else ()),
        sign_in=sign_in,
        as_json=as_json,
    )
    if yes and not dry_run:
        raise typer.Exit(work.done())

    def all_there(plan: Sequence[Step]) -> bool:
        return all(step.status == "found" for step in plan)

    raise typer.Exit(work.planned("Do this?", "Nothing was changed.", only=dry_run, unasked=all_there))


def _auth() -> Auth:
    known: dict[str, Auth] = {"certificate": "certificate", "federated": "federated"}
    return known.get(options.environment().get("MAILER_AUTH", "").strip(), "secret")


def _mailboxes(scope: str, addresses: list[str]) -> tuple[str, ...]:
    if scope == "tenant":
        if addresses:
            message = "--scope tenant means every mailbox, so name none; or say --scope mailboxes"
            raise typer.BadParameter(message)
        return ()
    if not addresses:
        message = "--scope mailboxes needs the addresses of the mailboxes after it"
        raise typer.BadParameter(message)
    return tuple(dict.fromkeys(map(options.mailbox, addresses)))


def _also(text: str) -> tuple[str, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if unknown := [word for word in words if word not in ALSO]:
        message = f"'{unknown[0]}' is none of {', '.join(ALSO)}"
        raise typer.BadParameter(message, param_hint="--also")
    return tuple(ALSO[word] for word in ALSO if word in words)
