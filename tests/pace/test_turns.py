"""The turn of a mail: told when it is accepted, kept true, and taken by as few calls as it needs."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from mailer.delivery.record import Status
from mailer.errors import TryLater
from mailer.pace.grid import SAFE, Grid
from mailer.pace.later import Later
from mailer.pace.slots import Slots
from mailer.request.members import Priority
from tests.builders import SHOP
from tests.fakes import START, Clock
from tests.pace.given import RATE, seconds
from tests.post import Crash, Post, raising
from tests.virtual import World, most_in_a_minute


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
    late = [at - receipt.expected_at for at, receipt in zip(times, receipts, strict=True)]
    assert all(seconds(0) <= each <= Grid(RATE).lag for each in late)


def test_a_bulk_mail_that_has_lost_its_slot_says_when_it_leaves_now(post):
    receipts = [post.accept(priority="bulk").receipt for _ in range(7)]
    receipt = next(each for each in receipts if each.expected_at >= START + SAFE)
    post.accept(priority="urgent")  # which takes the slot
    while (record := post.ledger.read(receipt.id)).due_at == receipt.expected_at:
        post.deliver(post.take())

    assert record.status is Status.QUEUED
    assert record.due_at > receipt.expected_at
    post.run()
    assert {each.status for each in post.ledger.records.values()} == {Status.SENT}


@pytest.mark.parametrize("step", ["before its record", "after its record", "after its message"])
def test_a_crash_while_a_mail_that_has_lost_its_slot_is_postponed_loses_and_doubles_nothing(post, step):
    for _ in range(40):
        post.accept(priority="bulk")
    post.accept(priority="urgent")
    postpone, put = post.ledger.postpone, Later.put
    crashed = []

    def end_here(at):
        if at == step and not crashed:
            crashed.append(at)
            raise Crash

    def postponed(record, **how):
        end_here("before its record")
        written = postpone(record, **how)
        end_here("after its record")
        return written

    class Outbox(Later):
        def put(self, envelope, *arguments, **options):
            put(self, envelope, *arguments, **options)
            end_here("after its message")

    post.ledger.postpone = postponed
    outbox = Outbox(queue=post, rows=post.rows, clock=post.clock)
    while post.waits:
        message = post.take()
        with suppress(Crash):
            post.deliver(message, outbox=outbox)
            continue
        post.deliver(message)

    assert crashed == [step]
    assert len(post.sent) == len(set(post.sent)) == 41
    assert {record.status for record in post.ledger.records.values()} == {Status.SENT}
    assert most_in_a_minute(record.times[Status.SENT] for record in post.ledger.records.values()) <= 1.1 * RATE


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


def test_a_clock_that_goes_on_while_storage_answers_costs_no_second_slot(post):
    class Running(Clock):
        def __call__(self):
            self.now += timedelta(milliseconds=5)
            return self.now

    post.clock = Running()
    post.start_instance()

    assert post.deliver(post.by_queue()) is Status.SENT
    assert post.slots.calls.total() == 1


class SlowQuota:
    """Who looks how many recipients are left for a slot to come has this happen meanwhile."""

    def __init__(self, clock, meanwhile):
        self.clock, self.meanwhile = clock, meanwhile

    def opens(self, _mailbox, earliest, _recipients):
        if earliest > self.clock.now:
            self.meanwhile()
        return earliest

    def count(self, *_):
        pass


@pytest.mark.parametrize("is_known", [False, True])
def test_a_slot_that_opened_while_storage_was_slow_may_be_another_mails_by_then(post, is_known):
    urgent = []

    def meanwhile():
        others = Slots(Grid(RATE), post.slots, clock=post.clock)
        urgent.extend(others.take(SHOP.address, Priority.URGENT, post.clock.now).start for _ in range(3))
        post.clock.advance(seconds=5)

    message = post.by_queue(priority="bulk")
    if is_known:
        post.deliver(message, send=raising(TryLater("Busy.", code="http_503", after=seconds(0.1))))
        message = post.take()
        post.clock.advance(minutes=1)  # so that it needs another slot
    for _ in range(2):
        post.accept(priority="bulk")
    slow = SlowQuota(post.clock, meanwhile)
    post.turns = replace(post.turns, pace=replace(post.turns.pace, quota=slow))
    post.deliver(message)

    assert urgent
    assert not {record.slot for record in post.ledger.records.values() if record.status is Status.SENT} & {*urgent}


def test_a_message_that_finds_its_mail_sent_takes_no_slot(post):
    """As that of a mail which was delivered within the call."""
    message = post.by_http(priority="urgent")
    post.deliver(message)
    before = post.slots.calls["take"]
    post.clock.advance(seconds=40)

    assert post.deliver(message) is Status.SENT
    assert post.slots.calls["take"] == before


def test_a_mail_whose_slot_is_over_once_it_knows_that_it_was_its_own_takes_another_one(post):
    """A look takes as long as storage does, and little is left of its slot when a bulk mail that has waited looks."""
    for _ in range(2):
        receipt = post.accept(priority="bulk").receipt
    preferred = post.slots.preferred

    def slow(minute):
        post.clock.advance(seconds=3)
        return preferred(minute)

    post.slots.preferred = slow
    post.run()

    record = post.ledger.read(receipt.id)
    assert record.status is Status.SENT
    assert record.times[Status.SENT] - record.slot <= Grid(RATE).tolerance


def test_no_minute_holds_more_than_a_tenth_above_the_rate_though_storage_was_slow_to_write_claims():
    """Bulk mails leave late in their slots, and mails before bulk early in those that follow."""
    world = World(rate=RATE, late=seconds(0))
    write = world.ledger.write

    def slow(record):
        if record.status is Status.SENDING and world.clock.now < START + seconds(40):
            world.pause(1.5)
        return write(record)

    for _ in range(14):
        world.accept(priority="bulk")
    for _ in range(40):
        world.accept(priority="normal", scheduled_at=(START + seconds(29)).isoformat())
    world.ledger.write = slow
    world.go()

    assert len(world.times()) == 54
    assert most_in_a_minute(world.times()) <= 1.1 * RATE
