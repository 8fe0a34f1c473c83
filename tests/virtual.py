"""mailer's steps in virtual time: instances that share storage, a queue that delivers late, a Graph that notes when."""

import heapq
import itertools
import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer.delivery.message import write_message
from mailer.errors import Throttled
from tests.builders import SHOP
from tests.fakes import MemoryLedger, MemoryRequests
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


class World(Post):
    """`instances` of the app at one storage. A message comes up to `late` after it is due, to any of them.

    Graph takes `latency` for a mail, and refuses the fifth request of a mailbox at once.
    """

    def __init__(self, *, instances=1, late=timedelta(seconds=2), latency=timedelta(), seed=0, **pace):
        self.coming = []  # of (due, number, body, whether the table holds it until then)
        self.order = itertools.count()
        super().__init__(**pace)
        self.calls = Counter()
        self.ledger, self.requests = CountedLedger(self.calls), CountedRequests(self.calls)
        self.random = random.Random(seed)
        self.late, self.latency = late, latency
        self.asked, self.born, self.refused = [], {}, 0
        self.throttled_until = {}
        self.instances = []
        for _ in range(instances):
            self.start_instance()
            self.instances.append((self.turns, self.throttle))

    @property
    def later(self):
        return self

    def put(self, envelope, content, *, due):
        soon = due - self.clock.now <= timedelta(minutes=2)
        self.calls["message"] += 1 if soon else 2  # its row, and the message that the release makes of it
        self.push(due, write_message(content or b"{}", envelope).encode())

    def take_back(self, *_, **__):
        self.calls["row"] += 1

    def push(self, due, body):
        heapq.heappush(self.coming, (due, next(self.order), body))

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
            self.handle(body)

    def handle(self, body):
        self.turns, self.throttle = self.random.choice(self.instances)
        self.calls["host"] += 1
        mailbox = None

        def send(mail, _token):
            nonlocal mailbox
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
        message = self.by_queue(body=body)
        delivery.deliver(message)

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
