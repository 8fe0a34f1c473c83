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
from typing import TYPE_CHECKING, TypeVar

from mailer.errors import ConfigError, InvalidRequest, TryLater
from mailer.settings import PACKAGED_TEMPLATES, Settings, read_settings

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from azure.data.tables import TableClient
    from azure.storage.blob import ContainerClient

    from mailer.delivery.amend import Amendment
    from mailer.delivery.compose import Composer
    from mailer.delivery.deliver import Delivery
    from mailer.delivery.gate import Gate
    from mailer.graph.connection import GraphConnection
    from mailer.health import Health
    from mailer.identity.tokens import GraphTokens
    from mailer.pace.throttle import Throttle
    from mailer.request.attachment import Attachment, File
    from mailer.request.model import MailRequest
    from mailer.request.parse import Rules
    from mailer.storage.alarms import Alarm, TableAlarms
    from mailer.storage.queues import Outbox
    from mailer.storage.records import TableLedger
    from mailer.storage.request_blobs import Bodies
    from mailer.templating.templates import Templates

# At INFO every request of the SDKs is a dozen lines; at DEBUG urllib3 tells URLs that let anybody write to a draft.
for _talkative in ("azure", "msal", "urllib3"):
    logging.getLogger(_talkative).setLevel(logging.WARNING)

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
    from mailer.templating.templates import Templates

    place = settings().templates
    if place == PACKAGED_TEMPLATES:
        return Templates()
    if "://" in place:
        from mailer.storage.clients import container_at
        from mailer.storage.request_blobs import Bodies
        from mailer.storage.template_blobs import BlobContainer
        from mailer.templating.good_versions import FOLDER, GoodVersions

        keep = GoodVersions(Bodies(_container(), folder=FOLDER))
        return Templates(BlobContainer(container_at(settings().storage, place)), keep=keep)
    from mailer.templating.sources import Folder

    folder = Path(__file__).parents[1] / place
    if not folder.is_dir():
        message = f"MAILER_TEMPLATES is wrong: there is no folder {place}. It holds a folder or a container's URL."
        raise ConfigError([message])
    return Templates(Folder(folder))


@_once
def rules() -> "Rules":
    """What a request must meet; raises ConfigError."""
    from mailer.request.address import parse_address
    from mailer.request.parse import Rules

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
    from mailer.delivery.gate import Gate, Mode
    from mailer.request.address import parse_address

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
    from mailer.delivery.compose import Composer

    def open_blob(attachment: "Attachment") -> "File":
        from mailer.storage.attachment_blobs import open_blob

        return open_blob(_container(), attachment)

    return Composer(
        render=lambda use, known: templates().content(use, known=known),
        open_blob=open_blob,
        largest=settings().max_mail_size,
    )


@_once
def _table() -> "TableClient":
    from mailer.storage.clients import table_client

    return table_client(settings().storage, settings().table)


@_once
def ledger() -> "TableLedger":
    """The records."""
    from mailer.storage.records import TableLedger

    return TableLedger(_table(), key_window=settings().idempotency_window)


@_once
def alarms() -> "TableAlarms":
    """What only a person can mend."""
    from mailer.storage.alarms import TableAlarms

    return TableAlarms(_table(), clock=clock)


@_once
def outbox() -> "Outbox":
    """The queue and its poison queue."""
    from mailer.storage.clients import queue_client
    from mailer.storage.queues import Outbox

    storage, name = settings().storage, settings().queue
    return Outbox(queue_client(storage, name), queue_client(storage, f"{name}-poison"))


@_once
def _container() -> "ContainerClient":
    from mailer.storage.clients import container_client

    return container_client(settings().storage, settings().container)


@_once
def _bodies() -> "Bodies":
    from mailer.storage.request_blobs import Bodies

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


request_blobs = _LateBodies()


@_once
def graph_tokens() -> "GraphTokens":
    """The tokens for Graph."""
    from mailer.identity.entra import graph_tokens

    return graph_tokens(settings(), identity_id=os.environ.get("AZURE_CLIENT_ID") or None, clock=clock)


@_once
def graph() -> "GraphConnection":
    """The connection to Graph."""
    from mailer.graph.connection import GraphConnection

    return GraphConnection(settings().graph_url)


@_once
def throttle() -> "Throttle":
    """The places and pauses of mailboxes."""
    from mailer.pace.throttle import Throttle

    return Throttle(settings().mailbox_concurrency)


@_once
def delivery() -> "Delivery":
    """The delivery step with its real parts."""
    from mailer.delivery.deliver import Delivery
    from mailer.settings import OnUncertain

    def on_uncertain(request: "MailRequest") -> OnUncertain:
        with suppress(InvalidRequest, TryLater):  # the template may be gone by now, or out of reach
            if request.template and (chosen := templates().on_uncertain(request.template.id)):
                return chosen
        return OnUncertain(settings().on_uncertain)

    return Delivery(
        rules=replace(rules(), content_problems=lambda _: ()),  # composing the mail tells them
        ledger=ledger(),
        requests=request_blobs,
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
    from mailer.delivery.amend import Amendment

    return Amendment(ledger=ledger(), requests=request_blobs, put=outbox().put, unearth=outbox().unearth, clock=clock)


def sweep() -> None:
    """Clean up once; raises TryLater."""
    from mailer.delivery import sweep as sweeping

    sweeping.sweep(ledger=ledger(), requests=request_blobs, retention=settings().record_retention, now=clock())


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
        waiting: dict[str, list[Alarm]] = {}
        for alarm in alarms().standing():
            waiting.setdefault(alarm.text, []).append(alarm)
        if waiting:
            raise ConfigError(_alarmed(text, of_it) for text, of_it in waiting.items())

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


def _alarmed(text: str, alarms: "list[Alarm]") -> str:
    mailboxes = ", ".join(alarm.mailbox for alarm in alarms)
    return f"Mails of {mailboxes} wait since {alarms[0].since:%Y-%m-%d %H:%M} UTC: {text}"
