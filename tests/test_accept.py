"""Accepting a mail: whoever gets a receipt can rely on the mail; whoever gets an error has left nothing behind."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from mailer.delivery.envelope import Envelope
from mailer.delivery.message import read_message
from mailer.delivery.record import Conflict, KeyOwner, Status
from mailer.errors import InvalidRequest, KeyReused, TryLater
from mailer.request.mail_id import mail_id
from tests.builders import TEMPLATE, a_record, a_request, claimed
from tests.fakes import START, MemoryLedger
from tests.post import DOWN, Post


class Door(Post):
    """The step, called with a request's members; a test replaces what it is about."""

    def __call__(self, *, outbox=None, ledger=None, **changes):
        stores = self.stores(outbox=outbox or self.later, ledger=ledger or self.ledger)
        return self.accept(stores=stores, **changes).receipt

    @property
    def messages(self):
        """The members and the envelope of each message on the queue."""
        return [read_message(body) for _, body in self.queue]

    @property
    def queued(self):
        return [envelope.id for _, envelope in self.messages]


class Outbox:
    """What puts a message, and what a test does instead."""

    def __init__(self, put):
        self.put = put


@pytest.fixture
def post():
    return Door()


def no_queue(*_, **__):
    raise DOWN


def test_an_accepted_mail_is_recorded_and_queued_in_the_state_of_its_record(post):
    receipt = post(tags={"flow": "checkout"}, cc=["bob@example.com"])

    record = post.ledger.read(receipt.id)
    assert receipt.status == record.status == Status.QUEUED
    assert (record.recipients, record.tags, record.template) == (2, {"flow": "checkout"}, None)
    request = a_request(tags={"flow": "checkout"}, cc=["bob@example.com"])
    assert post.messages == [(request.as_json(), Envelope.of(record, stored=False))]
    assert post.messages[0][1].version == record.version


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
    post(outbox=Outbox(lambda envelope, _, **__: seen.append(post.ledger.read(envelope.id))))

    assert seen[0].status is Status.QUEUED


def test_a_mail_that_cannot_be_queued_leaves_nothing_behind(post):
    with pytest.raises(TryLater):
        post(outbox=Outbox(no_queue))

    assert post.ledger.records == {}


def test_a_mail_that_cannot_be_recorded_is_not_queued(post):
    class Down(MemoryLedger):
        def write(self, _record):
            raise DOWN

    with pytest.raises(TryLater):
        post(ledger=Down())

    assert post.queue == []


def test_a_record_whose_answer_was_lost_is_not_left_behind(post):
    class AnswersAreLost(MemoryLedger):
        def write(self, record):
            super().write(record)
            raise DOWN

    ledger = AnswersAreLost()
    with pytest.raises(TryLater):
        post(ledger=ledger)

    assert ledger.records == {}


def test_a_mail_that_left_although_queueing_seemed_to_fail_keeps_its_record(post):
    """The message was written, its answer was lost, and a worker has the mail already."""

    def put(envelope, _content, **_):
        post.ledger.write(claimed(post.ledger.read(envelope.id)))
        raise DOWN

    with contextlib.suppress(TryLater):
        post(outbox=Outbox(put))

    assert [record.status for record in post.ledger.records.values()] == [Status.SENDING]


def test_a_request_larger_than_graph_takes_is_refused_before_anything_is_written(post):
    with pytest.raises(InvalidRequest) as refusal:
        post(text="x" * 4_000_000, idempotency_key="order-7")

    assert refusal.value.code == "request_too_large"
    assert (post.ledger.records, post.queue) == ({}, [])
    assert post(text="short", idempotency_key="order-7")


def test_a_request_too_large_for_a_message_waits_in_a_blob(post):
    receipt = post(text="x" * 64 * 1024)

    ((content, envelope),) = post.messages
    assert (content, envelope.id, envelope.stored) == ({}, receipt.id, True)
    assert len(post.requests.get(receipt.id)) > 64 * 1024


def test_a_scheduled_mail_waits_for_its_instant(post):
    due = START + timedelta(days=30)
    receipt = post(scheduled_at=due.isoformat())

    record = post.ledger.read(receipt.id)
    assert (receipt.status, record.status, record.due_at) == (Status.SCHEDULED, Status.SCHEDULED, due)
    assert (post.queue, [row.due for row in post.rows.kept.values()]) == ([], [due])
    (row,) = post.rows.kept.values()
    assert b"Hello, Ada" in row.content


def test_an_instant_that_has_passed_means_now(post):
    receipt = post(scheduled_at="2020-01-01T00:00:00Z")

    assert (receipt.status, post.due_in) == (Status.QUEUED, [timedelta()])


def test_a_mail_is_scheduled_a_year_ahead_at_most(post):
    with pytest.raises(InvalidRequest) as refusal:
        post(scheduled_at=(START + timedelta(days=367)).isoformat())

    assert refusal.value.problems[0].target == "scheduled_at"


# Idempotency keys


def test_a_repeated_request_gets_the_first_answer(post):
    assert post(idempotency_key="order-7") == post(idempotency_key="order-7")


def test_a_repeated_request_gets_the_first_answer_also_when_the_mail_is_sent(post):
    first = post(idempotency_key="order-7")
    post.ledger.write(post.ledger.read(first.id).moved(Status.SENT, now=START))

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
    assert post.queued == [owner]


def test_a_repeated_request_completes_what_a_crash_before_the_message_left_undone(post):
    def crash(*_, **__):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        post(idempotency_key="order-7", outbox=Outbox(crash))

    receipt = post(idempotency_key="order-7")

    assert post.queued == [receipt.id]
    assert list(post.ledger.records) == [receipt.id]


def test_a_request_that_failed_can_be_repeated_with_its_key(post):
    with pytest.raises(TryLater):
        post(idempotency_key="order-7", outbox=Outbox(no_queue))

    receipt = post(idempotency_key="order-7")

    assert post.ledger.read(receipt.id).status is Status.QUEUED
    assert post.queued == [receipt.id]


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
    assert set(post.queued) == {answers[0].id}


def test_a_repeated_request_is_not_answered_with_a_mail_that_was_taken_back(post):
    """The request beside it inserted the record, could not queue it, and has just withdrawn it."""

    class Vanishing(MemoryLedger):
        def write(self, record):
            raise Conflict(record.id)

    with contextlib.suppress(TryLater):
        receipt = post(ledger=Vanishing(), idempotency_key="order-7")
        assert receipt.id in post.queued


def test_a_failed_request_does_not_take_back_what_its_repetition_was_promised(post):
    """The first cannot queue its mail; meanwhile its repetition has, and was answered."""
    answers = []

    def put(envelope, content, **due):
        if not answers:
            answers.append(None)
            answers[0] = post(idempotency_key="order-7")
            raise DOWN
        post.later.put(envelope, content, **due)

    with contextlib.suppress(TryLater):
        post(idempotency_key="order-7", outbox=Outbox(put))

    assert post.ledger.read(answers[0].id)


def test_a_repeated_request_of_a_scheduled_mail_keeps_its_hour(post):
    """The first try died between key and record; the second one comes half an hour later."""
    due = START + timedelta(hours=1)
    request = a_request(idempotency_key="order-7", scheduled_at=due.isoformat())
    owner = mail_id(START, b"0123456789")
    post.ledger.own_key("order-7", KeyOwner(id=owner, digest=request.digest()), now=START)
    post.clock.advance(minutes=30)

    post(idempotency_key="order-7", scheduled_at=due.isoformat())

    assert post.run() is Status.SENT
    assert post.record.times[Status.SENT] == due


def test_many_requests_with_one_key_at_once_are_one_mail(post):
    start = threading.Barrier(20)

    def run(_):
        start.wait()
        return post(idempotency_key="order-7")

    with ThreadPoolExecutor(20) as pool:
        receipts = set(pool.map(run, range(20)))

    assert len(receipts) == 1
    assert list(post.ledger.records) == [*set(post.queued)]


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
