"""All that set-up made, taken away again: `python -m mailer teardown`."""

import typer

from mailer.cli import options
from mailer.cli.course import Work
from mailer.setup.course import EXCHANGE_SCOPES, SCOPES
from mailer.setup.tear_down import TearDown

EXAMPLES = """\b
Examples:
python -m mailer teardown
python -m mailer teardown --yes --json
"""


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

    work = Work(
        steps=lambda course: TearDown(course=course),
        where=where,
        scopes=SCOPES + EXCHANGE_SCOPES,
        sign_in=sign_in,
        as_json=as_json,
    )
    raise typer.Exit(work.done() if yes else work.planned("Remove all this?", "Nothing was removed."))
