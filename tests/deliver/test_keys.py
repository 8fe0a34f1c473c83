"""Two workers at once, idempotency keys, and acceptances taken back."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailer.delivery.record import Status
from tests.builders import as_bytes
from tests.post import DENIED, Crash, raising

# Two at once


def test_of_many_deliveries_of_a_message_one_sends(post, message):
    start = threading.Barrier(10)

    def run(_):
        start.wait()
        return post.deliver(message)

    with ThreadPoolExecutor(10) as pool:
        statuses = set(pool.map(run, range(10)))

    assert len(post.sent) == 1
    assert statuses <= {Status.SENT, Status.SENDING, Status.QUEUED}
    post.run()
    assert len(post.sent) == 1
    assert post.record.status is Status.SENT


def test_a_delivery_beside_one_that_is_sending_stands_back(post, message):
    def meanwhile():
        assert post.deliver(message) is Status.SENDING

    assert post.deliver(message, send=meanwhile) is Status.SENT
    assert post.run() is Status.SENT
    assert len(post.sent) == 1


# Keys


def test_two_messages_with_one_key_are_one_mail(post):
    post.deliver(post.by_queue(idempotency_key="order-7"))

    assert post.deliver(post.by_queue(idempotency_key="order-7")) is Status.SENT
    assert len(post.sent) == 1
    assert post.record.status is Status.SENT


def test_two_messages_without_a_key_are_two_mails(post):
    post.deliver(post.by_queue())
    post.deliver(post.by_queue())

    assert len(set(post.sent)) == 2


def test_keys_of_both_doors_are_in_one_space(post):
    by_http = post.by_http(idempotency_key="order-7")
    post.deliver(post.by_queue(idempotency_key="order-7"))

    assert post.deliver(by_http) is Status.SENT
    assert len(post.sent) == 1
    assert post.record.status is Status.SENT


def test_a_key_that_belongs_to_another_mail_fails_the_message(post):
    post.deliver(post.by_queue(idempotency_key="order-7"))
    second = post.by_queue(idempotency_key="order-7", subject="Another")

    assert post.deliver(second) is Status.FAILED
    failed = post.ledger.read(second.mail_id)
    assert (failed.status, failed.error_code) == (Status.FAILED, "invalid_idempotent_request")
    assert len(post.sent) == 1


def test_a_key_that_waits_for_a_token_at_both_doors_is_sent_once(post):
    by_http = post.by_http(idempotency_key="order-7")
    post.deliver(by_http, authorize=raising(DENIED))
    post.deliver(post.by_queue(idempotency_key="order-7"), authorize=raising(DENIED))

    assert post.run() is Status.SENT
    assert len(post.sent) == 1


def test_a_redelivered_message_owns_its_key_still(post):
    message = post.by_queue(idempotency_key="order-7")
    with pytest.raises(Crash):
        post.deliver(message, authorize=raising(Crash()))

    assert post.deliver(message) is Status.SENT
    assert post.record.id == message.mail_id


# Taken back


def test_a_message_of_a_later_version_is_its_mails(post):
    """Somebody steps back to this version while mails wait."""
    message = json.loads(post.by_http().body)
    message["mailer"]["of_a_later_version"] = {"any": "thing"}

    assert post.deliver(post.by_queue(body=as_bytes(message))) is Status.SENT
    assert post.record.status is Status.SENT


def test_a_mail_whose_acceptance_was_taken_back_is_not_sent(post):
    message = post.by_http()
    post.ledger.withdraw(post.record)

    assert post.deliver(message) is Status.FAILED
    assert (post.sent, post.record.error_code) == ([], "record_mismatch")
