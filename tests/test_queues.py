"""Messages on the real queue of Azurite."""

from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from azure.storage.queue import QueueClient

from mailer.delivery.envelope import Envelope
from mailer.delivery.message import read_message, write_message
from mailer.errors import TryLater
from mailer.local import programs
from mailer.request.json_object import write_object
from mailer.request.parse import read_request
from mailer.storage.queues import MailQueue
from tests.builders import RULES, SOME_ID, a_request

ENVELOPE = Envelope(id=SOME_ID, version="W/\"datetime'2026-11-23T12%3A00%3A00.0000001Z'\"")
NOW = timedelta()


class Queue:
    """A queue, and the query of each request that went to it."""

    def __init__(self, connection_string, stack):
        self.queries = []
        client = QueueClient.from_connection_string(
            connection_string, f"q{uuid4().hex}", raw_request_hook=lambda request: self.queries.append(_query(request))
        )
        self.client = stack.enter_context(client)
        self.mails = MailQueue(self.client)

    @property
    def delays(self):
        return [int(query["visibilitytimeout"][0]) for query in self.queries if "visibilitytimeout" in query]


def _query(request):
    return parse_qs(urlsplit(request.http_request.url).query)


@pytest.fixture
def queue(storage):
    with ExitStack() as stack:
        yield Queue(storage.connection_string, stack)


def test_a_mail_on_the_queue_reads_as_it_was_put(queue):
    request = a_request(text="Grüße\x00\x1f €\u2028 \ufffe\uffff 😀 <&>\r\n")

    queue.mails.send(write_message(write_object(request.as_json()), ENVELOPE), after=NOW)

    (message,) = queue.client.receive_messages()
    members, envelope = read_message(message.content.encode())
    assert (read_request(members, rules=RULES), envelope) == (request, ENVELOPE)


def test_a_message_never_expires(queue):
    queue.mails.send("{}", after=NOW)

    (message,) = queue.client.receive_messages()
    assert message.expires_on.year == 9999


@pytest.mark.parametrize(
    ("after", "seconds"),
    [(NOW, 0), (timedelta(seconds=30), 30), (timedelta(seconds=2.928), 2), (timedelta(milliseconds=1), 0)],
)
def test_a_message_comes_less_than_a_second_early_and_never_late(queue, after, seconds):
    queue.mails.send("{}", after=after)

    assert queue.delays[-1] == seconds


def test_a_message_that_waits_unseen_counts(queue):
    assert queue.mails.is_empty()

    queue.mails.send("{}", after=timedelta(hours=1))

    assert not queue.mails.is_empty()


def test_a_ping_makes_the_queue(queue):
    queue.mails.length()

    assert list(queue.client.peek_messages()) == []


def test_a_queue_that_does_not_answer_is_worth_another_try():
    nowhere = f"http://127.0.0.1:{programs.free_ports(1)[0]}/devstoreaccount1"
    connection = f"AccountName=devstoreaccount1;AccountKey=bm9uZQ==;QueueEndpoint={nowhere};"
    with QueueClient.from_connection_string(connection, "emails", retry_total=0) as client:
        mails = MailQueue(client)
        for call in (lambda: mails.send("{}", after=NOW), mails.length, mails.is_empty):
            with pytest.raises(TryLater) as refusal:
                call()
            assert refusal.value.code == "storage_unavailable"
