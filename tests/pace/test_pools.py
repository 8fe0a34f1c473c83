"""A pool of mailboxes: the earliest slot wins."""

from datetime import timedelta

import pytest

from mailer.request.address import Address
from tests.fakes import START
from tests.pace.given import MINUTE, RATE, seconds
from tests.post import Post
from tests.virtual import World, most_in_a_minute

NEWS = [
    Address(address=f"news{number}@contoso.com", name="Contoso News" if number == 1 else "") for number in (1, 2, 3)
]


@pytest.fixture
def pool():
    return World(rate=RATE, pools={"news": NEWS})


def test_a_pool_carries_the_rate_of_all_its_mailboxes(pool):
    for _ in range(600):
        pool.produce(seconds(0), from_="news", priority="bulk")
    pool.go()

    lasted = (max(sent.at for sent in pool.asked) - START) / MINUTE
    assert len(pool.asked) / lasted >= 0.9 * 3 * RATE
    assert all(190 <= len(pool.times(mailbox.address)) <= 210 for mailbox in NEWS)
    assert all(most_in_a_minute(pool.times(mailbox.address)) <= RATE * 1.1 for mailbox in NEWS)


def test_the_record_names_the_mailbox_that_sent(pool):
    pool.produce(seconds(0), from_="news")
    pool.go()

    (record,) = pool.ledger.records.values()
    assert (record.pool, record.sender) == ("news", pool.asked[0].mailbox)
    assert record.sender in {mailbox.address for mailbox in NEWS}


def test_a_paused_mailbox_does_not_hold_up_the_others_of_its_pool(pool):
    pool.throttled_until[NEWS[0].address] = START + timedelta(minutes=10)
    for _ in range(100):
        pool.produce(seconds(0), from_="news", priority="bulk")
    pool.go()

    assert pool.refused <= 2
    assert max(sent.at for sent in pool.asked if sent.mailbox != NEWS[0].address) <= START + timedelta(minutes=4)


def test_answers_to_a_pools_mails_go_to_one_place_under_one_name():
    post = Post(rate=RATE, pools={"news": NEWS})
    requests = []
    for number in range(6):
        post.deliver(post.by_queue(from_="News team <news>" if number else "news"), screen=_noting(requests))

    assert {request.mailbox.address for request in requests} > {NEWS[0].address}
    assert {request.reply_to[0].address for request in requests} == {NEWS[0].address}
    assert [request.mailbox.name for request in requests] == ["Contoso News", *["News team"] * 5]


def test_the_same_key_is_the_same_mail_whichever_mailbox_has_its_turn():
    post = Post(rate=RATE, pools={"news": NEWS})
    receipts = [post.accept(from_="news", idempotency_key="k").receipt for _ in range(2)]

    assert receipts[0].id == receipts[1].id


def test_a_producer_cannot_send_from_a_mailbox_outside_the_pool_by_making_an_envelope_up():
    post = Post(rate=RATE, pools={"news": NEWS})
    message = post.by_http(from_="news")
    forged = message.body.replace(post.record.sender.encode(), b"boss@contoso.com", 1)

    post.deliver(post.by_queue(body=forged))

    assert post.record.sender in {mailbox.address for mailbox in NEWS}


def _noting(requests):
    def screen(mail):
        requests.append(mail.request)
        return type("Passed", (), {"mail": mail, "note": ""})()

    return screen
