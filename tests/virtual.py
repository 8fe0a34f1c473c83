"""mailer's steps in virtual time: instances that share storage, a queue that delivers late, a Graph that notes when."""

import heapq
import itertools
import random
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer.errors import Throttled
from tests.builders import SHOP
from tests.fakes import MemoryLedger, MemoryRequests, MemoryRows
from tests.post import Post


@dataclass
class Sent:
    """A mail that Graph took."""

    mailbox: str
    subject: str
    priority: str | None
    at: datetime
    waited: timedelta


class CountedLedger(MemoryLedger):
    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def write(self, record):
        self.calls["record"] += 1
        return super().write(record)

    def read(self, mail_id):
        self.calls["read"] += 1
        return super().read(mail_id)


class CountedRequests(MemoryRequests):
    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def put(self, mail, body):
        self.calls["blob"] += 1
        super().put(mail, body)


class CountedRows(MemoryRows):
    """Which are read by two calls, those of the day and all before, and deleted a hundred of a day at a time."""

    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def put(self, waiting):
        self.calls["row"] += 1
        super().put(waiting)

    def take_back(self, mail, due):
        self.calls["row"] += 2
        super().take_back(mail, due)

    def pages(self, until):
        for page in super().pages(until):
            self.calls["page"] += 2 + len(page) // 500
            yield page

    def delete(self, rows):
        days = Counter(row.due.date() for row in rows)
        self.calls["row"] += sum(-(-number // 100) for number in days.values())
        super().delete(rows)


class Run(threading.Thread):
    """A message in a worker's hand, which may wait there: one run at a time is awake."""

    def __init__(self, deliver, message):
        super().__init__(daemon=True)
        self.deliver, self.message = deliver, message
        self.awake, self.rests, self.failed = threading.Semaphore(0), threading.Semaphore(0), None

    def go_on(self):
        """Until it waits or is done; raises what it raised."""
        if self.ident is None:
            self.start()
        self.awake.release()
        self.rests.acquire()
        if self.failed:
            raise self.failed

    def wait(self):
        self.rests.release()
        self.awake.acquire()

    def run(self):
        self.awake.acquire()
        try:
            self.deliver(self.message)
        except BaseException as failed:  # noqa: BLE001 - it is raised where the run went on
            self.failed = failed
        self.rests.release()


RELEASE = object()


class World(Post):
    """`instances` of the app at one storage. A message comes up to `late` after it is due, to any of them.

    Graph takes `latency` for a mail, and refuses the fifth request of a mailbox at once.
    """

    def __init__(self, *, instances=1, late=timedelta(seconds=2), latency=timedelta(), seed=0, **pace):
        self.coming = []  # of (due, number, body of a message, RELEASE, or a run that goes on)
        self.order = itertools.count()
        super().__init__(**pace)
        self.calls = Counter()
        self.ledger, self.requests = CountedLedger(self.calls), CountedRequests(self.calls)
        self.rows = CountedRows(self.calls)
        self.random = random.Random(seed)
        self.late, self.latency = late, latency
        self.asked, self.born, self.refused = [], {}, 0
        self.running = self.released_next = None
        self.throttled_until = {}
        self.instances = []
        for _ in range(instances):
            self.start_instance()
            self.instances.append((self.turns, self.throttle))

    def send(self, text, *, after):
        self.calls["message"] += 1
        self.push(self.clock.now + timedelta(seconds=int(after.total_seconds())), text.encode())

    def push(self, due, body, *, now=False):
        number = next(self.order)
        heapq.heappush(self.coming, (due, -1 - number if now else number, body))

    def pause(self, seconds):
        run = self.running
        self.push(self.clock.now + timedelta(seconds=seconds), run, now=True)
        run.wait()

    def schedule_release(self):
        """The timer, each minute in which anything waits."""
        minute = self.clock.now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        if self.rows.kept and self.released_next != minute:
            self.released_next = minute
            self.push(minute, RELEASE, now=True)

    def produce(self, after, **changes):
        """A mail straight from a producer."""
        subject = f"mail {len(self.born)}"
        self.born[subject] = self.clock.now + after
        self.push(self.clock.now + after, self.by_queue(subject=subject, **changes).body)

    def latencies(self, priority):
        """How long the mails of this priority waited, in seconds, the shortest first."""
        return sorted(sent.waited.total_seconds() for sent in self.asked if sent.priority == priority)

    def times(self, mailbox=SHOP.address):
        return [sent.at for sent in self.asked if sent.mailbox == mailbox]

    def go(self, until=None):
        """Let time pass until nothing comes any more, or until then."""
        while self.coming and (until is None or self.coming[0][0] <= until):
            due, number, body = heapq.heappop(self.coming)
            if number >= 0:  # it is due, and comes a little later
                arrives = max(due, self.clock.now) + self.late * self.random.random()
                heapq.heappush(self.coming, (arrives, -1 - number, body))
                continue
            self.clock.now = max(self.clock.now, due)
            if body is RELEASE:
                self.release()
            elif isinstance(body, Run):
                self.go_on(body)
            else:
                self.handle(body)
            self.schedule_release()

    def go_on(self, run):
        self.running = run
        run.go_on()

    def handle(self, body):
        self.turns, self.throttle = self.random.choice(self.instances)
        self.calls["host"] += 1

        def send(mail, _token):
            mailbox = mail.request.mailbox.address
            under_way = sum(
                sent.at > self.clock.now - self.latency for sent in self.asked[-40:] if sent.mailbox == mailbox
            )
            if under_way >= 4 or self.throttled_until.get(mailbox, self.clock.now) > self.clock.now:
                self.refused += 1
                left = self.throttled_until.get(mailbox, self.clock.now) - self.clock.now
                after = max(left, timedelta(seconds=5))
                raise Throttled("Too many.", code="ApplicationThrottled", after=after)
            waited = self.clock.now - self.born.get(mail.content.subject, self.clock.now)
            priority = mail.request.priority
            self.asked.append(Sent(mailbox, mail.content.subject, priority, self.clock.now, waited))

        delivery = self.delivery()
        delivery.attempt.graph.send = send
        self.go_on(Run(delivery.deliver, self.by_queue(body=body)))

    @property
    def storage_calls(self):
        slots = self.slots.calls.total() - self.slots.calls["refused"]  # which are takes
        return self.calls.total() + slots + self.counts.calls.total() + self.pauses.calls


def most_in_a_minute(times):
    """The most of these instants in any 60 seconds."""
    times = sorted(times)
    most, first = 0, 0
    for last, at in enumerate(times):
        while at - times[first] >= timedelta(minutes=1):
            first += 1
        most = max(most, last - first + 1)
    return most
