"""Accepting a mail: whoever gets a receipt can rely on the mail; whoever gets an error has left nothing behind."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from mailer.delivery.accept import accept
from mailer.delivery.record import Conflict, KeyOwner, Status
from mailer.errors import InvalidRequest, KeyReused, TryLater
from mailer.request.mail_id import mail_id
from mailer.request.model import Envelope
from tests.builders import TEMPLATE, a_record, a_request
from tests.fakes import START, Clock, MemoryLedger, MemoryRequests

STORAGE_DOWN = TryLater("Storage does not answer.", code="storage_unavailable")


class Post:
    """The step with its collaborators: a ledger in memory, a queue in a list, a clock that stands still."""

    def __init__(self):
        self.ledger = MemoryLedger()
        self.clock = Clock()
        self.requests = MemoryRequests()
        self.queue = []
        self.delays = []

    def put(self, request, envelope, *, after=timedelta()):
        self.queue.append((request, envelope))
        self.delays.append(after)

    def __call__(self, *, put=None, ledger=None, **changes):
        return accept(
            a_request(**changes),
            ledger=ledger or self.ledger,
            put=put or self.put,
            store=self.requests.put,
            clock=self.clock,
        )


@pytest.fixture
def post():
    return Post()


def no_queue(_request, _envelope, **_):
    raise STORAGE_DOWN


def test_an_accepted_mail_is_recorded_and_queued_in_the_state_of_its_record(post):
    receipt = post(tags={"flow": "checkout"}, cc=["bob@example.com"])

    record = post.ledger.read(receipt.id)
    assert receipt.status == record.status == Status.QUEUED
    assert (record.recipients, record.tags, record.template) == (2, {"flow": "checkout"}, None)
    assert post.queue == [
        (a_request(tags={"flow": "checkout"}, cc=["bob@example.com"]), Envelope(id=receipt.id, version=record.version))
    ]


def test_the_record_names_the_template(post):
    receipt = post(subject=None, text=None, template={"id": TEMPLATE, "variables": {"order": 7}})

    assert post.ledger.read(receipt.id).template == TEMPLATE


def test_the_id_carries_the_instant_of_acceptance(post):
    receipt = post()

    assert post.ledger.read(receipt.id).accepted_at == START


def test_the_same_request_without_a_key_is_another_mail(post):
    assert post().id != post().id


def test_the_record_is_there_before_the_message(post):
    seen = []
    post(put=lambda _, envelope, **__: seen.append(post.ledger.read(envelope.id)))

    assert seen[0].status is Status.QUEUED


def test_a_mail_that_cannot_be_queued_leaves_nothing_behind(post):
    with pytest.raises(TryLater):
        post(put=no_queue)

    assert post.ledger.records == {}


def test_a_mail_that_cannot_be_recorded_is_not_queued(post):
    class Down(MemoryLedger):
        def write(self, _record):
            raise STORAGE_DOWN

    with pytest.raises(TryLater):
        post(ledger=Down())

    assert post.queue == []


def test_a_record_whose_answer_was_lost_is_not_left_behind(post):
    class AnswersAreLost(MemoryLedger):
        def write(self, record):
            super().write(record)
            raise STORAGE_DOWN

    ledger = AnswersAreLost()
    with pytest.raises(TryLater):
        post(ledger=ledger)

    assert ledger.records == {}


def test_a_mail_that_left_although_queueing_seemed_to_fail_keeps_its_record(post):
    """The message was written, its answer was lost, and a worker has the mail already."""

    def put(_request, envelope, **_):
        post.ledger.write(replace(post.ledger.read(envelope.id).claimed(claim="worker", now=START)))
        raise STORAGE_DOWN

    with contextlib.suppress(TryLater):
        post(put=put)

    assert [record.status for record in post.ledger.records.values()] == [Status.SENDING]


def test_a_request_larger_than_graph_takes_is_refused_before_anything_is_written(post):
    with pytest.raises(InvalidRequest) as refusal:
        post(text="x" * 4_000_000, idempotency_key="order-7")

    assert refusal.value.code == "request_too_large"
    assert (post.ledger.records, post.queue) == ({}, [])
    assert post(text="short", idempotency_key="order-7")


def test_a_request_too_large_for_a_message_waits_in_a_blob(post):
    receipt = post(text="x" * 64 * 1024)

    ((request, envelope),) = post.queue
    assert (request, envelope.id, envelope.stored) == (None, receipt.id, True)
    assert len(post.requests.get(receipt.id)) > 64 * 1024


def test_a_scheduled_mail_waits_for_its_instant(post):
    due = START + timedelta(days=30)
    receipt = post(scheduled_at=due.isoformat())

    record = post.ledger.read(receipt.id)
    assert (receipt.status, record.status, record.due_at) == (Status.SCHEDULED, Status.SCHEDULED, due)
    ((request, envelope),) = post.queue
    assert (request, envelope.stored, envelope.not_before) == (None, True, due.timestamp())
    assert post.delays == [timedelta(days=30)]


def test_an_instant_that_has_passed_means_now(post):
    receipt = post(scheduled_at="2020-01-01T00:00:00Z")

    assert (receipt.status, post.delays) == (Status.QUEUED, [timedelta()])


def test_a_mail_is_scheduled_a_year_ahead_at_most(post):
    with pytest.raises(InvalidRequest) as refusal:
        post(scheduled_at=(START + timedelta(days=367)).isoformat())

    assert refusal.value.problems[0].target == "scheduled_at"


# Idempotency keys


def test_a_repeated_request_gets_the_first_answer(post):
    assert post(idempotency_key="order-7") == post(idempotency_key="order-7")


def test_a_repeated_request_gets_the_first_answer_also_when_the_mail_is_sent(post):
    first = post(idempotency_key="order-7")
    claimed = post.ledger.write(post.ledger.read(first.id).claimed(claim="worker", now=START))
    post.ledger.write(claimed.settled(Status.SENT, now=START))

    assert post(idempotency_key="order-7") == first
    assert len(post.queue) == 1


def test_a_key_cannot_be_used_for_another_mail(post):
    first = post(idempotency_key="order-7")

    with pytest.raises(KeyReused):
        post(idempotency_key="order-7", subject="Another")
    assert list(post.ledger.records) == [first.id]


def test_the_way_an_address_is_written_does_not_make_it_another_mail(post):
    first = post(idempotency_key="order-7", to="ada@example.com")

    assert post(idempotency_key="order-7", to=[{"address": "ada@example.com"}]) == first


def test_a_key_can_be_used_again_after_its_window(post):
    first = post(idempotency_key="order-7")
    post.clock.advance(hours=24, seconds=1)

    assert post(idempotency_key="order-7", subject="Another").id != first.id


def test_a_repeated_request_completes_what_a_crash_before_the_record_left_undone(post):
    request = a_request(idempotency_key="order-7")
    owner = mail_id(START, b"0123456789")
    post.ledger.own_key("order-7", KeyOwner(id=owner, digest=request.digest()), now=START)

    receipt = post(idempotency_key="order-7")

    assert receipt.id == owner
    assert post.ledger.read(owner).status is Status.QUEUED
    assert [envelope.id for _, envelope in post.queue] == [owner]


def test_a_repeated_request_completes_what_a_crash_before_the_message_left_undone(post):
    def crash(_request, _envelope, **_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        post(idempotency_key="order-7", put=crash)

    receipt = post(idempotency_key="order-7")

    assert [envelope.id for _, envelope in post.queue] == [receipt.id]
    assert list(post.ledger.records) == [receipt.id]


def test_a_request_that_failed_can_be_repeated_with_its_key(post):
    with pytest.raises(TryLater):
        post(idempotency_key="order-7", put=no_queue)

    receipt = post(idempotency_key="order-7")

    assert post.ledger.read(receipt.id).status is Status.QUEUED
    assert [envelope.id for _, envelope in post.queue] == [receipt.id]


def test_a_repeated_request_that_overtakes_the_first_has_the_same_mail(post):
    """The second reads no record yet, and writes it before the first does."""
    answers = []

    class Overtaken(MemoryLedger):
        def own_key(self, key, owner, *, now):
            answer = super().own_key(key, owner, now=now)
            if answer.id == owner.id:
                answers.append(post(ledger=self, idempotency_key=key))
            return answer

    answers.append(post(ledger=Overtaken(), idempotency_key="order-7"))

    assert len({answer.id for answer in answers}) == 1
    assert {envelope.id for _, envelope in post.queue} == {answers[0].id}


def test_a_repeated_request_is_not_answered_with_a_mail_that_was_taken_back(post):
    """The request beside it inserted the record, could not queue it, and has just withdrawn it."""

    class Vanishing(MemoryLedger):
        def write(self, record):
            raise Conflict(record.id)

    with contextlib.suppress(TryLater):
        receipt = post(ledger=Vanishing(), idempotency_key="order-7")
        assert receipt.id in [envelope.id for _, envelope in post.queue]


def test_a_failed_request_does_not_take_back_what_its_repetition_was_promised(post):
    """The first cannot queue its mail; meanwhile its repetition has, and was answered."""
    answers = []

    def put(request, envelope, **_):
        if not answers:
            answers.append(None)
            answers[0] = post(idempotency_key="order-7")
            raise STORAGE_DOWN
        post.put(request, envelope)

    with contextlib.suppress(TryLater):
        post(idempotency_key="order-7", put=put)

    assert post.ledger.read(answers[0].id)


def test_a_repeated_insert_that_finds_itself_is_accepted(post):
    """The SDK repeats a write whose answer was lost, and Table Storage says that the row is there."""

    class Repeating(MemoryLedger):
        def write(self, record):
            super().write(record)
            return super().write(record)

    receipt = post(ledger=Repeating())

    assert [envelope.id for _, envelope in post.queue] == [receipt.id]


def test_many_requests_with_one_key_at_once_are_one_mail(post):
    start = threading.Barrier(20)

    def run(_):
        start.wait()
        return post(idempotency_key="order-7")

    with ThreadPoolExecutor(20) as pool:
        receipts = set(pool.map(run, range(20)))

    assert len(receipts) == 1
    assert list(post.ledger.records) == [envelope.id for envelope in {e.id: e for _, e in post.queue}.values()]


def test_a_record_never_holds_an_address_or_what_the_mail_says(post):
    post(to="Ada <ada@example.com>", subject="Your password", text="hunter2", idempotency_key="ada@example.com")

    assert not any(word in repr(post.ledger.records) for word in ("ada@", "Ada", "password", "hunter2"))


def test_the_log_holds_no_address(post, caplog):
    caplog.set_level("DEBUG")

    post(to="ada@example.com")

    assert "mail_accepted" in caplog.text
    assert "ada@" not in caplog.text
    assert "example.com" not in caplog.text


def test_a_record_is_of_the_day_it_was_accepted():
    assert a_record(at=START).accepted_at == START
