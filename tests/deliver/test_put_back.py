"""Messages that wait for a setting, and those that the host gives up."""

from datetime import timedelta

import pytest

from mailer.delivery.decide import LEASE, MENDING_WAIT
from mailer.delivery.record import Status
from mailer.errors import ConfigError
from tests.deliver.given import BAD, Away
from tests.fakes import START
from tests.post import Crash, raising

# Settings that are wrong only when they are used

WRONG = ConfigError(["MAILER_SENDERS is wrong."])


def test_messages_wait_for_days_while_a_setting_is_wrong_and_none_is_given_up(post, message):
    post.deliver(message, rules=raising(WRONG))
    while post.clock.now - START < timedelta(days=3):
        assert post.deliver(post.take(), rules=raising(WRONG)) is Status.QUEUED

    assert post.run() is Status.SENT
    assert len(post.sent) == 1


@pytest.mark.parametrize("size", [60_000, 65_300], ids=["large", "as large as can be"])
def test_a_large_message_of_a_producer_waits_too(post, size):
    message = post.by_queue(text="x" * size)
    assert len(message.body) < 65_536
    post.deliver(message, rules=raising(WRONG))

    assert post.run() is Status.SENT
    assert len(post.last) <= 65_536


def test_a_mail_waits_in_the_table_while_its_template_folder_is_wrong(post, message):
    assert post.deliver(message, compose=raising(WRONG)) is Status.QUEUED

    assert (post.record.error_code, post.due_in) == ("configuration_error", [MENDING_WAIT])
    assert post.run() is Status.SENT


# What the host gives up


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_a_bad_message_that_the_host_gave_up_is_recorded_with_its_fault(post, body):
    assert post.delivery().give_up(post.by_queue(body=body)) is Status.FAILED

    assert post.record.error_code not in {"", "host_gave_up"}
    assert post.kept


def test_a_message_that_the_host_gave_up_is_a_failed_mail_that_can_be_replayed(post, message):
    assert post.delivery().give_up(message) is Status.FAILED
    assert post.record.error_code == "host_gave_up"

    post.amendment().replay(post.record.id)

    assert post.run() is Status.SENT


def test_a_mail_that_has_gone_on_is_not_failed_by_an_old_message_of_it(post, message):
    post.deliver(message)

    assert post.delivery().give_up(message) is Status.SENT


def test_a_message_of_a_mail_that_is_being_sent_waits_for_the_outcome(post, message):
    with pytest.raises(Crash):
        post.deliver(message, send=raising(Crash()))

    assert post.delivery().give_up(message) is Status.SENDING
    assert post.run() is Status.UNCERTAIN


def test_a_claimed_message_of_a_producer_that_the_host_gives_up_is_the_mail_that_was_claimed(post):
    """What the host moves to the poison queue has another id and another time."""

    def failing(name, record, *_):
        return name == "write" and record.status is Status.SENT

    bug = Away(post.ledger, error=RuntimeError("a bug"), only=failing)
    message = post.by_queue()
    assert post.deliver(message, ledger=bug) is Status.QUEUED
    with pytest.raises(RuntimeError):
        post.deliver(named := post.take(), ledger=Away(post.ledger, error=RuntimeError("a bug")))
    post.clock.advance(seconds=LEASE.total_seconds())

    assert post.delivery().give_up(post.by_queue(body=named.body)) is Status.UNCERTAIN

    assert (post.record.id, post.record.error_code, bool(post.kept)) == (message.mail_id, "host_gave_up", True)
