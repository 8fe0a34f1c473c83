"""The real parts plugged together, each made once for a worker, when it is first needed.

Parts are imported where they are made and not at the top: a cold start pays only for what its function uses.
"""

import functools
import logging
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from mailer.errors import ConfigError
from mailer.settings import Settings, Storage, read_settings

if TYPE_CHECKING:
    from mailer.credentials import GraphTokens
    from mailer.deliver import Delivery
    from mailer.health import Health
    from mailer.ledger import TableLedger
    from mailer.outbox import Outbox
    from mailer.parse import Rules
    from mailer.render import Templates
    from mailer.send import GraphConnection

# At INFO every request of the SDKs is a dozen lines.
logging.getLogger("azure").setLevel(logging.WARNING)

STORAGE_NETWORK: dict[str, Any] = {"connection_timeout": 4, "read_timeout": 8, "retry_total": 3}


T = TypeVar("T")

_making = threading.RLock()


def _once(make: Callable[[], T]) -> Callable[[], T]:
    """Make a part once for the worker, also when several threads need it first at the same time."""
    made = functools.cache(make)

    @functools.wraps(make)
    def get() -> T:
        with _making:
            return made()

    return get


def clock() -> datetime:
    """Now."""
    return datetime.now(UTC)


@_once
def settings() -> Settings:
    """The app's settings; raises ConfigError, and reads them again the next time."""
    return read_settings(os.environ)


@_once
def templates() -> "Templates":
    """The packaged templates."""
    from mailer.render import Templates

    return Templates()


@_once
def rules() -> "Rules":
    """What a request must meet; raises ConfigError."""
    from mailer.address import parse_address
    from mailer.parse import Rules

    try:
        senders = [parse_address(sender) for sender in settings().senders]
    except ValueError as error:
        message = f"MAILER_SENDERS is wrong ({error}). It holds the mailboxes that may send, separated by commas."
        raise ConfigError([message]) from error
    return Rules(senders=senders, template_problems=templates().problems)


@_once
def ledger() -> "TableLedger":
    """The records."""
    from azure.data.tables import TableClient

    from mailer.ledger import TableLedger

    storage, name = settings().storage, settings().table
    if storage.connection_string:
        table = TableClient.from_connection_string(storage.connection_string, name, **STORAGE_NETWORK)
    else:
        table = TableClient(str(storage.table_url), name, credential=_identity(storage), **STORAGE_NETWORK)
    return TableLedger(table, key_window=settings().idempotency_window)


@_once
def outbox() -> "Outbox":
    """The queue and its poison queue."""
    from azure.storage.queue import QueueClient

    from mailer.outbox import Outbox

    storage = settings().storage

    def queue(name: str) -> QueueClient:
        if storage.connection_string:
            return QueueClient.from_connection_string(storage.connection_string, name, **STORAGE_NETWORK)
        return QueueClient(str(storage.queue_url), name, credential=_identity(storage), **STORAGE_NETWORK)

    return Outbox(queue(settings().queue), queue(f"{settings().queue}-poison"))


def _identity(storage: Storage) -> Any:  # noqa: ANN401 - each SDK has a Protocol of its own for it
    from azure.identity import DefaultAzureCredential

    chosen = {"managed_identity_client_id": storage.client_id} if storage.client_id else {}
    return DefaultAzureCredential(**chosen, **STORAGE_NETWORK)


@_once
def graph_tokens() -> "GraphTokens":
    """The tokens for Graph."""
    from mailer.credentials import graph_tokens

    return graph_tokens(settings())


@_once
def graph() -> "GraphConnection":
    """The connection to Graph."""
    from mailer.send import GraphConnection

    return GraphConnection(settings().graph_url)


@_once
def delivery() -> "Delivery":
    """The delivery step with its real parts."""
    from mailer.deliver import Delivery
    from mailer.render import render

    tokens = graph_tokens()
    return Delivery(
        rules=rules(),
        ledger=ledger(),
        render=lambda request: render(request, templates=templates()),
        authorize=tokens.token,
        send=lambda mail, token: graph().send(mail, token, renew=tokens.token),
        put=outbox().put,
        bury=outbox().bury,
        clock=clock,
        max_age=settings().max_age,
    )


@_once
def health() -> "Health":
    """What works and what does not."""
    from mailer.health import Health

    return Health(
        {
            "settings": settings,
            "table": lambda: ledger().ping(),
            "queue": lambda: outbox().ping(),
            "graph_token": lambda: graph_tokens().token(),
        }
    )
