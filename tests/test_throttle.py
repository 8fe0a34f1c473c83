"""At most so many requests of one mailbox at once, and a pause that holds for all its threads and for nobody else."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest

from mailer.delivery.record import Status
from mailer.errors import Throttled, TryLater
from mailer.pace import throttle
from mailer.pace.pauses import Pauses
from mailer.pace.throttle import Throttle
from tests.fakes import Clock
from tests.post import Post, raising


def a_throttle(places, clock=None):
    return Throttle(places, Pauses(clock=clock or Clock()))


@pytest.fixture
def _impatient(monkeypatch):
    monkeypatch.setattr(throttle, "PATIENCE", 0.05)


def test_never_a_fifth_request_at_once():
    places, now, most = a_throttle(4), [], []
    lock = threading.Lock()

    def request(number):
        with places.place("shop@contoso.com"):
            with lock:
                now.append(number)
                most.append(len(now))
            threading.Event().wait(0.01)
            with lock:
                now.remove(number)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(request, range(40)))

    assert max(most) == 4


@pytest.mark.usefixtures("_impatient")
def test_a_mail_that_finds_no_place_comes_back():
    places = a_throttle(1)

    with places.place("shop@contoso.com"), pytest.raises(TryLater) as busy, places.place("shop@contoso.com"):
        pass

    assert (busy.value.code, busy.value.after) == ("mailbox_busy", throttle.BUSY)


@pytest.mark.usefixtures("_impatient")
def test_other_mailboxes_have_places_of_their_own():
    places = a_throttle(1)

    with places.place("shop@contoso.com"), places.place("alerts@contoso.com"):
        pass


def test_a_pause_holds_for_its_mailbox_alone_and_ends():
    clock = Clock()
    places = a_throttle(4, clock=clock)
    places.pause("shop@contoso.com", timedelta(seconds=2.5))
    clock.advance(seconds=1)

    with pytest.raises(TryLater) as paused, places.place("shop@contoso.com"):
        pass
    assert paused.value.after == timedelta(seconds=1.5)
    with places.place("alerts@contoso.com"):
        pass

    clock.advance(seconds=1.6)
    with places.place("shop@contoso.com"):
        pass


def test_a_shorter_pause_does_not_end_a_longer_one():
    places = a_throttle(4)
    places.pause("shop@contoso.com", timedelta(seconds=60))
    places.pause("shop@contoso.com", timedelta(seconds=1))

    with pytest.raises(TryLater) as paused, places.place("shop@contoso.com"):
        pass
    assert paused.value.after == timedelta(seconds=60)


def test_one_mail_that_is_told_to_wait_spares_the_next_its_request():
    post = Post()
    told = Throttled("Too many.", code="ApplicationThrottled", after=timedelta(seconds=30))
    post.deliver(post.by_queue(), send=raising(told))

    assert post.deliver(post.by_queue()) is Status.QUEUED
    assert post.deliver(post.by_queue(from_="alerts@contoso.com")) is Status.SENT

    assert len(post.sent) == 2  # the first, and that of the other mailbox
    assert all(due - post.clock.now <= timedelta(seconds=30) for due, _ in post.queue)


def test_the_claim_is_written_before_a_place_is_taken():
    """So that no place stands empty while storage writes, and the bound is four requests by Graph's latency."""
    post, seen = Post(), []

    class Places:
        @contextmanager
        def place(self, _mailbox):
            seen.append(post.record.status)
            yield

    post.deliver(post.by_queue(), throttle=Places())

    assert seen == [Status.SENDING]


@pytest.mark.usefixtures("_impatient")
def test_a_claimed_mail_that_finds_no_place_waits_its_turn_again():
    post = Post()

    with post.throttle.place("shop@contoso.com"):
        post.throttle._places["shop@contoso.com"] = threading.Semaphore(0)
        assert post.deliver(post.by_queue()) is Status.QUEUED

    assert (post.record.error_code, post.sent) == ("mailbox_busy", [])
