"""One pace for all instances, in virtual time: urgent before bulk, never more than the rate and a tenth a minute."""

import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.delivery.record import Status
from mailer.errors import Throttled, TryLater
from mailer.pace.quota import INSTANCES, Quota
from mailer.request.address import Address
from mailer.setting_texts import OnUncertain
from tests.builders import SHOP
from tests.fakes import START, Clock, MemoryCounts
from tests.post import NO_ANSWER, Post, raising
from tests.virtual import World, most_in_a_minute

RATE = 30
NEWS = [
    Address(address=f"news{number}@contoso.com", name="Contoso News" if number == 1 else "") for number in (1, 2, 3)
]
MINUTE = timedelta(minutes=1)


def seconds(number):
    return timedelta(seconds=number)


def a_part(times, total):
    return times[int(total * len(times))]


@pytest.fixture(scope="module")
def crowd():
    """5,000 bulk mails of one mailbox at once, and an urgent one now and then as long as they leave."""
    world = World(rate=RATE, instances=2)
    for number in range(5000):
        world.produce(seconds(number * 0.01), priority="bulk")
    for number in range(300):
        world.produce(seconds(60 + 30 * number + 30 * world.random.random()), priority="urgent")
    world.go()
    return world


def test_an_urgent_mail_among_5000_bulk_ones_reaches_graph_within_five_seconds(crowd):
    assert a_part(crowd.latencies("urgent"), 0.95) <= 5


def test_all_leave_at_nine_tenths_of_the_rate_or_more(crowd):
    times = crowd.times()

    assert len(times) == len(crowd.ledger.records) == 5300
    assert len(times) / ((times[-1] - times[0]) / MINUTE) >= 0.9 * RATE


def test_no_60_seconds_hold_more_than_the_rate_and_a_tenth(crowd):
    assert most_in_a_minute(crowd.times()) <= RATE * 1.1


MIXES = st.lists(
    st.tuples(st.integers(0, 240), st.sampled_from(["urgent", "normal", "bulk", None])), min_size=40, max_size=150
)


@given(
    mix=MIXES,
    instances=st.integers(1, 5),
    rate=st.sampled_from([10, 20, 30, 60]),
    late=st.floats(0, 30),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes_no_60_seconds_hold_more(mix, instances, rate, late, seed):
    """However late messages come, too; and each leaves in a slot of its own."""
    world = World(rate=rate, instances=instances, late=seconds(late), seed=seed)
    for after, priority in mix:
        world.produce(seconds(after), priority=priority)
    world.go(until=START + timedelta(hours=12))

    assert most_in_a_minute(world.times()) <= rate * 1.1
    slots = [record.slot for record in world.ledger.records.values() if record.status is Status.SENT]
    assert len(slots) == len(set(slots))
    if late <= 2:
        assert len(world.times()) == len(mix)


def test_after_an_outage_its_mails_leave_at_the_pace_too():
    world = World(rate=RATE)
    for number in range(100):
        world.produce(seconds(number), priority="bulk")
    world.clock.advance(hours=5)
    world.go()

    assert (len(world.times()), most_in_a_minute(world.times()) <= RATE * 1.1) == (100, True)


def test_bulk_makes_way_for_normal_mails():
    world = World(rate=RATE)
    for _ in range(300):
        world.produce(seconds(0), priority="bulk")
    for number in range(20):
        world.produce(seconds(30 + 20 * number))
    world.go()

    assert a_part(world.latencies(None), 0.95) <= 5


def a_run(mails=400, **world):
    """Bulk mails of one busy mailbox, at a Graph that takes 200 ms and refuses the fifth request."""
    random.seed(7)  # an instance in a crowd takes slots at random
    world = World(rate=RATE, latency=seconds(0.2), **world)
    for number in range(mails):
        world.produce(seconds(number * 0.05), priority="bulk")
    world.go()
    return world


def test_two_instances_on_one_busy_mailbox_cost_little_more_than_one():
    one, two = a_run(), a_run(instances=2)

    assert (len(one.times()), len(two.times())) == (400, 400)
    assert two.storage_calls <= 1.2 * one.storage_calls
    assert two.refused <= 0.05 * 400


@pytest.fixture(scope="module")
def hundred():
    """A hundred instances, of which each has fifteen mails."""
    return a_run(1500, instances=100)


def test_a_hundred_instances_cost_a_fifth_more_at_most(hundred):
    one = a_run(1500)

    assert len(hundred.times()) == 1500
    assert hundred.storage_calls <= 1.2 * one.storage_calls
    assert hundred.refused <= 0.05 * 1500


def test_a_hundred_instances_leave_few_slots_empty(hundred):
    """What they have taken beforehand when a burst ends."""
    times = hundred.times()

    assert len(times) / ((times[-1] - times[0]) / MINUTE) >= 0.87 * RATE


# A single mail's way


@pytest.fixture
def post():
    return Post(rate=RATE)


def test_the_receipt_says_when_the_mail_is_expected_to_leave(post):
    expected = [post.accept(priority="bulk").receipt.expected_at for _ in range(90)]

    assert expected[0] == START
    assert expected == sorted(set(expected))
    assert timedelta(minutes=3) <= expected[-1] - START <= timedelta(minutes=3.2)
    assert [post.ledger.read(mail).due_at for mail in post.ledger.records][1:] == expected[1:]


def test_a_mail_leaves_when_it_was_expected_to(post):
    receipts = [post.accept(priority="bulk").receipt for _ in range(90)]
    post.run()

    times = [post.ledger.read(receipt.id).times[Status.SENT] for receipt in receipts]
    assert all(seconds(0) <= at - receipt.expected_at < seconds(2) for at, receipt in zip(times, receipts, strict=True))


def test_a_bulk_mail_that_has_lost_its_slot_says_when_it_leaves_now(post):
    post.accept(priority="bulk")
    receipt = post.accept(priority="bulk").receipt
    for _ in range(5):
        post.accept(priority="bulk")
    post.accept(priority="urgent")  # which takes the slot
    while (record := post.ledger.read(receipt.id)).due_at == receipt.expected_at:
        post.deliver(post.take())

    assert record.status is Status.QUEUED
    assert record.due_at > receipt.expected_at
    post.run()
    assert {each.status for each in post.ledger.records.values()} == {Status.SENT}


def test_a_canceled_mail_leaves_its_slot_to_others(post):
    receipts = [post.accept(priority="bulk").receipt for _ in range(30)]
    post.amendment().cancel(receipts[20].id)
    post.start_instance()

    assert post.accept(priority="bulk").receipt.expected_at == receipts[20].expected_at


def test_a_moved_mail_takes_a_slot_at_its_new_hour(post):
    tomorrow = START + timedelta(days=1)
    for _ in range(3):
        post.accept(scheduled_at=tomorrow.isoformat())
    moved = post.accept(scheduled_at=(tomorrow + timedelta(hours=1)).isoformat()).receipt

    record = post.amendment().reschedule(moved.id, tomorrow)

    assert tomorrow < record.due_at < tomorrow + seconds(10)
    post.run()
    assert most_in_a_minute([each.times[Status.SENT] for each in post.ledger.records.values()]) == 4
    assert post.ledger.read(moved.id).times[Status.SENT] >= record.due_at


def test_a_retry_waits_for_a_slot_of_its_mailbox(post):
    post.deliver(post.by_queue(), send=raising(TryLater("Busy.", code="http_503", after=seconds(30))))

    record = post.record
    assert record.due_at >= START + seconds(30)
    assert seconds(0) <= record.due_at - record.slot < seconds(2.1)


def test_a_mail_whose_mailbox_keeps_it_back_for_days_is_not_too_old_for_a_second_attempt():
    post = Post(rate=1)
    for _ in range(60 * 50):
        post.turns.pace.take(("shop@contoso.com",), post.turns.priority(_request()), 1, earliest=START)
    post.accept()

    assert post.deliver(post.take(), send=raising(TryLater("Busy.", code="http_503"))) is Status.QUEUED
    assert post.clock.now - START > timedelta(hours=48)


def _request():
    return type("Request", (), {"priority": None})()


def test_with_the_rate_off_nobody_is_paced_and_nothing_is_asked():
    post = Post()
    receipts = [post.accept().receipt for _ in range(100)]

    assert {receipt.expected_at for receipt in receipts} == {START}
    assert post.slots.calls.total() == 0


# Pauses

TOLD = Throttled("Too many.", code="ApplicationThrottled", after=timedelta(minutes=3))


def test_a_pause_holds_for_all_instances_and_moves_every_mail_of_the_mailbox_once(post):
    post.deliver(post.by_queue(), send=raising(TOLD))
    post.start_instance()
    waiting = [post.by_queue(priority="bulk") for _ in range(40)]
    for message in waiting:
        assert post.deliver(message) is Status.QUEUED

    assert len(post.sent) == 1
    assert all(record.due_at >= START + timedelta(minutes=3) - seconds(4) for record in post.ledger.records.values())
    assert post.deliver(post.by_queue(from_="alerts@contoso.com")) is Status.SENT
    taken = 0
    while post.waits:
        post.deliver(post.take())
        taken += 1
    assert taken <= 41  # nothing was received only to be put back
    assert {record.status for record in post.ledger.records.values()} == {Status.SENT}
    assert min(record.times[Status.SENT] for record in post.ledger.records.values() if record.attempts == 2) >= START


@pytest.mark.parametrize("priority", ["urgent", "normal", "bulk"])
def test_an_instance_learns_of_a_pause_by_the_slots_without_reading_it(post, priority):
    other = post.turns, post.throttle
    post.start_instance()
    post.deliver(post.by_queue(), send=raising(TOLD))
    post.clock.advance(seconds=10)
    post.turns, post.throttle = other
    calls = post.pauses.calls

    assert post.deliver(post.by_queue(priority=priority)) is Status.QUEUED
    (record,) = [record for record in post.ledger.records.values() if not record.attempts]
    assert record.due_at >= START + timedelta(minutes=3)
    assert post.pauses.calls == calls


@pytest.mark.parametrize("rate", [RATE, None])
def test_a_pause_is_read_once_in_five_seconds(rate):
    post = Post(rate=rate)
    for _ in range(10):
        post.accept(from_="alerts@contoso.com", priority="urgent")
        post.deliver(post.take())
    assert 1 <= post.pauses.calls <= 1 + (post.clock.now - START) / seconds(5)


def test_a_mail_in_doubt_is_looked_up_without_a_slot(post):
    post.policy = OnUncertain.VERIFY
    post.deliver(post.by_queue(), send=raising(NO_ANSWER))
    before = post.slots.calls.total()

    post.deliver(post.take())

    assert post.slots.calls.total() == before


# Pools


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


# The day's recipients


def test_what_exceeds_the_days_recipients_gets_tomorrows_slots():
    world = World(rate=600, daily=1000, instances=3)
    for _ in range(700):
        world.produce(seconds(0), to=["a@example.com", "b@example.com"], priority="bulk")
    world.go()

    first = [at for at in world.times() if at - START < timedelta(hours=23)]
    assert 490 <= len(first) <= 505
    assert len(world.times()) == 700


@pytest.mark.parametrize(
    ("first", "others"),
    [pytest.param(50, 49, id="49 each, while another one uses the limit up"), pytest.param(50, 50, id="its part each")],
)
def test_mails_to_many_from_two_hundred_instances_stay_within_the_days_recipients(first, others):
    clock, counts, reached = Clock(), MemoryCounts(), 0
    quotas = [Quota(10_000, counts.of_another_instance(), clock=clock) for _ in range(INSTANCES)]
    for _ in range(2):
        for quota in quotas:
            quota.opens("shop", clock.now, 1)
        clock.advance(minutes=2)

    for quota, recipients in [(quotas[0], first)] * (INSTANCES - 1) + [(quota, others) for quota in quotas[1:]]:
        clock.advance(seconds=60 / 29)
        if quota.opens("shop", clock.now, recipients) == clock.now:
            quota.count("shop", clock.now, recipients)
            reached += recipients

    assert 9_900 <= reached <= 10_000


def test_what_is_more_than_an_instances_part_is_told_at_once():
    counts = MemoryCounts()
    quota = Quota(10_000, counts, clock=Clock())
    for recipients, told in ((49, 0), (1, 50)):
        quota.count("shop", START, recipients)
        assert counts.all("shop", 0).total() == told


def test_the_counts_cost_little():
    world = World(rate=600, daily=10_000)
    for _ in range(1000):
        world.produce(seconds(0), priority="bulk")
    world.go()

    assert world.counts.calls.total() <= 0.1 * 1000


def test_health_warns_when_four_fifths_of_the_days_recipients_are_used():
    post = Post(rate=600, daily=1000)
    for _ in range(79):
        post.accept(to=[f"a{number}@example.com" for number in range(10)])
    assert post.turns.pace.warnings([SHOP.address]) == []
    for _ in range(12):
        post.accept(to=[f"a{number}@example.com" for number in range(10)])

    (warning,) = post.turns.pace.warnings([SHOP.address])
    assert "MAILER_MAILBOX_DAILY" in warning


def test_a_clock_that_goes_on_while_storage_answers_costs_no_second_slot(post):
    class Running(Clock):
        def __call__(self):
            self.now += timedelta(milliseconds=5)
            return self.now

    post.clock = Running()
    post.start_instance()

    assert post.deliver(post.by_queue()) is Status.SENT
    assert post.slots.calls.total() == 1


def test_a_message_that_finds_its_mail_sent_takes_no_slot(post):
    """As that of a mail which was delivered within the call."""
    message = post.by_http(priority="urgent")
    post.deliver(message)
    before = post.slots.calls["take"]
    post.clock.advance(seconds=40)

    assert post.deliver(message) is Status.SENT
    assert post.slots.calls["take"] == before
