"""No storage call that the promise does not need."""

import itertools
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from azure.data.tables import TableClient
from azure.storage.queue import QueueClient

from mailer import gather
from mailer.delivery.batch import MOST
from mailer.delivery.mail import QueuedMessage
from mailer.delivery.record import Status
from mailer.errors import TryLater
from mailer.gather import Company
from mailer.pace.later import Later
from mailer.storage.later_rows import LaterRows
from mailer.storage.pace_rows import TableCounts, TablePauses
from mailer.storage.queues import MailQueue
from mailer.storage.recipients import Recipients
from mailer.storage.records import TableLedger
from mailer.storage.slot_rows import TableSlots
from mailer.storage.suppression_rows import TableSuppressions
from tests import post as memory
from tests.builders import as_bytes, members
from tests.fakes import START

NUMBERS = itertools.count()
HOSTS_DELETE = 1


class Post(memory.Post):
    """Accepting and delivering over real storage clients, each request of which is counted."""

    def __init__(self, connection_string, stack, **pace):
        def client(kind, name):
            made = kind.from_connection_string(connection_string, name, raw_request_hook=self._count)
            return stack.enter_context(made)

        super().__init__(**pace)
        self.calls = Counter()
        name = f"t{uuid4().hex}"
        table = client(TableClient, name)
        self.client = client(QueueClient, name)
        self.mails = MailQueue(self.client)
        self.company = Company()
        self.rows = LaterRows(table, self.company)
        self.ledger = TableLedger(table, key_window=timedelta(hours=24), company=self.company)
        self.slots, self.pauses, self.counts = TableSlots(table), TablePauses(table), TableCounts(table)
        self.suppression_rows = TableSuppressions(table, Recipients(client(TableClient, f"{name}keys")))
        self.start_instance()
        self.suppressions.among([])  # which looks once a minute
        self.mails.length()
        self.ledger.ping()
        if not self.rate:
            self.turns.pace.pauses.left("")  # which is read once in five seconds
        self.calls.clear()

    @property
    def later(self):
        return Later(queue=self, rows=self.rows, clock=self.clock, company=self.company)

    def stores(self, **parts):
        return super().stores(**parts, company=self.company)

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
        try:
            (message,) = self.client.receive_messages(messages_per_page=1, max_messages=1)
        finally:
            self.calls = before
        return QueuedMessage(body=message.content.encode(), id=message.id, inserted_at=message.inserted_on)

    def received_soon(self):
        """The message once the queue shows it, in real time."""
        while not (message := self._shown()):
            time.sleep(0.2)
        return message

    def _shown(self):
        with suppress(ValueError):
            return self.received()


@pytest.fixture
def post(storage):
    with ExitStack() as stack:
        yield Post(storage.connection_string, stack)


@pytest.fixture
def paced(storage):
    with ExitStack() as stack:
        yield Post(storage.connection_string, stack, rate=30, daily=10_000)


def by_queue(**changes):
    """A new one each time."""
    return QueuedMessage(body=as_bytes(members(**changes)), id=f"m{next(NUMBERS)}", inserted_at=START)


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


def test_a_long_wait_takes_four_its_content_included(post):
    busy = TryLater("Busy.", code="http_503", after=timedelta(hours=1))

    post.deliver(by_queue(), send=memory.raising(busy))

    assert post.spent + len(post.requests.kept) <= 4


def warm(paced, **changes):
    """After its first mail, which has read what is known for a while: the pauses, and the day's recipients."""
    paced.deliver(by_queue(**changes))
    paced.turns.pace.pauses.left("")
    paced.calls.clear()
    return paced


def test_at_its_mailboxs_pace_a_mail_by_queue_that_leaves_at_once_takes_four(paced):
    assert warm(paced).deliver(by_queue(priority="urgent")) is Status.SENT
    assert paced.spent <= 4


def test_the_first_mail_by_queue_in_a_while_takes_no_more(paced):
    assert paced.deliver(by_queue()) is Status.SENT
    assert paced.spent <= 4


def test_the_first_mail_by_http_in_a_while_takes_seven(paced):
    paced.accept()

    assert paced.deliver(paced.received()) is Status.SENT
    assert paced.spent <= 7


def test_at_its_mailboxs_pace_a_mail_by_http_that_leaves_at_once_takes_six(paced):
    warm(paced).accept(priority="urgent")

    assert paced.deliver(paced.received()) is Status.SENT
    assert paced.spent <= 6


def test_a_bulk_mail_by_queue_whose_slot_opens_in_a_moment_takes_five(paced):
    """It waits in the worker's hand, and looks whether the slot still is its own."""
    assert warm(paced, priority="bulk").deliver(by_queue(priority="bulk")) is Status.SENT
    assert paced.clock.now > START
    assert paced.spent <= 5


@pytest.fixture
def patient(monkeypatch):
    """However slow the machine is, threads that write at the same time meet."""
    monkeypatch.setattr(gather, "LONGEST", 1.0)


def accept_batch(paced, *, key=None):
    """A hundred mails in one call, at their mailbox's pace."""
    with ThreadPoolExecutor(8) as pool:
        return paced.batch(pool).accept([as_bytes(members())] * MOST, key=key)


@pytest.mark.usefixtures("patient")
def test_a_mail_of_a_batch_takes_less_than_one_its_slot_included(paced):
    """Its record and its row or message are written with those of others."""
    results = accept_batch(warm(paced))

    assert all(result.receipt for result in results)
    assert paced.calls.total() < MOST


def test_counting_a_callers_recipients_takes_few_for_many_mails(storage):
    with ExitStack() as stack:
        post = Post(storage.connection_string, stack, limits={"shop": 5000})
        for _ in range(100):
            post.accept(caller="shop")

        assert post.calls.total() <= 2 * 100 + 10


def test_a_held_mail_takes_five_its_content_included(storage):
    """Its note, its record, and the look at what other instances have counted."""
    with ExitStack() as stack:
        post = Post(storage.connection_string, stack, limits={"shop": 1})
        post.accept(caller="shop")
        post.calls.clear()

        assert post.accept(caller="shop").receipt.status is Status.HELD
        assert post.calls.total() + len(post.requests.kept) <= 5


@pytest.mark.usefixtures("patient")
def test_a_batch_with_a_key_takes_one_more(paced):
    accept_batch(warm(paced), key="k")

    assert paced.calls.total() <= MOST


def test_nobody_waits_for_a_mail_that_is_composed_or_with_graph(post):
    under_way = []

    def composing(request, *, mail):
        under_way.append(post.company.members)
        return memory.composed(request, mail=mail)

    post.deliver(by_queue(), compose=composing, send=lambda: under_way.append(post.company.members))

    assert under_way == [0, 0]


EVERYBODY = [f"a{number}@example.com" for number in range(500)]


@pytest.mark.parametrize("suppressed", [0, 40])
def test_a_mail_to_500_recipients_takes_no_more_however_many_addresses_are_suppressed(post, suppressed):
    for address in EVERYBODY[:suppressed]:
        post.suppressions.suppress(address)
    post.suppressions.among([])
    post.calls.clear()

    message = by_queue(to=EVERYBODY)
    assert post.deliver(message) is Status.SENT
    assert post.spent <= 3
    assert len(post.ledger.read(message.mail_id).skipped) == suppressed


def test_the_list_of_suppressed_addresses_takes_one_a_minute(post):
    for address in EVERYBODY[:40]:
        post.suppressions.suppress(address)
    post.suppressions.among([])
    post.calls.clear()
    for _ in range(60):
        post.clock.advance(seconds=10)
        post.suppressions.among(EVERYBODY)

    assert post.calls.total() == 10


def test_to_suppress_an_address_takes_two(post):
    """A look at what there is, and one transaction."""
    post.suppressions.suppress(EVERYBODY[0])
    post.calls.clear()
    post.suppressions.suppress(EVERYBODY[1])

    assert post.calls.total() == 2
