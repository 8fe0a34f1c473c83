"""Each link of the chain: `python -m mailer doctor`."""

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from mailer.cli import options
from mailer.cli.screen import Screen
from mailer.setup.doctor.access import check_large, check_negative, check_permission, check_read, check_token
from mailer.setup.doctor.basics import check_clock, check_settings, check_templates
from mailer.setup.doctor.chain import Examined, Link, examine
from mailer.setup.doctor.real_mail import check_test_mail
from mailer.setup.doctor.secret import check_secret, check_vault
from mailer.setup.doctor.storage import check_queues, check_storage

_SET = frozenset({"settings"})
_READ = _SET | {"vault"}
_SENDING = _SET | {"token"}
LINKS = [
    Link(name="settings", check=check_settings),
    Link(name="storage", check=check_storage, needs=_SET),
    Link(name="vault", check=check_vault, needs=_SET),
    Link(name="secret", check=check_secret, needs=_READ),
    Link(name="token", check=check_token, needs=_READ),
    Link(name="permission", check=check_permission, needs=_SENDING),
    Link(name="negative", check=check_negative, needs=_SENDING),
    Link(name="large", check=check_large, needs=_SENDING),
    Link(name="read", check=check_read, needs=_SENDING),
    Link(name="templates", check=check_templates, needs=_SET),
    Link(name="queue", check=check_queues, needs=_SET),
    Link(name="clock", check=check_clock, needs=_SET),
    Link(name="test_mail", check=check_test_mail, needs=_SET | {"storage"}),
]

EXAMPLES = """\b
Examples:
python -m mailer doctor
python -m mailer doctor --to ada@example.com --not ceo@contoso.com
"""


def doctor(
    *,
    to: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="send this address a real test mail and follow it")
    ] = None,
    forbidden: Annotated[
        str | None, typer.Option("--not", metavar="ADDRESS", help="a mailbox that the app must not be able to use")
    ] = None,
    as_json: options.Json = False,
    tenant: options.Tenant = None,
    authority: options.Authority = None,
    graph: options.Graph = None,
) -> None:
    """Test each link of the chain: settings, storage, vault, secret, token, permissions, templates, queue, clock.

    Every fault is named with its reason and its cure; 1 if something failed.
    """
    flags = {"MAILER_TENANT_ID": tenant, "MAILER_AUTHORITY_HOST": authority, "MAILER_GRAPH_URL": graph}
    environ = {**options.environment(), **{name: value for name, value in flags.items() if value}}
    failed = False
    with Screen(as_json=as_json) as screen:
        examined = Examined(
            environ=environ,
            to=options.mailbox(to, "--to") if to else None,
            forbidden=options.mailbox(forbidden, "--not") if forbidden else None,
            clock=lambda: datetime.now(UTC),
            sleep=time.sleep,
            tell=screen.begin,
        )
        for finding in examine(examined, LINKS, begin=screen.begin):
            screen.finding(finding)
            failed = failed or finding.failed
    raise typer.Exit(1 if failed else 0)
