"""All steps over Azurite, with the clean-up."""

from datetime import timedelta
from uuid import uuid4

from azure.data.tables import TableClient
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from mailer.delivery.decide import Policy
from mailer.delivery.sweep import Sweep
from mailer.setting_texts import OnUncertain
from mailer.storage.clean_up import CleanUpTable, Waits
from mailer.storage.later_rows import LaterRows
from mailer.storage.queues import MailQueue
from mailer.storage.records import TableLedger, read_record
from mailer.storage.request_blobs import RequestBlobs
from tests import post as memory
from tests.builders import a_record, claimed
from tests.fakes import START

HOURS = timedelta(hours=1)
RETENTION = timedelta(days=90)


class Rows(LaterRows):
    @property
    def kept(self):
        """All that wait, as a dictionary in memory has them."""
        return {row.mail: row for page in self.pages(START + timedelta(days=3650)) for row in page}

    @property
    def first_due(self):
        return min(row.due for row in self.kept.values())


class Store(memory.Post):
    """All steps over Azurite; a test moves the clock."""

    def __init__(self, connection_string, stack):
        def client(kind, name):
            return stack.enter_context(kind.from_connection_string(connection_string, name))

        super().__init__()
        name = f"t{uuid4().hex}"
        self.table = client(TableClient, name)
        self.ledger = TableLedger(self.table, key_window=timedelta(hours=24))
        self.rows = Rows(self.table)
        self.requests = RequestBlobs(client(ContainerClient, name))
        self.mails, self.poison = (MailQueue(client(QueueClient, text)) for text in (name, f"{name}-poison"))
        self.reports = []

    def sweep(self, **parts):
        known = {
            "table": CleanUpTable(self.table),
            "stores": self.stores(),
            "request_pages": self.requests.pages,
            "waits": Waits((self.mails, self.poison), self.rows),
            "report": self.reports.append,
            "policy": Policy(on_uncertain=OnUncertain.HOLD, max_age=timedelta(hours=48)),
            "retention": RETENTION,
            "clock": self.clock,
        }
        return Sweep(**known | parts).run()

    def put_record(self, entropy=b"0123456789", **changes):
        return self.ledger.write(a_record(entropy=entropy, **changes))

    @property
    def only_record(self):
        (row,) = self.table.query_entities("status ne ''")
        return read_record(row)

    def after(self, **duration):
        self.clock.advance(**duration)
        return self


def died_in_flight(store, **changes):
    """The worker that claimed this mail never came back."""
    return store.ledger.write(claimed(store.put_record(), **changes))
