"""The real parts plugged together, each made once for a worker, when it is first needed.

Parts are imported where they are made and not at the top: a cold start pays only for what its function uses.
"""

import functools
import logging
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mailer.errors import ConfigError, InvalidRequest, TryLater
from mailer.setting_texts import OnUncertain
from mailer.settings import PACKAGED_TEMPLATES, Settings, read_settings, read_settings_as_used

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from azure.storage.blob import ContainerClient

    from mailer.callers.policy import Caller, Callers
    from mailer.delivery.amend import Amendment
    from mailer.delivery.by_cause import ByCause
    from mailer.delivery.compose import Composer
    from mailer.delivery.decide import Policy
    from mailer.delivery.deliver import Delivery
    from mailer.delivery.failures import Failure
    from mailer.delivery.gate import Gate
    from mailer.delivery.search import Search, Wanted
    from mailer.delivery.stores import Stores
    from mailer.delivery.sweep import Swept
    from mailer.delivery.turns import Turns
    from mailer.graph.connection import GraphConnection
    from mailer.graph.mailbox import Mailbox
    from mailer.health.parts import Health
    from mailer.identity.access_tokens import AccessTokens
    from mailer.identity.caller import Identification
    from mailer.identity.tokens import GraphTokens
    from mailer.pace.allowances import Allowances
    from mailer.pace.later import Later
    from mailer.pace.pace import Pace
    from mailer.pace.pauses import Pauses
    from mailer.pace.throttle import Throttle
    from mailer.request.attachment import Attachment, File
    from mailer.request.model import MailRequest, Priority
    from mailer.request.parse import Rules
    from mailer.storage.alarms import Alarm, TableAlarms
    from mailer.storage.held_rows import HeldMails
    from mailer.storage.later_rows import LaterRows
    from mailer.storage.queues import MailQueue
    from mailer.storage.recipients import Recipients
    from mailer.storage.records import TableLedger
    from mailer.storage.request_blobs import RequestBlobs
    from mailer.storage.tables import Table
    from mailer.templating.templates import Templates

# At INFO every request of the SDKs is a dozen lines; at DEBUG urllib3 tells URLs that let anybody write to a draft.
for _talkative in ("azure", "msal", "urllib3"):
    logging.getLogger(_talkative).setLevel(logging.WARNING)

T = TypeVar("T")

by_hand = threading.Event()
"""Set in the process of a person, who works with rights of their own and needs only the settings that are used."""

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
    return (read_settings_as_used if by_hand.is_set() else read_settings)(os.environ)


@_once
def templates() -> "Templates":
    """The templates, from where MAILER_TEMPLATES says; raises ConfigError."""
    from mailer.templating.templates import Templates

    place = settings().templates
    if place == PACKAGED_TEMPLATES:
        return Templates()
    if "://" in place:
        from mailer.storage.clients import container_at
        from mailer.storage.request_blobs import RequestBlobs
        from mailer.storage.template_blobs import BlobContainer
        from mailer.templating.good_versions import FOLDER, GoodVersions

        keep = GoodVersions(RequestBlobs(_container(), folder=FOLDER))
        return Templates(BlobContainer(container_at(settings().storage, place)), keep=keep)
    from mailer.templating.sources import LOOK_EVERY, Folder

    folder = Path(__file__).parents[1] / place
    if not folder.is_dir():
        message = f"MAILER_TEMPLATES is wrong: there is no folder {place}. It holds a folder or a container's URL."
        raise ConfigError([message])
    return Templates(Folder(folder, look_every=LOOK_EVERY))


@_once
def rules() -> "Rules":
    """What a request must meet; raises ConfigError."""
    from mailer.delivery.rules import rules_of

    return rules_of(settings(), gate(), composer().problems)


def rules_for(caller: "Caller") -> "Rules":
    """What a request of this caller must meet; raises ConfigError."""
    from mailer.delivery.rules import forbidden

    if caller.name is None:
        return rules()
    return replace(rules(), forbidden=lambda request: forbidden(request, caller, priority))


@_once
def callers() -> "Callers | None":
    """Who may do what; None where nobody is asked. Raises ConfigError."""
    from mailer.delivery.rules import callers_of

    return None if settings().callers is None else callers_of(settings())


def caller(*, key: str | None, token: str | None, principal: str | None) -> "Caller":
    """Who calls. Raises InvalidRequest, UnknownCaller, TryLater, ConfigError."""
    from mailer.callers.policy import ANYBODY

    if by_hand.is_set() or callers() is None:
        return ANYBODY
    return _identification().caller(key=key, token=token, principal=principal)


@_once
def _identification() -> "Identification":
    from mailer.callers.policy import Callers
    from mailer.identity.caller import Identification

    def app_of(token: str) -> str:
        return _access_tokens().app_of(token)

    # https://learn.microsoft.com/azure/app-service/reference-app-settings: only then is the header the platform's own
    principals = os.environ.get("WEBSITE_AUTH_ENABLED", "").casefold() == "true"
    return Identification(callers=callers() or Callers(), app_of=app_of, principals=principals)


@_once
def _access_tokens() -> "AccessTokens":
    from mailer.graph.public_json import read_public_json
    from mailer.identity.access_tokens import AccessTokens

    return AccessTokens(settings(), read_json=read_public_json, clock=clock)


@_once
def gate() -> "Gate":
    """Whom mails may reach; raises ConfigError."""
    from mailer.delivery.rules import gate_of

    return gate_of(settings())


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
def _table() -> "Table":
    from mailer.storage.clients import kept_table

    return kept_table(settings().storage, settings().table)


@_once
def ledger() -> "TableLedger":
    """The records."""
    from mailer.storage.records import TableLedger

    return TableLedger(_table(), key_window=settings().idempotency_window, recipients=_recipients())


@_once
def _recipients() -> "Recipients | None":
    if not settings().recipient_search:
        return None
    from mailer.storage.clients import kept_table
    from mailer.storage.recipients import Recipients, table_of_key

    return Recipients(kept_table(settings().storage, table_of_key(settings().table)))


@_once
def search() -> "Search":
    """The lists of mails."""
    from mailer.delivery.search import Search
    from mailer.storage.record_pages import RecordPages

    return Search(table=RecordPages(_table(), _recipients()), clock=clock)


@_once
def alarms() -> "TableAlarms":
    """What only a person can mend."""
    from mailer.storage.alarms import TableAlarms

    return TableAlarms(_table(), clock=clock)


@_once
def _queue() -> "MailQueue":
    from mailer.storage.clients import kept_queue
    from mailer.storage.queues import MailQueue

    return MailQueue(kept_queue(settings().storage, settings().queue))


@_once
def _poison() -> "MailQueue":
    from mailer.storage.clients import kept_queue
    from mailer.storage.queues import MailQueue

    return MailQueue(kept_queue(settings().storage, f"{settings().queue}-poison"))


@_once
def _rows() -> "LaterRows":
    from mailer.storage.later_rows import LaterRows

    return LaterRows(_table())


@_once
def later() -> "Later":
    """The messages of mails, due soon or later."""
    from mailer.pace.later import Later

    return Later(queue=_queue(), rows=_rows(), clock=clock)


@_once
def stores() -> "Stores":
    """Where mails are kept."""
    from mailer.delivery.stores import Stores

    return Stores(ledger=ledger(), requests=_LateRequests(), outbox=later())


@_once
def _container() -> "ContainerClient":
    from mailer.storage.clients import container_client

    return container_client(settings().storage, settings().container)


@_once
def _request_blobs() -> "RequestBlobs":
    from mailer.storage.request_blobs import RequestBlobs

    return RequestBlobs(_container())


class _LateRequests:
    """The requests in blobs, which few mails need: their SDK is imported when one does."""

    def put(self, mail: str, content: bytes) -> None:
        _request_blobs().put(mail, content)

    def get(self, mail: str) -> bytes | None:
        return _request_blobs().get(mail)

    def delete(self, mail: str) -> None:
        _request_blobs().delete(mail)


@_once
def graph_tokens() -> "GraphTokens":
    """The tokens for Graph."""
    from mailer.identity.entra import graph_tokens

    return graph_tokens(settings(), identity_id=os.environ.get("AZURE_CLIENT_ID") or None, clock=clock)


def secret_expires_on() -> datetime | None:
    """When the secret expires that is in use, as far as it was read already."""
    with suppress(ConfigError):
        return graph_tokens().expires_on
    return None


@_once
def graph() -> "GraphConnection":
    """The connection to Graph."""
    from mailer.graph.connection import GraphConnection

    return GraphConnection(settings().graph_url)


@_once
def _mailbox() -> "Mailbox":
    from mailer.graph.mailbox import Mailbox

    return Mailbox(graph(), graph_tokens)


@_once
def throttle() -> "Throttle":
    """The places and pauses of mailboxes."""
    from mailer.pace.throttle import Throttle

    return Throttle(settings().mailbox_concurrency, pauses())


@_once
def pauses() -> "Pauses":
    """Which mailboxes are to wait."""
    from mailer.pace.pauses import Pauses
    from mailer.storage.pace_rows import TablePauses

    return Pauses(TablePauses(_table()), clock=clock)


@_once
def turns() -> "Turns":
    """When mails may go, and from which mailbox."""
    from mailer.delivery.rules import pools_of
    from mailer.delivery.turns import Turns

    pools = {name: [each.address.lower() for each in pool] for name, pool in pools_of(settings()).items()}
    return Turns(pace=pace(), pools=pools, priority=priority, clock=clock, allowances=_allowances())


@_once
def _allowances() -> "Allowances | None":
    known = callers()
    if known is None:
        return None
    from mailer.pace.allowances import Allowances
    from mailer.storage.pace_rows import TableCounts

    limits = {str(one.name): one.recipients_per_day for one in known.all if one.recipients_per_day is not None}
    return Allowances(limits, TableCounts(_table()), clock=clock)


@_once
def pace() -> "Pace":
    """The pace of all mailboxes."""
    from mailer.pace.grid import Grid
    from mailer.pace.pace import Pace
    from mailer.pace.quota import Quota
    from mailer.pace.slots import Slots
    from mailer.storage.pace_rows import TableCounts
    from mailer.storage.slot_rows import TableSlots

    rate, daily = settings().mailbox_rate, settings().mailbox_daily
    slots = Slots(Grid(rate), TableSlots(_table()), clock=clock) if rate else None
    quota = Quota(daily, TableCounts(_table()), clock=clock) if daily else None
    return Pace(pauses=pauses(), slots=slots, quota=quota, clock=clock)


def priority(request: "MailRequest") -> "Priority":
    """Who goes first: as the request says, else its template, else everybody alike."""
    from mailer.request.model import Priority

    chosen = request.priority
    if chosen is None and request.template:
        with suppress(ConfigError, InvalidRequest, TryLater):
            chosen = templates().priority(request.template.id)
    return chosen or Priority.NORMAL


def policy(request: "MailRequest | None" = None) -> "Policy":
    """What to do in doubt about this request: as its template says, else as the setting does."""
    from mailer.delivery.decide import Policy

    chosen = settings().on_uncertain
    if request and request.template:
        with suppress(ConfigError, InvalidRequest, TryLater):  # the template may be gone by now, or out of reach
            chosen = templates().on_uncertain(request.template.id) or chosen
    if request and chosen is OnUncertain.VERIFY and not request.save_to_sent_items:
        chosen = OnUncertain.HOLD
    return Policy(on_uncertain=chosen, max_age=settings().max_age)


@_once
def delivery() -> "Delivery":
    """The delivery step with its real parts."""
    from mailer.delivery.attempt import Attempt
    from mailer.delivery.deliver import Delivery
    from mailer.delivery.opening import Opening
    from mailer.delivery.rules import preparation_of

    def read_rules() -> "Rules":
        return replace(rules(), content_problems=lambda _: ())  # composing the mail tells them

    preparation = preparation_of(read_rules, composer().compose, gate, clock, callers=callers, priority=priority)
    return Delivery(
        stores=stores(),
        turns=turns(),
        opening=Opening(stores=stores(), preparation=preparation, clock=clock),
        attempt=Attempt(ledger=ledger(), preparation=preparation, graph=_mailbox(), throttle=throttle(), clock=clock),
        alarms=alarms(),
        policy=policy,
        clock=clock,
    )


@_once
def amendment() -> "Amendment":
    """Changes to accepted mails with their real parts."""
    from mailer.delivery.amend import Amendment

    return Amendment(stores=stores(), turns=turns(), policy=policy(), clock=clock)


def failures(wanted: "Wanted") -> "tuple[Sequence[Failure], bool]":
    """Why these mails failed, and whether there are more; raises TryLater."""
    from mailer.delivery.failures import failures
    from mailer.graph import verdicts
    from mailer.identity import entra

    remedies = {*verdicts.MEND.values(), verdicts.PROXY, *entra.MEND.values()}
    return failures(search(), wanted, remedies=remedies)


@_once
def by_cause() -> "ByCause":
    """Replays and retries of all mails of a cause."""
    from concurrent.futures import ThreadPoolExecutor

    from mailer.delivery.by_cause import ByCause
    from mailer.storage.job_rows import TableJobs

    several = ThreadPoolExecutor(8, thread_name_prefix="by-cause")
    jobs = TableJobs(_table())
    return ByCause(search=search(), amendment=amendment(), jobs=jobs, clock=clock, spread=several.map)


def carry_on() -> int:
    """Go on with the replays and retries that were asked for; raises TryLater."""
    return by_cause().run()


def release() -> int:
    """Put the mails on the queue that are due within the next minutes; raises TryLater."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8, thread_name_prefix="release") as several:
        return later().release(several.map)


def sweep() -> "Swept":
    """Clean up once; raises TryLater."""
    from mailer.delivery.sweep import Sweep
    from mailer.storage.clean_up import CleanUpTable, Waits

    return Sweep(
        table=CleanUpTable(_table()),
        stores=stores(),
        request_pages=_request_blobs().pages,
        waits=Waits((_queue(), _poison()), _rows()),
        report=lambda text: alarms().sound("", "mails_stalled", text),
        policy=policy(),
        retention=settings().record_retention,
        clock=clock,
    ).run()


@_once
def pool() -> "Executor":
    """Threads for callers who wait."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(8, thread_name_prefix="waited-for")


@_once
def batch_pool() -> "Executor":
    """Threads for the mails of batches."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(8, thread_name_prefix="batch")


@_once
def health() -> "Health":
    """What works and what does not."""
    from mailer.health.mailboxes import Mailboxes
    from mailer.health.parts import Health
    from mailer.identity.claims import claims_of
    from mailer.request.address import Address
    from mailer.storage.held_rows import TableHeld

    def mailboxes() -> list[str]:
        pools = (rules().senders, *rules().pools.values())
        return sorted({each.address.lower() for pool in pools for each in pool})

    def check_settings() -> None:
        rules()  # which need them all

    def check_queue() -> list[str]:
        _queue().length()
        if lying := _poison().length():
            return [f"Messages that lie in `{settings().queue}-poison`, until they are taken off: {lying}."]
        return []

    def check_sending() -> None:
        waiting: dict[str, list[Alarm]] = {}
        for alarm in alarms().standing():
            waiting.setdefault(alarm.text, []).append(alarm)
        if waiting:
            raise ConfigError(_alarmed(text, of_it) for text, of_it in waiting.items())

    def check_callers() -> list[str]:
        known = callers()
        doubts = known.warnings({each.address.lower() for each in rules().senders} | {*rules().pools}) if known else []
        return [*doubts, *map(_held, TableHeld(_table()).standing())]

    graphs = Mailboxes(
        mailboxes,
        token=lambda: graph_tokens().token(),
        roles=lambda token: claims_of(token).get("roles", ()),
        ask=lambda mailbox, token: _mailbox().send_nothing(Address(address=mailbox), token),
        clock=clock,
    )
    return Health(
        {
            "settings": check_settings,
            "table": lambda: ledger().ping(),
            "queue": check_queue,
            "blobs": lambda: _request_blobs().ping(),
            "graph_token": lambda: graph_tokens().check(),
            "permission": graphs.permission,
            "clock": graphs.clock,
            "templates": lambda: templates().warnings(),
            "sending": check_sending,
            "pace": lambda: pace().warnings(mailboxes()),
            "callers": check_callers,
        }
    )


def _held(held: "HeldMails") -> str:
    return (
        f"{held.mails} mails of the caller `{held.caller}` are held since {held.since:%Y-%m-%d %H:%M} UTC, for it has "
        f"reached its `recipients_per_day`. GET /emails?status=held&caller={held.caller} lists them; release or cancel "
        "each, or raise the number in MAILER_CALLERS."
    )


def _alarmed(text: str, alarms: "list[Alarm]") -> str:
    mailboxes = ", ".join(alarm.mailbox for alarm in alarms)
    return f"Mails of {mailboxes} wait since {alarms[0].since:%Y-%m-%d %H:%M} UTC: {text}"
