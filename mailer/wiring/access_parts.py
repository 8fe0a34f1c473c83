"""Who calls, and the way to Graph."""

import os
from typing import TYPE_CHECKING

from mailer.wiring import base

if TYPE_CHECKING:
    from mailer.callers.policy import Caller, Callers
    from mailer.graph.connection import GraphConnection
    from mailer.graph.mailbox import Mailbox
    from mailer.identity.access_tokens import AccessTokens
    from mailer.identity.caller import Identification
    from mailer.identity.tokens import GraphTokens


@base.once
def callers() -> "Callers | None":
    """Who may do what; None where nobody is asked. Raises ConfigError."""
    from mailer.delivery.rules import callers_of

    return None if base.settings().callers is None else callers_of(base.settings())


def caller(*, key: str | None, token: str | None, principal: str | None) -> "Caller":
    """Who calls. Raises InvalidRequest, UnknownCaller, TryLater, ConfigError."""
    from mailer.callers.policy import ANYBODY

    if base.by_hand.is_set() or callers() is None:
        return ANYBODY
    return _identification().caller(key=key, token=token, principal=principal)


def named(caller: "Caller") -> "Caller":
    """The caller; in the process of a person, with who that is, as far as it is known."""
    from dataclasses import replace

    return replace(caller, person=_person()) if base.by_hand.is_set() else caller


@base.once
def _person() -> str | None:
    from mailer.storage.clients import signed_in_to

    return signed_in_to(base.settings().storage)


@base.once
def _identification() -> "Identification":
    from mailer.callers.policy import Callers
    from mailer.identity.caller import Identification

    def app_of(token: str) -> str:
        return _access_tokens().app_of(token)

    # https://learn.microsoft.com/azure/app-service/reference-app-settings: only then is the header the platform's own
    principals = os.environ.get("WEBSITE_AUTH_ENABLED", "").casefold() == "true"
    return Identification(callers=callers() or Callers(), app_of=app_of, principals=principals)


@base.once
def _access_tokens() -> "AccessTokens":
    from mailer.graph.public_json import read_public_json
    from mailer.identity.access_tokens import AccessTokens

    return AccessTokens(base.settings(), read_json=read_public_json, clock=base.clock)


@base.once
def graph_tokens() -> "GraphTokens":
    """The tokens for Graph."""
    from mailer.identity.entra import graph_tokens

    return graph_tokens(base.settings(), identity_id=os.environ.get("AZURE_CLIENT_ID") or None, clock=base.clock)


@base.once
def graph() -> "GraphConnection":
    """The connection to Graph."""
    from mailer.graph.connection import GraphConnection

    return GraphConnection(base.settings().graph_url)


@base.once
def mailbox() -> "Mailbox":
    """Mailboxes as Graph has them, with the app's tokens."""
    from mailer.graph.mailbox import Mailbox

    return Mailbox(graph(), graph_tokens)
