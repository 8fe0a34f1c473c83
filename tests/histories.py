"""A world in memory for mailer's steps: a host, a storage and a Graph that crash, answer late, or not at all."""

from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from mailer.delivery.decide import Policy
from mailer.delivery.gate import Passed
from mailer.delivery.mail import QueuedMessage
from mailer.delivery.message import SOON, read_message
from mailer.delivery.sweep import Sweep
from mailer.errors import (
    ConfigError,
    InvalidRequest,
    Misconfigured,
    Problem,
    Suppressed,
    Throttled,
    TryLater,
    Uncertain,
)
from mailer.pace.later import AHEAD
from mailer.pace.throttle import Throttle
from mailer.request.model import ONE_CALL
from mailer.settings import OnUncertain
from tests.builders import RULES, a_file, composed
from tests.fakes import MemoryLedger, MemoryRequests, MemoryRows
from tests.post import BUSY, DENIED, DOWN, NO_ANSWER, REFUSED, Crash, Post

RETENTION = timedelta(days=20)
MESSAGE_LEASE = timedelta(minutes=10)
RUN_AGAIN = timedelta(minutes=1)
MOST_RUNS = 3  # of a message that makes the app fail; host.json has 500
LAG = timedelta(minutes=10)  # until a copy shows in Sent Items
SLOW_DOWN = Throttled("Slow down.", code="ApplicationThrottled", after=timedelta(seconds=90))
WRONG = ConfigError(["A setting is wrong."])
LARGE = "A large mail"


class Bug(Exception):
    """The app itself fails."""


# What Graph does with a mail: whether it takes it, and what its caller hears.
MOODS = {
    "takes it": (True, None),
    "takes it, and the answer is lost": (True, NO_ANSWER),
    "takes it, and the worker stumbles": (True, Bug("after the claim")),
    "hears nothing": (False, NO_ANSWER),
    "is busy": (False, BUSY),
    "throttles": (False, SLOW_DOWN),
    "is not allowed": (False, DENIED),
    "refuses": (False, REFUSED),
}
# What is wrong with the app for a while, by the part that stumbles over it.
SETTINGS = {
    "a sender that is no address": ("rules", WRONG),
    "a sender that was taken away": ("rules", InvalidRequest([Problem(code="sender_not_allowed", message="No.")])),
    "a template folder that is not there": ("compose", WRONG),
    "a template that cannot be read": ("compose", TryLater("Blobs are away.", code="storage_unavailable")),
    "a gate without an address": ("screen", WRONG),
    "a gate that lets nobody through": ("screen", Suppressed("Nobody is left.", code="suppressed")),
    "a bug": ("compose", Bug("before the claim")),
}
FAULTS = ("crash before", "crash after", "away", "answer lost")


class Faults:
    """What goes wrong with the calls of a step: one of them, counted from now, and all of a service that is away."""

    def __init__(self):
        self.away = set()
        self.armed = None

    def io(self, service, call):
        """One call to a service, which may fail before it is carried out or after."""
        if service in self.away:
            raise DOWN
        kind = self._due()
        if kind == "crash before":
            raise Crash
        if kind == "away":
            raise BUSY if service == "graph" else DOWN
        done = call()
        if kind == "crash after":
            raise Crash
        if kind == "answer lost":
            raise NO_ANSWER if service == "graph" else DOWN
        return done

    def _due(self):
        if self.armed is None:
            return None
        left, kind = self.armed
        self.armed = (left - 1, kind) if left else None
        return None if left else kind


class Faulty:
    """A part of the storage, each of whose calls may fail."""

    def __init__(self, service, part, faults):
        self.part = part
        self._service, self._faults = service, faults

    def __getattr__(self, name):
        found = getattr(self.part, name)
        if not callable(found):
            return found
        return lambda *given, **named: self._faults.io(self._service, lambda: found(*given, **named))


class Graph:
    """Takes a mail or not, as its mood is, and then may be slow: `meanwhile` happens before its caller goes on."""

    def __init__(self, world):
        self.world = world
        self.mood = "takes it"
        self.meanwhile = None
        self.copies = []  # of (mail, its number, instant)

    def authorize(self):
        return "token"

    def send(self, mail, _token):
        self.world.faults.io("graph", lambda: self._take(mail))
        self.world.learned = mail.id

    def send_large(self, mail, token, *, leaving):
        self.world.faults.io("graph", self._pass_time)
        leaving()
        self.send(mail, token)

    def clear_drafts(self, _mail, _token):
        self.world.faults.io("graph", lambda: None)

    def is_sent(self, mail, _sender, _token):
        if isinstance(said := MOODS[self.mood][1], TryLater | Misconfigured):
            raise said
        before = self.world.clock.now - LAG
        return self.world.faults.io("graph", lambda: any(one == mail and at <= before for one, _, at in self.copies))

    def _take(self, mail):
        taken, said = MOODS[self.mood]
        if taken:
            self.world.on_sent(mail.id)
            self.copies.append((mail.id, mail.request.tags["n"], self.world.clock.now))
        self._pass_time()
        if said:
            raise said

    def _pass_time(self):
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()


@dataclass
class Message:
    """One message on a queue of the host's, and when it can be seen."""

    said: QueuedMessage
    visible_at: object
    runs: int = 0


class Inline:
    """An executor whose work is done at once."""

    def submit(self, work, *given):
        future = Future()
        try:
            future.set_result(work(*given))
        except Exception as error:  # noqa: BLE001 - as an executor has it
            future.set_exception(error)
        return future


class World(Post):
    """All of mailer's steps, and what is round them."""

    def __init__(self):
        super().__init__()
        self.faults = Faults()
        self.ledger = Faulty("table", MemoryLedger(), self.faults)
        self.rows = Faulty("table", MemoryRows(), self.faults)
        self.requests = Faulty("blob", MemoryRequests(), self.faults)
        self.graph = Graph(self)
        self.throttle = Throttle(4, clock=lambda: self.clock().timestamp())
        self.poison = []
        self.wrong = None
        self.forgotten = {}
        self.learned = None  # the mail that Graph has just said to have taken
        self.known = set()  # those of which a worker has learned it, and lived on
        self.on_sent = lambda _mail: None
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
            # A copy on the poison queue has another id, so that a mail without a key or an envelope is another mail
            # there; that it was claimed first, and then failed 500 times, is left out of the picture.
            if queue is self.queue and message.runs >= MOST_RUNS and message.said.mail_id not in self.records:
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
            return replace(made, files=(a_file(b"x" * ONE_CALL),)) if request.subject == LARGE else made

        def screen(mail):
            if stumbles == "screen":
                raise said
            return Passed(mail=mail)

        return self.delivery(rules=rules, compose=compose, screen=screen, graph=self.graph, pause=self._pause)

    def _pause(self, seconds):
        self.clock.advance(seconds=seconds)

    def sweep(self):
        policy = Policy(on_uncertain=self.policy, max_age=self.max_age)
        return Sweep(
            table=_CleanUp(self),
            stores=self.stores(),
            request_pages=self._request_pages,
            waits=self,
            report=lambda _: None,
            policy=policy,
            retention=RETENTION,
            clock=self.clock,
        ).run()

    def _request_pages(self, _mark, *, before):
        kept = self.requests.part.kept
        for mail in kept:
            self.blob_times.setdefault(mail, self.clock.now)
        yield [mail for mail in kept if self.blob_times[mail] < before], ""

    def queues_are_empty(self):
        return self.faults.io("queue", lambda: not self.queue and not self.poison)

    def has_row(self, mail, due):
        return self.rows.has(mail, due)

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
        for message in self.queue + self.poison:
            with suppress(InvalidRequest):
                members, envelope = read_message(message.said.body)
                found.add(envelope.id if envelope else members["tags"]["n"])
        return found

    def mend(self):
        """All faults end."""
        self.faults.away, self.faults.armed, self.wrong = set(), None, None
        self.graph.mood, self.graph.meanwhile = "takes it", None

    def run_until_nothing_moves(self, *, most=2000):
        """Time goes by, with the timers at their minutes; returns the mails that still wait."""
        idle = 0
        for _ in range(most):
            while self.visible:
                self.handle(*self.visible[0])
            dues = [one.visible_at for one in self.queue + self.poison]
            dues += [self.rows.part.first_due - AHEAD] if self.rows.part.kept else []
            if dues:
                self.clock.now = max(self.clock.now, min(dues))
                self.release()
                continue
            if not self.unsettled or idle > 150:
                break
            idle += 1
            self.clock.advance(hours=12)
            self.sweep()
        return self.unsettled


class _CleanUp:
    """The clean-up's table over the ledger in memory."""

    def __init__(self, world):
        self.world = world

    def stalled(self, day, *, before):
        def is_stalled(record):
            since = {"sending": record.leased_until, "scheduled": record.due_at, "uncertain": record.due_at}
            since["queued"] = record.times.get("queued")
            at = since.get(str(record.status))
            looks = record.status != "uncertain" or record.look
            overdue = at and at < before and not (record.due_at and record.due_at >= before)
            return record.accepted_at.date() == day and looks and overdue

        yield self.world.faults.io("table", lambda: list(filter(is_stalled, self.world.records.values())))

    def expired(self, *, before):
        kept = list(self.world.records.values())
        yield [one for one in kept if one.status.final and one.times[one.status] < before and not one.look]

    def forget(self, records):
        gone = []
        for record in records:
            if self.world.records.get(record.id) == record:
                self.world.faults.io("table", lambda one=record: self.world.records.pop(one.id))
                self.world.forgotten[record.id] = (
                    record,
                    self.world.clock.now,
                    self.world.requests.part.get(record.id),
                )
                gone.append(record.id)
        return gone

    def forget_keys(self, *, after, **_):
        yield 0, after

    def mark(self, name):
        return self.world.marks.get(name, "")

    def set_mark(self, name, at):
        self.world.faults.io("table", lambda: self.world.marks.__setitem__(name, at))


AUTOMATIC = {OnUncertain.HOLD: 0, OnUncertain.RESEND: 1, OnUncertain.VERIFY: 1}
__all__ = ["AUTOMATIC", "FAULTS", "MOODS", "SETTINGS", "Inline", "Uncertain", "World"]
