"""No storage call that the promise does not need."""

from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from uuid import uuid4

import pytest
from azure.data.tables import TableClient
from azure.storage.queue import QueueClient

from mailer.delivery.accept import accept
from mailer.delivery.deliver import Delivery, QueuedMessage
from mailer.delivery.gate import Gate, Mode
from mailer.delivery.record import Status
from mailer.errors import TryLater
from mailer.pace.throttle import Throttle
from mailer.settings import OnUncertain
from mailer.storage.queues import Outbox
from mailer.storage.records import TableLedger
from tests.builders import RULES, a_request, as_bytes, composed, members
from tests.fakes import START, Alarms, Clock, MemoryRequests

HOSTS_DELETE = 1


class Post:
    """Accepting and delivering over real storage clients, each request of which is counted."""

    def __init__(self, connection_string, stack):
        def client(kind, name):
            made = kind.from_connection_string(connection_string, name, raw_request_hook=self._count)
            return stack.enter_context(made)

        self.calls = Counter()
        name = f"t{uuid4().hex}"
        self.queue = client(QueueClient, name)
        self.outbox = Outbox(self.queue, client(QueueClient, f"{name}-poison"))
        self.ledger = TableLedger(client(TableClient, name), key_window=timedelta(hours=24))
        self.clock = Clock()
        self.outbox.ping()
        self.ledger.ping()
        self.calls.clear()

    def _count(self, request):
        self.calls[request.http_request.method] += 1

    @property
    def spent(self):
        return self.calls.total() + HOSTS_DELETE

    def accept(self, **changes):
        accept(
            a_request(**changes),
            ledger=self.ledger,
            put=self.outbox.put,
            store=MemoryRequests().put,
            clock=self.clock,
        )

    def received(self):
        """The message as the host gives it: its receive is the host's and does not count."""
        before = self.calls.copy()
        (message,) = self.queue.receive_messages(messages_per_page=1, max_messages=1)
        self.calls = before
        return QueuedMessage(body=message.content.encode(), id=message.id, inserted_at=message.inserted_on)

    def deliver(self, message, *, send=lambda *_: None):
        delivery = Delivery(
            rules=RULES,
            ledger=self.ledger,
            requests=MemoryRequests(),
            is_sent=lambda *_: False,
            throttle=Throttle(4),
            alarms=Alarms(),
            on_uncertain=lambda _: OnUncertain.HOLD,
            compose=composed,
            screen=Gate(mode=Mode.OPEN).screen,
            send_large=lambda *_, **__: None,
            clear_drafts=lambda *_: None,
            authorize=lambda: "token",
            send=send,
            put=self.outbox.put,
            bury=self.outbox.bury,
            clock=self.clock,
            max_age=timedelta(hours=48),
        )
        return delivery.deliver(message)


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


def test_each_wait_takes_four_more(post):
    def busy(*_):
        raise TryLater("Busy.", code="http_503", after=timedelta(milliseconds=1))

    post.deliver(by_queue(), send=busy)

    assert post.spent <= 4
