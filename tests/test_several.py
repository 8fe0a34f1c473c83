"""Several mails in one message: each is delivered by itself, at its own instant."""

from datetime import timedelta

import pytest

from mailer.delivery.message import MOST_TOGETHER, write_together
from mailer.delivery.record import Status
from mailer.errors import TryLater
from mailer.pace import later
from tests.fakes import START
from tests.post import BUSY, DOWN, Post, raising

HOUR = timedelta(hours=1)


def waiting(post, number=3, apart=timedelta(seconds=1)):
    """So many mails that are due an hour from now, one after the other, and the message that brings them."""
    for place in range(number):
        post.accept(subject=f"mail {place}", scheduled_at=(START + HOUR + place * apart).isoformat())
    message = post.take()
    assert not post.waits
    return message


@pytest.fixture
def post():
    return Post()


def statuses(post):
    return [record.status for record in post.ledger.records.values()]


def test_each_mail_leaves_at_its_own_instant(post):
    message = waiting(post)

    assert post.deliver(message) is Status.SENT

    times = [record.times[Status.SENT] for record in post.ledger.records.values()]
    assert times == [START + HOUR + timedelta(seconds=place) for place in range(3)]


def test_a_message_that_comes_again_sends_nothing_twice(post):
    message = waiting(post)
    post.deliver(message)

    assert post.deliver(message) is Status.SENT
    assert len(post.sent) == 3


def test_what_graph_does_with_one_is_nothing_to_the_others(post):
    message = waiting(post)

    def busy_once(mail, _token):
        if mail.content.subject == "mail 0":
            raise BUSY
        post.sent.append(mail.id)

    post.graph.send = busy_once
    delivery = post.delivery()
    delivery.attempt.graph.send = busy_once
    delivery.deliver(message)

    assert statuses(post) == [Status.QUEUED, Status.SENT, Status.SENT]


def test_a_message_of_a_later_version_may_hold_more_of_them(post, monkeypatch):
    """After a step back none of its mails is lost."""
    more = 2 * MOST_TOGETHER
    monkeypatch.setattr(later, "MOST_TOGETHER", more)

    post.deliver(waiting(post, more, apart=timedelta(seconds=0.2)))

    assert statuses(post) == [Status.SENT] * more


def test_a_mail_that_was_canceled_meanwhile_does_not_leave_with_the_others(post):
    message = waiting(post)
    canceled = next(iter(post.ledger.records))
    post.amendment().cancel(canceled)

    post.deliver(message)

    assert statuses(post) == [Status.CANCELED, Status.SENT, Status.SENT]
    assert canceled not in post.sent


def test_while_storage_is_away_each_comes_again(post):
    message = waiting(post)
    ledger = type("Away", (), {"write": raising(DOWN), "read": raising(DOWN)})()

    post.deliver(message, ledger=ledger)
    post.run()

    assert statuses(post) == [Status.SENT] * 3
    assert len(post.sent) == 3


def test_what_cannot_even_be_put_back_makes_the_host_bring_all_again(post):
    message = waiting(post)
    away = type("Away", (), dict.fromkeys(("write", "read", "put"), raising(DOWN)))()

    with pytest.raises(TryLater):
        post.deliver(message, ledger=away, outbox=away)

    assert post.deliver(message) is Status.SENT
    assert len(post.sent) == 3


def test_the_host_gives_up_every_mail_of_a_message(post):
    message = waiting(post)
    post.clock.advance(hours=1)  # which it has tried for

    post.delivery().give_up(message)

    assert statuses(post) == [Status.FAILED] * 3


A_MAIL = '{"to":"ada@example.com","subject":"s","text":"t"}'
OURS = '{"mailer":{"id":"01a20846-fe00-7ab4-9429-e3b24bbdda24"},"n":'


@pytest.mark.parametrize(
    "made_up",
    [
        '{"mailer":{"together":[1]}}',
        '{"mailer":{"together":[]}}',
        '{"mailer":{"together":[',
        '{"mailer":{"together":{}}}',
        write_together([A_MAIL, A_MAIL.replace("ada", "bob")]),
        write_together([f"{OURS}{number}}}" for number in range(1_000)]),
    ],
    ids=["a number", "nothing", "half of it", "an object", "mails", "very many"],
)
def test_what_a_producer_makes_up_is_one_wrong_mail(post, made_up):
    assert post.deliver(post.by_queue(body=made_up.encode())) is Status.FAILED
    assert (post.sent, len(post.ledger.records)) == ([], 1)
