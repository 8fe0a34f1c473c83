"""The next secret or certificate: `python -m mailer rotate`."""

from typing import Annotated, Literal

import typer

from mailer.cli import options
from mailer.cli.course import Work
from mailer.setup.course import SCOPES
from mailer.setup.rotate import Rotation
from mailer.setup.set_up import Auth

EXAMPLES = """\b
Examples:
python -m mailer rotate
python -m mailer rotate --remove-old --json
"""


def rotate(
    *,
    remove_old: Annotated[
        bool, typer.Option("--remove-old", help="remove the older ones once the new one works")
    ] = False,
    auth: Annotated[
        Literal["secret", "certificate"] | None, typer.Option(help="what to renew (MAILER_AUTH, else secret)")
    ] = None,
    lifetime: Annotated[str, typer.Option(help="if the tenant's policy allows it")] = "180d",
    as_json: options.Json = False,
    tenant: options.Tenant = None,
    authority: options.Authority = None,
    graph: options.Graph = None,
    vault: options.Vault = None,
    secret_name: options.SecretName = None,
    name: options.Name = options.NAME,
    sign_in: options.SignIn = None,
) -> None:
    """Make the next client secret or certificate and put it into Key Vault.

    mailer takes it without a restart; the old one stays valid unless --remove-old.
    """
    where = options.place(
        name=name, tenant=tenant, authority=authority, graph=graph, vault=vault, secret_name=secret_name
    )
    setting = options.environment().get("MAILER_AUTH", "").strip()
    if auth is None and setting == "federated":
        message = "MAILER_AUTH is federated: there is nothing to rotate, for nothing is secret"
        raise typer.BadParameter(message)
    options.needs_vault(where)
    chosen: Auth = auth or ("certificate" if setting == "certificate" else "secret")
    lasts = options.lifetime_of(lifetime)
    work = Work(
        steps=lambda course: Rotation(course=course, auth=chosen, lifetime=lasts, remove_old=remove_old),
        where=where,
        scopes=SCOPES,
        sign_in=sign_in,
        as_json=as_json,
    )
    raise typer.Exit(work.done())
