"""python -m tests.scale.simulation: mailer's own pace in virtual time, for more instances than a machine has.

What is assumed: storage answers at once and never fails; a message comes up to two seconds after it is due, to any
instance alike; Graph takes each mail at once; nobody's clock goes wrong. All mails come straight from a queue: bulk
within five minutes, which is what the host starts many instances for, and the others evenly over the time that all of
them take. An instance gets bulk mails four at a time, as host.json says, and writes what waits of them together.
Turns, slots, pauses and counts are mailer's own code. What a delivery writes beside them is counted here by what it
does; a test compares that with whole deliveries.
"""

import argparse
import heapq
import itertools
import random
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailer.delivery.deliver import NEAR_TURN
from mailer.delivery.record import MailRecord
from mailer.delivery.turns import Turns
from mailer.pace.grid import Grid
from mailer.pace.later import AHEAD, SHORT_SPAN, SPAN, Group, reached
from mailer.pace.pace import Pace
from mailer.pace.pauses import Pauses
from mailer.pace.quota import Quota
from mailer.pace.slots import Slots
from mailer.request.address import Address
from mailer.request.mail_id import mail_id
from mailer.request.parse import read_request
from tests.builders import RULES, members
from tests.fakes import Clock, MemoryCounts, MemoryPauses, MemorySlots
from tests.virtual import most_in_a_minute

SHARES = {"bulk": 0.75, "normal": 0.2, "urgent": 0.05}
RATE = 30  # mails a minute and mailbox
BULK_WITHIN = timedelta(minutes=5)
LATE = timedelta(seconds=2)
BATCH = 4  # messages that the host takes from a queue at once


@dataclass(slots=True)
class Simulated:
    """A mail that is under way."""

    sender: str
    priority: str
    born: datetime
    record: MailRecord | None = None


class Simulation:
    """Instances that share slots, pauses and counts, and the mails that are under way."""

    def __init__(self, *, instances: int, mailboxes: int, batch: int = BATCH, seed: int = 1) -> None:
        self.clock = Clock()
        self.batch = batch
        self.random = random.Random(seed)
        self.slots, self.pauses, self.counts = MemorySlots(), MemoryPauses(), MemoryCounts()
        self.instances = [self._turns() for _ in range(instances)]
        self.senders = [f"box{number}@contoso.com" for number in range(mailboxes)]
        rules = replace(RULES, senders=tuple(Address(address=sender) for sender in self.senders))
        self.requests = {
            (sender, priority): read_request(members(from_=sender, priority=priority), rules=rules)
            for sender in self.senders
            for priority in SHARES
        }
        self.calls = Counter()
        self.coming = []  # of (instant, number, what happens, with what)
        self.waiting = defaultdict(list)  # by the minute in which they are due
        self.released_next = None
        self.times = {sender: [] for sender in self.senders}
        self.waits = {priority: [] for priority in SHARES}
        self.order = itertools.count()

    def _turns(self):
        pauses = Pauses(self.pauses, clock=self.clock)
        slots = Slots(Grid(RATE), self.slots, clock=self.clock)
        quota = Quota(1_000_000, self.counts.of_another_instance(), clock=self.clock)
        pace = Pace(pauses=pauses, slots=slots, quota=quota, clock=self.clock)
        return Turns(pace=pace, pools={}, priority=lambda request: request.priority, clock=self.clock)

    def produce(self, mails: int) -> None:
        lasting = timedelta(minutes=mails / len(self.senders) / RATE)
        bulk = []
        for _ in range(mails):
            (priority,) = self.random.choices([*SHARES], [*SHARES.values()])
            born = self.clock.now + (BULK_WITHIN if priority == "bulk" else lasting) * self.random.random()
            mail = Simulated(self.random.choice(self.senders), priority, born)
            if priority == "bulk":
                bulk.append(mail)
            else:
                self._at(self._late(born), self._come_first, [mail])
        bulk.sort(key=lambda mail: mail.born)
        for start in range(0, len(bulk), self.batch):
            together = bulk[start : start + self.batch]
            self._at(self._late(together[-1].born), self._come_first, together)

    def _at(self, instant, what, *parts):
        heapq.heappush(self.coming, (instant, next(self.order), what, parts))

    def _late(self, due):
        return due + LATE * self.random.random()

    def go(self) -> None:
        """Let time pass until nothing comes any more."""
        while self.coming:
            self.clock.now, _, what, parts = heapq.heappop(self.coming)
            what(*parts)

    def _come_first(self, mails):
        turns = self.random.choice(self.instances)
        for mail in mails:
            self.calls["host"] += 1  # which deletes the message
            mail.record = MailRecord(id=mail_id(self.clock.now, self.random.randbytes(10)), recipients=1)
        self._take(mails, turns)

    def _come(self, group):
        self.calls["host"] += 1
        turns = self.random.choice(self.instances)
        for mail in group:
            self._at(max(turns.leaves(mail.record), self.clock.now), self._leave, mail, turns)

    def _leave(self, mail, turns):
        if turns.has_come(mail.record, self.requests[mail.sender, mail.priority]):
            self._send(mail)
        else:
            self.calls["read"] += not turns.is_new(mail.record)
            self._take([mail], turns)

    def _take(self, mails, turns):
        waiting = []
        for mail in mails:
            mail.record = turns.take(mail.record, self.requests[mail.sender, mail.priority], earliest=self.clock.now)
            due = mail.record.due_at
            if not due or due <= self.clock.now:
                self._send(mail)
            elif due - self.clock.now <= NEAR_TURN:
                self._at(turns.leaves(mail.record), self._leave, mail, turns)
            else:
                mail.record = replace(mail.record, version="1")
                waiting.append(mail)
        self._keep(waiting)

    def _keep(self, mails):
        self.calls["record"] += bool(mails)
        later = [mail for mail in mails if mail.record.due_at > reached(self.clock.now)]
        self.calls["row"] += len({mail.record.due_at.date() for mail in later})
        for mail in later:
            self.waiting[_minute(mail.record.due_at)].append(mail)
        self._messages((mail for mail in mails if mail.record.due_at <= reached(self.clock.now)), SHORT_SPAN)
        self._release_later()

    def _release_later(self):
        following = _minute(self.clock.now) + timedelta(minutes=1)
        if self.waiting and self.released_next != following:
            self.released_next = following
            self._at(following, self._release)

    def _release(self):
        minutes = sorted(minute for minute in self.waiting if minute <= _minute(self.clock.now + AHEAD))
        mails = [mail for minute in minutes for mail in self.waiting.pop(minute)]
        self.calls["row"] += -(-len(mails) // 100) + 2 + len(mails) // 500  # deletions and pages
        self._messages(mails, SPAN)
        self._release_later()

    def _messages(self, mails, span):
        group = Group(timedelta(), span)
        for mail in sorted(mails, key=lambda mail: mail.record.due_at):
            left = max(mail.record.due_at - self.clock.now, timedelta())
            if group.rows and not group.has_room("", left):
                self._message(group)
                group = Group(timedelta(), span)
            group.left = group.left if group.rows else left
            group.add(mail, "")
        if group.rows:
            self._message(group)

    def _message(self, group):
        self.calls["message"] += 1
        self._at(self._late(self.clock.now + whole_seconds(group.left)), self._come, group.rows)

    def _send(self, mail):
        self.calls["record"] += 2  # claim and outcome
        self.times[mail.sender].append(self.clock.now)
        self.waits[mail.priority].append((self.clock.now - mail.born).total_seconds())

    @property
    def storage_calls(self) -> int:
        """The same as tests/virtual.py counts: a refused take is one that was tried again."""
        slots = self.slots.calls.total() - self.slots.calls["refused"]
        return self.calls.total() + slots + self.counts.calls.total() + self.pauses.calls


def whole_seconds(while_: timedelta) -> timedelta:
    """As Queue Storage takes them."""
    return timedelta(seconds=int(while_.total_seconds()))


def _minute(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)


def main() -> int:
    """0, or 1 if the pace was broken or a mail lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale.simulation", description="Pace in virtual time.")
    parser.add_argument("--instances", type=int, action="append", help="how many (default: 1, 10 and 100)")
    parser.add_argument("--mails", type=int, default=20_000, help="in each run (default: %(default)s)")
    parser.add_argument("--mailboxes", type=int, default=10, help="that they are spread over")
    options = parser.parse_args()
    results = [simulate(number, options.mails, options.mailboxes) for number in options.instances or (1, 10, 100)]
    return 0 if all(results) else 1


def simulate(instances: int, mails: int, mailboxes: int) -> bool:
    """One run and its line."""
    began = time.monotonic()
    world = Simulation(instances=instances, mailboxes=mailboxes)
    world.produce(mails)
    world.go()
    lasted = max(max(each) - min(each) for each in world.times.values()) / timedelta(minutes=1)
    most = max(map(most_in_a_minute, world.times.values()))
    p95 = ", ".join(
        f"{priority} {sorted(waits)[int(len(waits) * 0.95)]:.1f} s" for priority, waits in world.waits.items()
    )
    sent = sum(map(len, world.times.values()))
    print(
        f"{instances} instances, {mails} mails, {mailboxes} mailboxes: {sent / lasted / mailboxes:.1f} a minute and "
        f"mailbox, most in 60 s {most}, {world.storage_calls / mails:.2f} storage calls a mail, p95 {p95}; "
        f"lost {mails - sent} ({time.monotonic() - began:.0f} s)",
        flush=True,
    )
    return sent == mails and most <= RATE * 1.1


if __name__ == "__main__":
    sys.exit(main())
