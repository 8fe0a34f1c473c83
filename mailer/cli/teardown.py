"""All that set-up made, taken away again: `python -m mailer teardown`."""

import typer

from mailer.cli import options
from mailer.cli.screen import Screen, interactive, show_all
from mailer.setup.course import EXCHANGE_SCOPES, SCOPES
from mailer.setup.person import Person
from mailer.setup.steps import Step
from mailer.setup.tear_down import TearDown


def teardown(
    *,
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
    """List what set-up made; --yes removes it.

    An app registration that set-up did not make stays, and so does a secret that it did not write.
    """
    where = options.place(
        name=name, tenant=tenant, authority=authority, graph=graph, vault=vault, secret_name=secret_name
    )

    def go(*, dry: bool, known: Person | None = None) -> tuple[list[Step], Person | None]:
        with Screen(as_json=as_json) as screen:
            scopes = SCOPES + EXCHANGE_SCOPES
            course = options.course(where, screen, chosen=sign_in, dry=dry, scopes=scopes, known=known)
            return show_all(TearDown(course=course).run(), screen.step), course.known

    steps, person = go(dry=not yes)
    failed = any(step.failed for step in steps)
    if yes or failed:
        raise typer.Exit(1 if failed else 0)
    if as_json or not interactive():
        typer.echo("Nothing was removed. --yes does it.", err=True)
    elif typer.confirm("Remove all this?"):
        steps, _ = go(dry=False, known=person)
        raise typer.Exit(1 if any(step.failed for step in steps) else 0)
