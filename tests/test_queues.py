"""Messages on the real queues of Azurite."""

from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from mailer.delivery.message import read_message
from mailer.errors import TryLater
from mailer.local import programs
from mailer.request.model import Envelope
from mailer.request.parse import read_request
from mailer.storage.queues import Outbox
from tests.builders import RULES, SOME_ID, a_request

ENVELOPE = Envelope(id=SOME_ID, version="W/\"datetime'2026-11-23T12%3A00%3A00.0000001Z'\"")


class Queues:
    """The two queues, and the query of each request that went to them."""

    def __init__(self, connection_string, stack):
        self.queries = []
        name = f"q{uuid4().hex}"
        self.main, self.poison = (
            stack.enter_context(
                QueueClient.from_connection_string(connection_string, text, raw_request_hook=self._note)
            )
            for text in (name, f"{name}-poison")
        )
        self.outbox = Outbox(self.main, self.poison)

    def _note(self, request):
        self.queries.append(parse_qs(urlsplit(request.http_request.url).query))

    @property
    def delays(self):
        return [int(query["visibilitytimeout"][0]) for query in self.queries if "visibilitytimeout" in query]


@pytest.fixture
def queues(storage):
    with ExitStack() as stack:
        yield Queues(storage.connection_string, stack)


def test_a_mail_on_the_queue_reads_as_it_was_put(queues):
    request = a_request(text="Grüße\x00\x1f €\u2028 \ufffe\uffff 😀 <&>\r\n")

    queues.outbox.put(request, ENVELOPE)

    (message,) = queues.main.receive_messages()
    members, envelope = read_message(message.content.encode())
    assert (read_request(members, rules=RULES), envelope) == (request, ENVELOPE)


def test_a_message_never_expires(queues):
    queues.outbox.put(a_request(), ENVELOPE)
    queues.outbox.bury("{}")

    for queue in (queues.main, queues.poison):
        (message,) = queue.receive_messages()
        assert message.expires_on.year == 9999


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        (timedelta(), 0),
        (timedelta(seconds=30), 30),
        (timedelta(seconds=2.128), 3),
        (timedelta(milliseconds=1), 1),
        (timedelta(days=7), 604800),
        (timedelta(days=30), 604800),
    ],
)
def test_a_mail_is_never_back_sooner_than_asked_nor_later_than_the_queue_can(queues, after, seconds):
    queues.outbox.put(a_request(), ENVELOPE, after=after)

    assert queues.delays[-1] == seconds


def test_the_queues_are_made_when_they_are_first_missed(queues):
    with pytest.raises(ResourceNotFoundError):
        queues.main.get_queue_properties()

    queues.outbox.put(a_request(), ENVELOPE)
    queues.outbox.bury("{}")

    assert queues.main.get_queue_properties().approximate_message_count == 1
    assert queues.poison.get_queue_properties().approximate_message_count == 1


def test_a_ping_makes_the_queue(queues):
    queues.outbox.ping()

    assert queues.main.get_queue_properties().approximate_message_count == 0


def test_a_mail_costs_one_transaction_where_the_queue_exists(queues):
    queues.outbox.ping()
    queues.queries.clear()

    queues.outbox.put(a_request(), ENVELOPE)

    assert len(queues.queries) == 1


def test_a_queue_that_does_not_answer_is_worth_another_try():
    nowhere = f"http://127.0.0.1:{programs.free_ports(1)[0]}/devstoreaccount1"
    connection = f"AccountName=devstoreaccount1;AccountKey=bm9uZQ==;QueueEndpoint={nowhere};"
    with QueueClient.from_connection_string(connection, "emails", retry_total=0) as queue:
        outbox = Outbox(queue, queue)
        for call in (lambda: outbox.put(a_request(), ENVELOPE), lambda: outbox.bury("{}"), outbox.ping):
            with pytest.raises(TryLater) as refusal:
                call()
            assert refusal.value.code == "storage_unavailable"
