"""No storage call that the promise does not need."""

from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from uuid import uuid4

import pytest
from azure.data.tables import TableClient
from azure.storage.queue import QueueClient

from mailer.delivery.mail import QueuedMessage
from mailer.delivery.record import Status
from mailer.errors import TryLater
from mailer.storage.later_rows import LaterRows
from mailer.storage.queues import MailQueue
from mailer.storage.records import TableLedger
from tests import post as memory
from tests.builders import as_bytes, members
from tests.fakes import START

HOSTS_DELETE = 1


class Post(memory.Post):
    """Accepting and delivering over real storage clients, each request of which is counted."""

    def __init__(self, connection_string, stack):
        def client(kind, name):
            made = kind.from_connection_string(connection_string, name, raw_request_hook=self._count)
            return stack.enter_context(made)

        super().__init__()
        self.calls = Counter()
        name = f"t{uuid4().hex}"
        table = client(TableClient, name)
        self.client = client(QueueClient, name)
        self.mails = MailQueue(self.client)
        self.rows = LaterRows(table)
        self.ledger = TableLedger(table, key_window=timedelta(hours=24))
        self.mails.ping()
        self.ledger.ping()
        self.calls.clear()

    def _count(self, request):
        self.calls[request.http_request.method] += 1

    def send(self, text, *, after):
        self.mails.send(text, after=after)

    @property
    def spent(self):
        return self.calls.total() + HOSTS_DELETE

    def received(self):
        """The message as the host gives it: its receive is the host's and does not count."""
        before = self.calls.copy()
        (message,) = self.client.receive_messages(messages_per_page=1, max_messages=1)
        self.calls = before
        return QueuedMessage(body=message.content.encode(), id=message.id, inserted_at=message.inserted_on)


@pytest.fixture
def post(storage):
    with ExitStack() as stack:
        yield Post(storage.connection_string, stack)


def by_queue(**changes):
    return QueuedMessage(body=as_bytes(members(**changes)), id="m1", inserted_at=START)


def test_a_mail_by_http_takes_five_transactions(post):
    post.accept()

    assert post.deliver(post.received()) is Status.SENT
    assert post.spent <= 5


def test_a_mail_by_http_with_a_key_takes_six(post):
    post.accept(idempotency_key="order-7")

    assert post.deliver(post.received()) is Status.SENT
    assert post.spent <= 6


def test_a_mail_by_queue_takes_three_transactions(post):
    assert post.deliver(by_queue()) is Status.SENT
    assert post.spent <= 3


def test_a_mail_by_queue_with_a_key_takes_four(post):
    assert post.deliver(by_queue(idempotency_key="order-7")) is Status.SENT
    assert post.spent <= 4


def test_each_short_wait_takes_four_more(post):
    busy = TryLater("Busy.", code="http_503", after=timedelta(milliseconds=1))

    post.deliver(by_queue(), send=memory.raising(busy))

    assert post.spent <= 4


def test_a_long_wait_takes_five_its_blob_included(post):
    busy = TryLater("Busy.", code="http_503", after=timedelta(hours=1))

    post.deliver(by_queue(), send=memory.raising(busy))

    assert post.spent + len(post.requests.kept) <= 5
