"""The real parts plugged together, each made once for a worker, when it is first needed.

Parts are imported where they are made and not at the top: a cold start pays only for what its function uses.
"""

import functools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mailer.errors import ConfigError, InvalidRequest, TryLater
from mailer.settings import PACKAGED_TEMPLATES, Settings, Storage, read_settings

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from azure.data.tables import TableClient
    from azure.storage.blob import ContainerClient

    from mailer.alarms import TableAlarms
    from mailer.amend import Amendment
    from mailer.attachment import Attachment, File
    from mailer.bodies import Bodies
    from mailer.compose import Composer
    from mailer.deliver import Delivery
    from mailer.gate import Gate
    from mailer.health import Health
    from mailer.ledger import TableLedger
    from mailer.mail import MailRequest
    from mailer.outbox import Outbox
    from mailer.parse import Rules
    from mailer.render import Templates
    from mailer.send import GraphConnection
    from mailer.throttle import Throttle
    from mailer.tokens import GraphTokens

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
    """The templates, from where MAILER_TEMPLATES says; raises ConfigError."""
    from mailer.render import Templates

    place = settings().templates
    if place == PACKAGED_TEMPLATES:
        return Templates()
    if "://" in place:
        from mailer.bodies import Bodies
        from mailer.templating.good_versions import FOLDER, GoodVersions
        from mailer.templating.template_blobs import BlobContainer

        keep = GoodVersions(Bodies(_container(), folder=FOLDER))
        return Templates(BlobContainer(_container_at(place)), keep=keep)
    from mailer.templating.sources import Folder

    folder = Path(__file__).parents[1] / place
    if not folder.is_dir():
        message = f"MAILER_TEMPLATES is wrong: there is no folder {place}. It holds a folder or a container's URL."
        raise ConfigError([message])
    return Templates(Folder(folder))


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
    return Rules(
        senders=senders,
        content_problems=composer().problems,
        headers=settings().headers,
        max_headers=gate().max_headers,
    )


@_once
def gate() -> "Gate":
    """Whom mails may reach; raises ConfigError."""
    from mailer.address import parse_address
    from mailer.gate import Gate, Mode

    def normal(entry: str) -> str:
        domain = "@" not in entry
        return parse_address(f"x@{entry}" if domain else entry).address.removeprefix("x@" if domain else "").lower()

    try:
        redirect_to = settings().redirect_to
        return Gate(
            mode=Mode(settings().gate),
            redirect_to=parse_address(redirect_to) if redirect_to else None,
            allowed=frozenset(map(normal, settings().allowed_recipients)),
        )
    except ValueError as error:
        message = f"MAILER_REDIRECT_TO or MAILER_ALLOWED_RECIPIENTS is wrong: an entry {error}."
        raise ConfigError([message]) from error


@_once
def composer() -> "Composer":
    """What makes a mail of a request."""
    from mailer.compose import Composer

    def open_blob(attachment: "Attachment") -> "File":
        from mailer.blobs import open_blob

        return open_blob(_container(), attachment)

    return Composer(
        render=lambda use, known: templates().content(use, known=known),
        open_blob=open_blob,
        largest=settings().max_mail_size,
    )


@_once
def _table() -> "TableClient":
    from azure.data.tables import TableClient

    storage, name = settings().storage, settings().table
    if storage.connection_string:
        return TableClient.from_connection_string(storage.connection_string, name, **STORAGE_NETWORK)
    return TableClient(str(storage.table_url), name, credential=_identity(storage), **STORAGE_NETWORK)


@_once
def ledger() -> "TableLedger":
    """The records."""
    from mailer.ledger import TableLedger

    return TableLedger(_table(), key_window=settings().idempotency_window)


@_once
def alarms() -> "TableAlarms":
    """What only a person can mend."""
    from mailer.alarms import TableAlarms

    return TableAlarms(_table(), clock=clock)


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


@_once
def _container() -> "ContainerClient":
    from azure.storage.blob import ContainerClient

    storage, name = settings().storage, settings().container
    if storage.connection_string:
        return ContainerClient.from_connection_string(storage.connection_string, name, **STORAGE_NETWORK)
    return ContainerClient(str(storage.blob_url), name, credential=_identity(storage), **STORAGE_NETWORK)


def _container_at(url: str) -> "ContainerClient":
    """One of mailer's own account is read as that is, any other with the app's identity."""
    from azure.storage.blob import ContainerClient

    storage = settings().storage
    if storage.connection_string:
        own = ContainerClient.from_connection_string(
            storage.connection_string, url.rpartition("/")[2], **STORAGE_NETWORK
        )
        if own.url == url:
            return own
    return ContainerClient.from_container_url(url, credential=_identity(storage), **STORAGE_NETWORK)


@_once
def _bodies() -> "Bodies":
    from mailer.bodies import Bodies

    return Bodies(_container())


class _LateBodies:
    """The requests in blobs, which few mails need: their SDK is imported when one does."""

    def put(self, mail: str, body: bytes) -> None:
        _bodies().put(mail, body)

    def get(self, mail: str) -> bytes | None:
        return _bodies().get(mail)

    def delete(self, mail: str) -> None:
        _bodies().delete(mail)

    def before(self, instant: datetime) -> Iterator[str]:
        return _bodies().before(instant)


requests = _LateBodies()


def _identity(storage: Storage) -> Any:  # noqa: ANN401 - each SDK has a Protocol of its own for it
    from azure.identity import DefaultAzureCredential

    chosen = {"managed_identity_client_id": storage.client_id} if storage.client_id else {}
    return DefaultAzureCredential(**chosen, **STORAGE_NETWORK)


@_once
def graph_tokens() -> "GraphTokens":
    """The tokens for Graph."""
    from mailer.credentials import graph_tokens

    return graph_tokens(settings(), identity_id=os.environ.get("AZURE_CLIENT_ID") or None, clock=clock)


@_once
def graph() -> "GraphConnection":
    """The connection to Graph."""
    from mailer.send import GraphConnection

    return GraphConnection(settings().graph_url)


@_once
def throttle() -> "Throttle":
    """The places and pauses of mailboxes."""
    from mailer.throttle import Throttle

    return Throttle(settings().mailbox_concurrency)


@_once
def delivery() -> "Delivery":
    """The delivery step with its real parts."""
    from mailer.deliver import Delivery
    from mailer.lifecycle import OnUncertain

    def on_uncertain(request: "MailRequest") -> OnUncertain:
        with suppress(InvalidRequest, TryLater):  # the template may be gone by now, or out of reach
            if request.template and (chosen := templates().on_uncertain(request.template.id)):
                return chosen
        return OnUncertain(settings().on_uncertain)

    return Delivery(
        rules=replace(rules(), content_problems=lambda _: ()),  # composing the mail tells them
        ledger=ledger(),
        requests=requests,
        compose=composer().compose,
        screen=gate().screen,
        authorize=lambda: graph_tokens().token(),
        send=lambda mail, token: graph().send(mail, token, renew=graph_tokens().token),
        send_large=lambda mail, token, *, leaving: graph().send_large(
            mail, token, renew=graph_tokens().token, leaving=leaving
        ),
        clear_drafts=lambda mail, token: graph().clear_drafts(mail, token, renew=graph_tokens().token),
        is_sent=lambda mail, sender, token: graph().is_sent(mail, sender, token, renew=graph_tokens().token),
        throttle=throttle(),
        alarms=alarms(),
        put=outbox().put,
        bury=outbox().bury,
        on_uncertain=on_uncertain,
        clock=clock,
        max_age=settings().max_age,
    )


@_once
def amendment() -> "Amendment":
    """Changes to accepted mails with their real parts."""
    from mailer.amend import Amendment

    return Amendment(ledger=ledger(), requests=requests, put=outbox().put, unearth=outbox().unearth, clock=clock)


def sweep() -> None:
    """Clean up once; raises TryLater."""
    from mailer import sweep as sweeping

    sweeping.sweep(ledger=ledger(), requests=requests, retention=settings().record_retention, now=clock())


@_once
def pool() -> "Executor":
    """Threads for callers who wait."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(8, thread_name_prefix="waited-for")


@_once
def health() -> "Health":
    """What works and what does not."""
    from mailer.health import Health

    def check_settings() -> None:
        rules()  # which need them all

    def check_sending() -> None:
        if standing := alarms().standing():
            raise ConfigError([alarm.text for alarm in standing])

    return Health(
        {
            "settings": check_settings,
            "table": lambda: ledger().ping(),
            "queue": lambda: outbox().ping(),
            "graph_token": lambda: graph_tokens().check(),
            "templates": lambda: templates().warnings(),
            "sending": check_sending,
        }
    )
