"""Where mails are kept, over one storage account."""

from typing import TYPE_CHECKING

from mailer.gather import Company
from mailer.wiring import base

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

    from mailer.delivery.search import Search
    from mailer.delivery.stores import Stores
    from mailer.feedback.suppressions import Suppressions
    from mailer.pace.later import Later
    from mailer.storage.alarms import TableAlarms
    from mailer.storage.later_rows import LaterRows
    from mailer.storage.queues import MailQueue
    from mailer.storage.recipients import Recipients
    from mailer.storage.records import TableLedger
    from mailer.storage.request_blobs import RequestBlobs
    from mailer.storage.tables import Table


@base.once
def table() -> "Table":
    """The table of the records and of all other rows."""
    from mailer.storage.clients import kept_table

    return kept_table(base.settings().storage, base.settings().table)


@base.once
def company() -> Company:
    """The threads that have mails under way."""
    return Company()


@base.once
def ledger() -> "TableLedger":
    """The records."""
    from mailer.storage.records import TableLedger

    return TableLedger(
        table(), key_window=base.settings().idempotency_window, recipients=recipients(), company=company()
    )


def recipients() -> "Recipients | None":
    """The keyed hashes of addresses, by which mails are found; None where that is switched off."""
    return hashes() if base.settings().recipient_search else None


@base.once
def hashes() -> "Recipients":
    """The keyed hashes of addresses."""
    from mailer.storage.clients import kept_table
    from mailer.storage.recipients import Recipients, table_of_key

    return Recipients(kept_table(base.settings().storage, table_of_key(base.settings().table)))


@base.once
def suppressions() -> "Suppressions":
    """Who gets no mail any more."""
    from mailer.feedback.suppressions import Suppressions
    from mailer.storage.suppression_rows import TableSuppressions

    return Suppressions(TableSuppressions(table(), hashes()), clock=base.clock)


@base.once
def search() -> "Search":
    """The lists of mails."""
    from mailer.delivery.search import Search
    from mailer.storage.record_pages import RecordPages

    return Search(table=RecordPages(table(), recipients()), clock=base.clock)


@base.once
def alarms() -> "TableAlarms":
    """What only a person can mend."""
    from mailer.storage.alarms import TableAlarms

    return TableAlarms(table(), clock=base.clock)


@base.once
def queue() -> "MailQueue":
    """The queue of mails."""
    from mailer.storage.clients import kept_queue
    from mailer.storage.queues import MailQueue

    return MailQueue(kept_queue(base.settings().storage, base.settings().queue))


@base.once
def poison() -> "MailQueue":
    """What the host has given up."""
    from mailer.storage.clients import kept_queue
    from mailer.storage.queues import MailQueue

    return MailQueue(kept_queue(base.settings().storage, f"{base.settings().queue}-poison"))


@base.once
def rows() -> "LaterRows":
    """The mails that are due later."""
    from mailer.storage.later_rows import LaterRows

    return LaterRows(table(), company())


@base.once
def later() -> "Later":
    """The messages of mails, due soon or later."""
    from mailer.pace.later import Later

    return Later(queue=queue(), rows=rows(), clock=base.clock, company=company())


@base.once
def stores() -> "Stores":
    """Where mails are kept."""
    from mailer.delivery.stores import Stores

    return Stores(ledger=ledger(), requests=_LateRequests(), outbox=later(), company=company())


@base.once
def container() -> "ContainerClient":
    """The container of requests."""
    from mailer.storage.clients import container_client

    return container_client(base.settings().storage, base.settings().container)


@base.once
def request_blobs() -> "RequestBlobs":
    """The requests that are kept as blobs."""
    from mailer.storage.request_blobs import RequestBlobs

    return RequestBlobs(container())


class _LateRequests:
    """The requests in blobs, which few mails need: their SDK is imported when one does."""

    def put(self, mail: str, content: bytes) -> None:
        request_blobs().put(mail, content)

    def get(self, mail: str) -> bytes | None:
        return request_blobs().get(mail)

    def delete(self, mail: str) -> None:
        request_blobs().delete(mail)
