"""mailer's steps over memory: a ledger, a queue that keeps delays, rows that wait, a Graph that is told what to do."""

import itertools
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

from mailer.callers.policy import QUEUE
from mailer.delivery.accept import accept
from mailer.delivery.amend import Amendment
from mailer.delivery.attempt import Attempt
from mailer.delivery.batch import Batch
from mailer.delivery.decide import Policy
from mailer.delivery.deliver import Delivery
from mailer.delivery.gate import Gate, Mode
from mailer.delivery.mail import QueuedMessage
from mailer.delivery.message import SOON
from mailer.delivery.opening import Opening
from mailer.delivery.rules import preparation_of
from mailer.delivery.stores import Stores
from mailer.delivery.turns import Turns
from mailer.errors import GiveUp, Misconfigured, TryLater, Uncertain
from mailer.feedback.suppressions import Suppressions
from mailer.pace.allowances import Allowances
from mailer.pace.grid import Grid
from mailer.pace.later import AHEAD, Later
from mailer.pace.pace import Pace
from mailer.pace.pauses import Pauses
from mailer.pace.quota import Quota
from mailer.pace.slots import Slots
from mailer.pace.throttle import Throttle
from mailer.request.members import ONE_CALL, Priority
from mailer.request.parse import parse, read_request
from mailer.setting_texts import OnUncertain
from tests.builders import RULES, a_file, as_bytes, composed, members
from tests.fakes import (
    Alarms,
    Clock,
    MemoryCounts,
    MemoryLedger,
    MemoryPauses,
    MemoryRequests,
    MemoryRows,
    MemorySlots,
    MemorySuppressions,
)

BUSY = TryLater("Graph is busy.", code="http_503")
DOWN = TryLater("Storage does not answer.", code="storage_unavailable")
DENIED = Misconfigured("Grant Mail.Send.", code="ErrorAccessDenied")
REFUSED = GiveUp("The address is not valid.", code="ErrorInvalidRecipients")
NO_ANSWER = Uncertain("No answer.", code="no_answer")


OPEN = Gate(mode=Mode.OPEN)


class Crash(BaseException):
    """The process ends here."""


def raising(error):
    def call(*_args, **_options):
        raise error

    return call


class ScriptedGraph:
    """Takes every mail, unless a test says otherwise."""

    def __init__(self):
        self.sent = []
        self.subjects = []
        self.large = []
        self.cleared = []
        self.sent_items = []

    def authorize(self):
        return "token"

    def send(self, mail, _token):
        self.sent.append(mail.id)
        self.subjects.append(mail.content.subject)
        return f"request-{len(self.sent)}"

    def send_large(self, mail, _token, *, leaving):
        leaving()
        self.large.append(mail.id)

    def clear_drafts(self, mail, _token):
        self.cleared.append(mail.id)

    def is_sent(self, mail, _sender, _token):
        return mail in self.sent_items


class Post:
    """All steps over one memory. Parts of a delivery can be replaced by name. Without a rate nobody is paced."""

    def __init__(self, *, rate=None, daily=None, pools=None, senders=RULES.senders, limits=None):
        self.ledger = MemoryLedger()
        self.clock = Clock()
        self.queue = []  # of (due, body)
        self.rows = MemoryRows()
        self.requests = MemoryRequests()
        self.graph = ScriptedGraph()
        self.slots, self.pauses, self.counts = MemorySlots(), MemoryPauses(), MemoryCounts()
        self.suppression_rows = MemorySuppressions()
        self.pools = pools or {}
        self.rules = replace(RULES, pools=self.pools, senders=senders)
        self.rate, self.daily, self.limits = rate, daily, limits
        self.start_instance()
        self.alarms = Alarms()
        self.policy = OnUncertain.HOLD
        self.max_age = timedelta(hours=48)
        self.spread = lambda: 1.0  # of retries: too long for any to wait in hand
        self.waited = []
        self.numbers = itertools.count()

    @property
    def sent(self):
        return self.graph.sent

    def start_instance(self):
        """What an instance of the app keeps in memory, as it is at its start."""
        pauses = Pauses(self.pauses, clock=self.clock)
        self.suppressions = Suppressions(self.suppression_rows, clock=self.clock)
        slots = Slots(Grid(self.rate), self.slots, clock=self.clock) if self.rate else None
        self.throttle = Throttle(4, pauses, slots)
        counts = self.counts.of_another_instance() if isinstance(self.counts, MemoryCounts) else self.counts
        quota = Quota(self.daily, counts, clock=self.clock) if self.daily else None
        pools = {name: [each.address for each in pool] for name, pool in self.pools.items()}
        self.turns = Turns(
            pace=Pace(pauses=pauses, slots=slots, quota=quota, clock=self.clock),
            pools=pools,
            priority=lambda request: request.priority or Priority.NORMAL,
            clock=self.clock,
            allowances=Allowances(self.limits, counts, clock=self.clock) if self.limits else None,
        )

    @property
    def later(self):
        return Later(queue=self, rows=self.rows, clock=self.clock)

    def send(self, text, *, after):
        """The queue's part of what is due soon."""
        assert after <= SOON
        self.queue.append((self.clock.now + after, text.encode()))

    def stores(self, **parts):
        return Stores(**{"ledger": self.ledger, "requests": self.requests, "outbox": self.later} | parts)

    def _policy(self, request=None):
        hold = request and not request.save_to_sent_items and self.policy is OnUncertain.VERIFY
        on_uncertain = OnUncertain.HOLD if hold else self.policy
        return Policy(on_uncertain=on_uncertain, max_age=self.max_age, spread=self.spread)

    def delivery(self, *, send=None, compose=composed, screen=OPEN.screen, rules=None, **parts):
        """`send` is called while Graph has the mail; the parts of Graph and of the stores go by their names."""
        graph = ScriptedGraph()
        graph.__dict__ = self.graph.__dict__.copy()
        for name in ("authorize", "send_large", "clear_drafts", "is_sent"):
            if name in parts:
                setattr(graph, name, parts.pop(name))
        if send:
            graph.send = lambda mail, token: (self.graph.send(mail, token), send())[0]
        if "max_age" in parts:
            self.max_age = parts.pop("max_age")
        stores = self.stores(**{name: parts.pop(name) for name in ("ledger", "requests", "outbox") if name in parts})
        preparation = preparation_of(rules or (lambda: self.rules), compose, lambda: OPEN, self.clock)
        preparation = replace(
            preparation,
            screen=screen,
            producer=lambda: QUEUE if self.limits else None,
            suppressed=self.suppressions.among,
        )
        known = {
            "stores": stores,
            "turns": self.turns,
            "opening": Opening(stores=stores, preparation=preparation, clock=self.clock),
            "attempt": Attempt(
                ledger=stores.ledger,
                preparation=preparation,
                graph=parts.pop("graph", graph),
                throttle=parts.pop("throttle", self.throttle),
                clock=self.clock,
            ),
            "alarms": self.alarms,
            "policy": self._policy,
            "clock": self.clock,
            "pause": self.pause,
        }
        return Delivery(**known | parts)

    def pause(self, seconds):
        self.waited.append(seconds)
        self.clock.advance(seconds=seconds)

    def amendment(self, **kept):
        return Amendment(stores=self.stores(**kept), turns=self.turns, policy=self._policy(), clock=self.clock)

    def deliver(self, message, **parts):
        return self.delivery(**parts).deliver(message)

    def deliver_large(self, message, *, graph=lambda leaving: leaving(), **parts):
        """Deliver a mail that one call cannot carry to a Graph that does this with it."""

        def compose(request, *, mail):
            return replace(composed(request, mail=mail), files=(a_file(b"x" * ONE_CALL),))

        def send_large(mail, _token, *, leaving):
            graph(leaving)
            self.graph.large.append(mail.id)
            return f"request-{len(self.graph.large)}"

        return self.deliver(message, compose=compose, send_large=send_large, **parts)

    def by_queue(self, *, body=None, **changes):
        return QueuedMessage(
            body=body or as_bytes(members(**changes)), id=f"m{next(self.numbers)}", inserted_at=self.clock.now
        )

    def accept(self, *, within=timedelta(), stores=None, caller=None, **changes):
        request = read_request(members(**changes), rules=self.rules)
        return accept(
            request, stores=stores or self.stores(), turns=self.turns, clock=self.clock, within=within, caller=caller
        )

    def batch(self, pool, **parts):
        kept = {name: parts.pop(name) for name in ("ledger", "outbox") if name in parts}
        known = {
            "read": partial(parse, rules=self.rules),
            "stores": self.stores(**kept),
            "turns": self.turns,
            "pool": pool,
            "clock": self.clock,
        }
        return Batch(**known | parts)

    def by_http(self, **changes):
        self.accept(**changes)
        return self.take()

    def release(self):
        """What the timer does each minute."""
        return self.later.release(map)

    @property
    def waits(self):
        """Whether anything will come by itself."""
        return bool(self.queue or self.rows.kept)

    def take(self):
        """The next message, at the time it is due; what waits in the table is released in its minute."""
        while not self.queue or (self.rows.kept and min(self.queue)[0] > self.rows.first_due):
            self.clock.now = max(self.clock.now, self.rows.first_due - AHEAD)
            self.release()
        self.queue.sort(key=lambda entry: entry[0])
        due, body = self.queue.pop(0)
        self.last = body
        self.clock.now = max(due, self.clock.now)
        return self.by_queue(body=body)

    def run(self, **parts):
        """Deliver until nothing comes any more, as time goes by."""
        status = None
        while self.waits:
            status = self.deliver(self.take(), **parts)
        return status

    @property
    def record(self):
        (record,) = self.ledger.records.values()
        return record

    @property
    def kept(self):
        """The content that a replay would find."""
        return self.requests.get(self.record.id)

    @property
    def due_in(self):
        """How long each mail waits from now."""
        dues = [due for due, _ in self.queue] + [row.due for row in self.rows.kept.values()]
        return [due - self.clock.now for due in sorted(dues)]


def drained(post):
    """Deliver all, whatever storage says."""
    with suppress(TryLater):
        post.run()
