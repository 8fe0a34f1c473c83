"""A world in memory for mailer's steps: a host, a storage and a Graph that crash, answer late, or not at all."""

import random
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from mailer.delivery.gate import Passed
from mailer.delivery.mail import QueuedMessage
from mailer.delivery.message import SOON, apart, read_message
from mailer.errors import InvalidRequest, TryLater
from mailer.pace.later import AHEAD
from mailer.request.members import ONE_CALL
from tests.builders import RULES, a_file, composed
from tests.clean_up import sweep
from tests.fakes import MemoryLedger, MemoryRequests, MemoryRows, MemorySuppressions
from tests.post import Crash, Post
from tests.trouble import SETTINGS, Bug, Faults, Faulty, Graph

MESSAGE_LEASE = timedelta(minutes=10)
RUN_AGAIN = timedelta(minutes=1)
MOST_RUNS = 3  # of a message that makes the app fail; host.json has 60
LARGE = "A large mail"
FILE = a_file(b"x" * ONE_CALL)  # one for all: a world has references to itself, and is not given back at once


@dataclass
class Message:
    """One message on a queue of the host's, and when it can be seen."""

    said: QueuedMessage
    visible_at: object
    runs: int = 0


class World(Post):
    """All of mailer's steps, and what is round them."""

    def __init__(self, **limits):
        super().__init__(**limits)
        self.spread = lambda: random.uniform(0.1, 1)
        self.faults = Faults()
        self.ledger = Faulty("table", MemoryLedger(), self.faults)
        self.rows = Faulty("table", MemoryRows(), self.faults)
        self.requests = Faulty("blob", MemoryRequests(), self.faults)
        self.suppression_rows = Faulty("table", MemorySuppressions(), self.faults)
        self.start_instance()
        self.graph = Graph(self)
        self.poison = []
        self.wrong = None
        self.forgotten = {}
        self.learned = None  # the mail that Graph has just said to have taken
        self.known = set()  # those of which a worker has learned it, and lived on
        self.on_sent = lambda _mail: None
        self.meanwhile = lambda: None  # while the clean-up runs
        self.marks = {}
        self.blob_times = {}

    # The queue, whose messages the host keeps in order

    def send(self, text, *, after):
        assert after <= SOON, "nothing on the queue is due later than that"
        self.faults.io("queue", lambda: self.lay(text.encode(), after=after))

    def lay(self, body, *, after=timedelta()):
        """A message onto the queue, as the storage does it."""
        said = self.by_queue(body=body)
        self.queue.append(Message(said, self.clock.now + after))
        return said

    @property
    def visible(self):
        return [
            (queue, one) for queue in (self.queue, self.poison) for one in queue if one.visible_at <= self.clock.now
        ]

    def handle(self, queue, message):
        """The host hands a message over: it is deleted, comes again, or is moved to the poison queue."""
        message.runs += 1
        message.visible_at = self.clock.now + MESSAGE_LEASE
        delivery, self.learned = self.the_delivery(), None
        take = delivery.deliver if queue is self.queue else delivery.give_up
        try:
            take(message.said)
        except TryLater:
            message.visible_at = self.clock.now + RUN_AGAIN
            return
        except Bug:
            if queue is self.queue and message.runs >= MOST_RUNS:  # it has another id on the other queue
                self.poison.append(Message(self.by_queue(body=message.said.body), self.clock.now))
                queue.remove(message)
            else:
                message.visible_at = self.clock.now + RUN_AGAIN
            return
        except Crash:
            return
        if self.learned:
            self.known.add(self.learned)
        try:
            self.faults.io("queue", lambda: message in queue and queue.remove(message))
        except (Crash, TryLater):
            return

    # The steps as the app is set up now

    def the_delivery(self):
        stumbles, said = SETTINGS[self.wrong] if self.wrong else ("", None)

        def rules():
            if stumbles == "rules":
                raise said
            return RULES

        def compose(request, *, mail):
            if stumbles == "compose":
                raise said
            made = composed(request, mail=mail)
            return replace(made, files=(FILE,)) if request.subject == LARGE else made

        def screen(mail):
            if stumbles == "screen":
                raise said
            return Passed(mail=mail)

        return self.delivery(rules=rules, compose=compose, screen=screen, graph=self.graph, pause=self._pause)

    def _pause(self, seconds):
        self.clock.advance(seconds=seconds)

    def sweep(self):
        return sweep(self)

    # In the end

    @property
    def records(self):
        return self.ledger.part.records

    @property
    def unsettled(self):
        return [record for record in self.records.values() if not record.status.final or record.look]

    def coming(self):
        """The mails that have a message, by id or by number."""
        found = {mail for _, mail in self.rows.part.kept}
        for body in (body for message in self.queue + self.poison for body in apart(message.said.body)):
            with suppress(InvalidRequest):
                members, envelope = read_message(body)
                found.add(envelope.id if envelope else members["tags"]["n"])
        return found

    def mend(self):
        """All faults end."""
        self.faults.away, self.faults.armed, self.wrong = set(), None, None
        self.graph.mood, self.graph.meanwhile = "takes it", None

    def run(self, *, until=None, most=2000):
        """Time goes by, with messages at theirs, and what waits released in its minute; up to this instant, or on."""
        for _ in range(most):
            for _ in range(500):
                if not self.visible or (until and self.clock.now > until):
                    break
                self.handle(*self.visible[0])
            assert until or not self.visible, "a message goes round for ever"
            dues = [one.visible_at for one in self.queue + self.poison]
            dues += [self.rows.part.first_due - AHEAD] if self.rows.part.kept else []
            if not dues or (until and min(dues) > until):
                break
            self.clock.now = max(self.clock.now, min(dues))
            with suppress(TryLater):
                self.release()
        self.clock.now = max(self.clock.now, until or self.clock.now)

    def run_until_nothing_moves(self, *, most=150):
        """As long as anything does, with the clean-up twice a day; returns the mails that still wait."""
        self.run()
        while self.unsettled and (most := most - 1):
            self.clock.advance(hours=12)
            self.sweep()
            self.run()
        return self.unsettled
