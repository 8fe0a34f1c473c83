"""What is due later waits in the table, and comes onto the queue in its minute: over memory, and over Table Storage."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta, timezone
from uuid import uuid4

import pytest

from mailer import gather
from mailer.delivery.envelope import Envelope
from mailer.delivery.message import MAX_BYTES, SOON, apart, read_message
from mailer.delivery.record import Status
from mailer.errors import TryLater
from mailer.gather import Company
from mailer.pace.later import AHEAD, MOST_TOGETHER, RELEASED_WITHIN, SPAN, TOGETHER, Later, reached
from mailer.request.mail_id import mail_id
from mailer.request.members import Priority
from mailer.storage.clients import kept_table
from mailer.storage.later_rows import LaterRows
from tests.builders import SOME_ID, storage_of
from tests.fakes import START, Clock, MemoryRows
from tests.post import BUSY, DENIED, DOWN, Post, raising

HOUR = timedelta(hours=1)
EAST = timezone(timedelta(hours=5, minutes=30))


@pytest.fixture(params=["memory", "table"])
def rows(request):
    if request.param == "memory":
        yield MemoryRows()
        return
    with closing(kept_table(storage_of(request.getfixturevalue("storage")), f"t{uuid4().hex}")) as table:
        yield LaterRows(table)


class Outbox:
    """The step over these rows, and a queue in a list."""

    def __init__(self, rows):
        self.clock = Clock()
        self.queue = []
        self.messages = []
        self.rows = rows
        self.later = Later(queue=self, rows=rows, clock=self.clock)

    def send(self, text, *, after):
        self.messages.append(text)
        self.queue += [(read_message(body)[1].id, self.clock.now + after) for body in apart(text.encode())]

    def put(self, *, after, mail=SOME_ID, content=None):
        self.later.put(Envelope(id=mail, stored=content is None), content, due=self.clock.now + after)

    def release(self):
        self.queue.clear()
        self.later.release(map)
        return self.queue


@pytest.fixture
def outbox(rows):
    return Outbox(rows)


def an_id(number):
    return mail_id(START, f"{number:010}".encode())


@pytest.mark.parametrize("after", [timedelta(), timedelta(seconds=1), reached(START) - START])
def test_what_is_due_before_the_next_release_goes_onto_the_queue(outbox, after):
    outbox.put(after=after)

    assert outbox.queue == [(SOME_ID, START + after)]


# Several threads that put messages at about the same time


@pytest.fixture
def gathering(monkeypatch):
    """An outbox where threads wait for each other, however slow the machine is."""
    monkeypatch.setattr(gather, "LONGEST", 3600.0)
    outbox = Outbox(MemoryRows())
    outbox.company = Company()
    outbox.later = Later(queue=outbox, rows=outbox.rows, clock=outbox.clock, company=outbox.company)
    return outbox


def put_at_once(outbox, afters, **envelope):
    start = threading.Barrier(len(afters))

    def put(number, after):
        with outbox.company.member():
            start.wait()
            outbox.later.put(Envelope(id=an_id(number), stored=True, **envelope), None, due=START + after)

    with ThreadPoolExecutor(len(afters)) as pool:
        list(pool.map(put, range(len(afters)), afters))


def test_messages_that_are_due_within_seconds_and_put_at_once_are_one(gathering):
    afters = [timedelta(seconds=20 + number % 2 * 30) for number in range(MOST_TOGETHER)]

    put_at_once(gathering, afters)

    assert len(gathering.messages) == 2
    assert sorted(gathering.queue) == sorted((an_id(number), START + after) for number, after in enumerate(afters))


def test_a_message_that_has_waited_for_others_in_vain_comes_no_later(gathering, monkeypatch):
    monkeypatch.setattr(gather, "PATIENCE", 0.05)
    bring = gathering.later._gather.bring

    def slow(*arguments, **options):
        gathering.clock.advance(seconds=1)
        return bring(*arguments, **options)

    gathering.later._gather.bring = slow
    with gathering.company.member(patient=True):
        gathering.put(after=timedelta(seconds=4), content=b"{}")

    ((_, comes),) = gathering.queue
    assert comes == START + timedelta(seconds=4)


def test_what_the_queue_does_not_take_together_is_put_alone(gathering):
    send = gathering.send

    def refuse_several(text, *, after):
        if len(apart(text.encode())) > 1:
            raise DOWN
        send(text, after=after)

    gathering.send = refuse_several
    put_at_once(gathering, [timedelta(seconds=20)] * MOST_TOGETHER)

    assert len(gathering.messages) == len({mail for mail, _ in gathering.queue}) == MOST_TOGETHER


@pytest.mark.parametrize(("after", "envelope"), [(timedelta(), {}), (HOUR / 100, {"priority": Priority.URGENT})])
def test_neither_what_is_due_now_nor_an_urgent_mail_waits_for_others(gathering, after, envelope):
    put_at_once(gathering, [after], **envelope)

    assert len(gathering.messages) == 1


@pytest.mark.parametrize("start", [START, START.replace(month=12, day=31, hour=22, minute=57), START.astimezone(EAST)])
def test_each_mail_comes_in_its_minute_over_days(rows, start):
    """Rows lie in partitions by the day; some of a minute may come a minute early, as its key is coarse."""
    outbox = Outbox(rows)
    dues = [start + timedelta(seconds=97 * number) for number in range(2, 120)]
    outbox.clock.now = start
    for number, due in enumerate(dues):
        outbox.put(mail=an_id(number), after=due - start)
    queued = outbox.queue.copy()

    while outbox.clock.now < dues[-1]:
        outbox.clock.now += timedelta(minutes=1)
        for mail, due in outbox.release():
            assert outbox.clock.now <= due < outbox.clock.now + AHEAD + timedelta(minutes=1)
            queued.append((mail, due))

    assert queued == [(an_id(number), due) for number, due in enumerate(dues)]
    assert outbox.release() == []


@pytest.mark.parametrize("second", [10, 16, 30, 59, 75, 90])
@pytest.mark.parametrize("before", [timedelta(seconds=1), timedelta(milliseconds=1)])
def test_a_row_that_is_written_while_a_release_begins_comes_in_time(before, second):
    """Its write waits up to a second for others: the release of that minute may have read the table meanwhile."""
    outbox = Outbox(MemoryRows())
    minute, put = START + timedelta(minutes=1), outbox.rows.put
    due = minute + timedelta(seconds=second)

    def put_after_others(waiting):
        outbox.later.release(map)
        outbox.clock.now = minute + timedelta(seconds=1)
        put(waiting)

    outbox.rows.put = put_after_others
    outbox.clock.now = minute - before
    outbox.put(after=due - outbox.clock.now)
    queued = outbox.queue.copy()
    outbox.clock.now = minute + timedelta(minutes=1)

    assert queued + outbox.release() == [(SOME_ID, due)]


def test_what_is_due_within_two_minutes_goes_onto_the_queue_while_the_table_takes_nothing():
    """Else a send that Graph has confirmed, and that the table cannot record, would be forgotten."""
    outbox = Outbox(MemoryRows())
    outbox.rows.put = raising(DOWN)

    outbox.put(after=SOON)
    assert outbox.queue == [(SOME_ID, START + SOON)]
    with pytest.raises(TryLater):
        outbox.put(after=SOON + timedelta(seconds=1))


@pytest.mark.parametrize("after", [reached(START) - START + timedelta(minutes=1), HOUR, timedelta(days=366)])
def test_what_is_due_later_waits_and_comes_in_time(outbox, after):
    outbox.put(after=after)
    assert outbox.queue == []

    outbox.clock.now = START + after - AHEAD - timedelta(minutes=1)
    assert outbox.release() == []
    outbox.clock.now = START + after - AHEAD
    assert outbox.release() == [(SOME_ID, START + after)]
    assert outbox.release() == []


def test_nothing_is_released_more_than_two_minutes_ahead(outbox):
    for number in range(300):
        outbox.put(after=reached(START) - START + timedelta(seconds=1 + number), mail=an_id(number))
    for minute in range(10):
        outbox.clock.now = START + timedelta(minutes=minute, seconds=1)

        assert all(due - outbox.clock.now <= SOON for _, due in outbox.release())


def test_after_an_outage_all_that_is_overdue_comes_at_once_the_oldest_first(outbox):
    for number in range(5):
        outbox.put(after=HOUR * (5 - number), mail=an_id(number))
    outbox.clock.advance(days=3)

    assert [mail for mail, _ in outbox.release()] == [an_id(number) for number in (4, 3, 2, 1, 0)]
    assert {due for _, due in outbox.queue} == {outbox.clock.now}


def test_the_same_mail_in_the_same_minute_waits_once(outbox):
    outbox.put(after=HOUR)
    outbox.put(after=HOUR + timedelta(seconds=20))
    outbox.clock.now = START + HOUR

    assert len(outbox.release()) == 1


def test_what_was_taken_back_does_not_come(outbox):
    outbox.put(after=HOUR)

    outbox.later.take_back(SOME_ID, START + HOUR)
    outbox.later.take_back(SOME_ID, START + HOUR)
    outbox.clock.advance(hours=2)

    assert outbox.release() == []


def test_a_message_for_another_second_of_the_minute_is_not_taken_back(outbox):
    """A mail is moved by ten seconds: its new message is there, and then the old one is taken back."""
    outbox.put(after=HOUR)
    outbox.put(after=HOUR + timedelta(seconds=10))

    outbox.later.take_back(SOME_ID, START + HOUR)

    outbox.clock.now = START + HOUR
    assert outbox.release() == [(SOME_ID, START + HOUR + timedelta(seconds=10))]


def test_a_row_that_is_written_anew_while_it_is_released_stays(outbox):
    """The message found the mail too early and put the row back, before the row it came from was deleted."""
    outbox.put(after=HOUR)
    outbox.clock.now = START + HOUR

    def put_back(group):
        sent = outbox.later._send(group)
        outbox.rows.put(group.rows[0])
        return sent

    outbox.later.release(lambda _send, page: map(put_back, page))

    assert len(outbox.release()) == 1


def test_mails_that_are_due_within_seconds_travel_in_one_message(outbox):
    for number in range(3 * MOST_TOGETHER):
        outbox.put(after=HOUR + timedelta(seconds=number), mail=an_id(number))
    outbox.clock.now = START + HOUR - AHEAD

    found = outbox.release()

    assert sorted(mail for mail, _ in found) == [an_id(number) for number in range(3 * MOST_TOGETHER)]
    dues = {an_id(number): START + HOUR + timedelta(seconds=number) for number in range(3 * MOST_TOGETHER)}
    assert all(timedelta() <= dues[mail] - due <= SPAN for mail, due in found)
    assert len(outbox.messages) <= 3 * MOST_TOGETHER / 5 + 1
    assert all(len(apart(text.encode())) <= MOST_TOGETHER for text in outbox.messages)


def test_a_message_holds_no_more_than_storage_takes(outbox):
    content = f'{{"text":"{"é" * 12_000}"}}'.encode()
    for number in range(5):
        outbox.put(after=HOUR, mail=an_id(number), content=content)
    outbox.clock.now = START + HOUR

    assert len(outbox.release()) == 5
    assert [len(apart(text.encode())) for text in outbox.messages] == [2, 2, 1]
    assert all(len(text.encode()) <= MAX_BYTES for text in outbox.messages)


def test_a_crash_after_the_message_leaves_a_row_that_is_released_again(outbox):
    outbox.put(after=HOUR)
    outbox.clock.now = START + HOUR

    def crash(send, page):
        list(map(send, page))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outbox.later.release(crash)

    assert len(outbox.release()) == 1


def test_a_run_that_takes_too_long_leaves_the_rest_to_the_next(storage):
    with closing(kept_table(storage_of(storage), f"t{uuid4().hex}")) as table:
        outbox = Outbox(LaterRows(table))
        for number in range(TOGETHER + 1):
            outbox.put(after=HOUR, mail=an_id(number))
        outbox.clock.now = START + HOUR

        def slow(send, page):
            outbox.clock.now += RELEASED_WITHIN + timedelta(seconds=1)
            return map(send, page)

        assert outbox.later.release(slow) == TOGETHER
        assert outbox.later.release(slow) == 1


def test_thousands_that_are_scheduled_or_wait_for_a_permission_do_not_lie_on_the_queue():
    """The host's scaler counts what lies there, visible or not."""
    post = Post()
    for _ in range(1000):
        post.accept(scheduled_at=(START + timedelta(days=7)).isoformat())
    for _ in range(100):
        post.deliver(post.by_queue(), send=raising(DENIED))
    for _ in range(10):
        post.deliver(post.by_queue(), send=raising(BUSY))
    for _ in range(20):
        post.clock.advance(minutes=1)
        post.release()
        post.queue.sort(key=lambda entry: entry[0])

        assert all(due - post.clock.now <= SOON for due, _ in post.queue)
        while post.queue and post.queue[0][0] <= post.clock.now:
            post.deliver(post.take(), send=raising(DENIED))
    assert len(post.queue) < 115
    assert {record.status for record in post.ledger.records.values()} == {Status.SCHEDULED, Status.QUEUED}
