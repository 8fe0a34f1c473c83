"""The promise through random histories: mailer's real steps over memory, whatever crashes, stays away or comes late."""

import json
import logging
import os
import random
from collections import Counter
from concurrent.futures import Executor, Future
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mailer.callers.policy import QUEUE
from mailer.delivery.mail import QueuedMessage
from mailer.delivery.prefer import _delivered
from mailer.delivery.record import Status
from mailer.errors import TryLater, UnknownMail, WrongStatus
from mailer.feedback.suppressions import FRESH_FOR
from mailer.setting_texts import OnUncertain
from tests.builders import a_request, as_bytes, members
from tests.clean_up import RETENTION
from tests.post import Crash
from tests.trouble import FAULTS, MOODS, SETTINGS
from tests.world import LARGE, World

AUTOMATIC = {OnUncertain.HOLD: 0, OnUncertain.RESEND: 1, OnUncertain.VERIFY: 1}  # times that it sends again
SERVICES = ("table", "queue", "blob")
NOT_DONE = (Crash, TryLater, UnknownMail, WrongStatus)
# A longer search: HISTORIES=2000 HISTORIES_SEED=7 python -m pytest tests/test_histories.py
SEED = int(os.environ.get("HISTORIES_SEED", "2026"))
EXAMPLES = int(os.environ.get("HISTORIES", "150"))
STEPS = 40
ADA, BOB = "ada@example.com", "bob@example.com"  # to whom mails go, or to the first alone

whiles = st.one_of(
    st.integers(1, 90).map(lambda n: timedelta(seconds=n)),
    st.integers(1, 60).map(lambda n: timedelta(minutes=n)),
    st.integers(1, 72).map(lambda n: timedelta(hours=n)),
    st.integers(1, 30).map(lambda n: timedelta(days=n)),
)
faults = st.none() | st.tuples(st.integers(0, 9), st.sampled_from(FAULTS))
numbers = st.integers(0, 999)
moods = st.just("takes it") | st.sampled_from(sorted(MOODS))


class Inline(Executor):
    """Does one thing after the other, so that a history is always the same."""

    def submit(self, function, /, *arguments):
        done = Future()
        done.set_result(function(*arguments))
        return done


def few(machine):
    """Much happens to few mails."""
    return len(machine.handed_in) < 3


class Histories(RuleBasedStateMachine):
    policy = OnUncertain.HOLD

    def __init__(self):
        super().__init__()
        self.world = World()
        self.world.policy = self.policy
        self.world.on_sent = self._sent
        self.handed_in = []  # the members of each mail
        self.promised = set()  # numbers
        self.queued, self.posted = set(), set()  # numbers, by the door
        self.malformed = set()  # texts
        self.batches = []
        self.kept = {}  # what was ever kept for a person, by mail: the record of what cannot be read has no tags
        self.ids = []  # of receipts
        self.canceled = set()
        self.not_before = {}
        self.changed = set()  # whose hour somebody may have changed, although no answer came
        self.broken = []
        self.replays = Counter()  # of uncertain mails
        self.suppressed = {}  # since when, by address

    def _sent(self, mail):
        """Nothing is raised here: the worker would take it for its own mistake."""
        if mail.id in self.canceled:
            self.broken.append(f"sent after its cancel was answered: {mail.id}")
        if self.world.clock.now < self.not_before.get(mail.id, self.world.clock.now):
            self.broken.append(f"sent before its hour: {mail.id}")
        claimed_at = self.world.records[mail.id].times[Status.SENDING]
        for each in (*mail.request.to, *mail.request.cc):
            since = self.suppressed.get(each.address)
            if since and claimed_at - since >= FRESH_FOR:
                self.broken.append(f"sent to who had long been suppressed: {mail.id}")

    @initialize(mood=moods, limit=st.none() | st.integers(0, 3))
    def the_world_begins(self, mood, limit):
        """Both doors are one caller's, with a day's recipients or without."""
        self.world.graph.mood = mood
        self.world.limits = None if limit is None else {QUEUE: limit}
        self.world.start_instance()

    # What clients do

    def _members(self, *, keyed, waits, large):
        number = str(len(self.handed_in))
        due = (self.world.clock.now + waits).isoformat() if waits else None
        key = f"k{number}" if keyed else None
        subject = LARGE if large else "Hello"
        cc = BOB if len(self.handed_in) % 2 else None
        made = members(tags={"n": number}, idempotency_key=key, scheduled_at=due, subject=subject, cc=cc)
        self.handed_in.append(made)
        return made

    def _post(self, made, fault, *, wait=False):
        self.posted.add(made["tags"]["n"])
        self.world.faults.armed = fault
        request = a_request(**made)
        try:
            accepted = self.world.accept(
                **made, within=timedelta(seconds=20 * wait), caller=QUEUE if self.world.limits else None
            )
            receipt = accepted.receipt
            if accepted.message:
                message = QueuedMessage(body=accepted.message.encode(), id="", inserted_at=None)
                _delivered(receipt, message, self.world.the_delivery().deliver, self.world.ledger)
        except NOT_DONE:
            return
        self._receipt(receipt.id, made["tags"]["n"])
        if request.scheduled_at and request.scheduled_at > self.world.clock.now and receipt.id not in self.changed:
            self.not_before.setdefault(receipt.id, request.scheduled_at)

    def _post_batch(self, batch, fault):
        self.posted |= {made["tags"]["n"] for made in batch}
        self.world.faults.armed = fault
        caller = QUEUE if self.world.limits else None
        try:
            results = self.world.batch(Inline()).accept(
                list(map(as_bytes, batch)), caller=caller, key=batch[0]["tags"]["n"]
            )
        except NOT_DONE:
            return
        for made, result in zip(batch, results, strict=True):
            if result.receipt:
                self._receipt(result.receipt.id, made["tags"]["n"])

    @precondition(few)
    @rule(keyed=st.booleans(), large=st.booleans(), fault=faults)
    def a_client_posts_a_batch(self, keyed, large, fault):
        batch = [
            self._members(keyed=keyed, waits=None, large=large),
            self._members(keyed=False, waits=None, large=False),
        ]
        self.batches.append(batch)
        self._post_batch(batch, fault)

    @precondition(lambda self: self.batches)
    @rule(which=numbers, fault=faults)
    def a_client_repeats_a_batch_under_its_key(self, which, fault):
        self._post_batch(self.batches[which % len(self.batches)], fault)

    def _receipt(self, mail, number):
        self.promised.add(number)
        self.ids.append(mail)

    @precondition(few)
    @rule(keyed=st.booleans(), waits=st.none() | whiles, large=st.booleans(), wait=st.booleans(), fault=faults)
    def a_client_posts_a_mail(self, keyed, waits, large, wait, fault):
        self._post(self._members(keyed=keyed, waits=waits, large=large), fault, wait=wait)

    @precondition(few)
    @rule(keyed=st.booleans(), waits=st.none() | whiles, large=st.booleans())
    def a_producer_queues_a_mail(self, keyed, waits, large):
        made = self._members(keyed=keyed, waits=waits, large=large)
        self.world.lay(as_bytes(made))
        self.promised.add(made["tags"]["n"])
        self.queued.add(made["tags"]["n"])

    @precondition(lambda self: not self.malformed)
    @rule()
    def a_producer_queues_nonsense(self):
        nonsense = f"nonsense {len(self.malformed)}".encode()
        self.malformed.add(nonsense)
        self.world.lay(nonsense)

    @precondition(lambda self: any("idempotency_key" in made for made in self.handed_in))
    @rule(which=numbers, by_queue=st.booleans(), fault=faults)
    def a_client_repeats_a_mail_under_its_key(self, which, by_queue, fault):
        keyed = [made for made in self.handed_in if "idempotency_key" in made]
        made = keyed[which % len(keyed)]
        if by_queue:
            self.world.lay(as_bytes(made))
            self.promised.add(made["tags"]["n"])
            self.queued.add(made["tags"]["n"])
        else:
            self._post(made, fault)

    # What people do

    @precondition(lambda self: self.world.records)
    @rule(
        what=st.sampled_from(["cancel", "move", "replay", "release"]),
        which=numbers,
        by=whiles,
        from_its_hour=st.booleans(),
        fault=faults,
    )
    def somebody_changes_a_mail(self, what, which, by, from_its_hour, fault):
        mail = self._some(which)
        if what == "cancel":
            self._cancel(mail, fault)
            return
        if what == "release":
            self._amend(lambda amendment: amendment.release(mail), fault, lambda: None)
            return
        self.not_before.pop(mail, None)
        self.changed.add(mail)
        if what == "replay":
            if self.world.records[mail].status is Status.UNCERTAIN:
                self.replays[mail] += 1  # it may be counted although no answer comes
            self._amend(lambda amendment: amendment.replay(mail), fault, lambda: None)
            return
        due = self.world.records[mail].due_at
        to = max(due if due and from_its_hour else self.world.clock.now, self.world.clock.now) + by
        self._amend(lambda amendment: amendment.reschedule(mail, to), fault, lambda: self.not_before.update({mail: to}))

    def _cancel(self, mail, fault=None):
        self._amend(lambda amendment: amendment.cancel(mail), fault, lambda: self.canceled.add(mail))

    def _some(self, which):
        return list(self.world.records)[which % len(self.world.records)]

    def _amend(self, change, fault, answered):
        self.world.faults.armed = fault
        try:
            change(self.world.amendment())
        except NOT_DONE:
            return
        answered()

    @rule(address=st.sampled_from([ADA, BOB]), lift=st.booleans(), fault=faults)
    def somebody_suppresses_an_address_or_lifts_it(self, address, lift, fault):
        self.world.faults.armed = fault
        if lift:
            self.suppressed.pop(address, None)  # it may be done although no answer comes
        try:
            change = self.world.suppressions.lift if lift else self.world.suppressions.suppress
            change(address)
        except NOT_DONE:
            return
        if not lift:
            self.suppressed.setdefault(address, self.world.clock.now)

    # What the host does

    @precondition(lambda self: self.world.visible)
    @rule(which=numbers, fault=faults)
    def the_host_hands_a_message_over(self, which, fault):
        self.world.faults.armed = fault
        seen = self.world.visible
        self.world.handle(*seen[which % len(seen)])

    @precondition(lambda self: self.world.visible)
    @rule(which=numbers)
    def a_message_is_delivered(self, which):
        self.the_host_hands_a_message_over(which, None)

    @rule(timer=st.sampled_from(["release", "sweep"]), fault=faults)
    def a_timer_runs(self, timer, fault):
        self._timer(getattr(self.world, timer), fault)

    @rule(fault=faults)
    def both_timers_run_at_once(self, fault):
        self.world.meanwhile = lambda: self._timer(self.world.release, None)
        self._timer(self.world.sweep, fault)
        self.world.meanwhile = lambda: None

    def _timer(self, run, fault):
        self.world.faults.armed = fault
        try:
            run()
        except NOT_DONE:
            return

    @rule(by=whiles)
    def time_goes_by(self, by):
        self.world.faults.armed = None
        self.world.clock.now += by

    @rule(hours=st.integers(1, 48))
    def hours_go_by_with_the_app_up(self, hours):
        """The timers run, and messages are delivered when they are due."""
        self.world.faults.armed = None
        self.world.run(until=self.world.clock.now + timedelta(hours=hours), most=40)
        self._timer(self.world.sweep, None)

    # What goes wrong

    @rule(mood=moods)
    def graph_is_in_a_mood(self, mood):
        self.world.graph.mood = mood

    @rule(
        wrong=st.none() | st.sampled_from(sorted(SETTINGS)),
        away=st.just(set()) | st.sets(st.sampled_from(SERVICES), min_size=1),
    )
    def the_app_or_its_storage_is_in_trouble_or_not(self, wrong, away):
        self.world.wrong = wrong
        self.world.faults.away = away

    @rule(
        lasts=whiles,
        which=numbers,
        what=st.sampled_from(["nothing", "message", "cancel", "sweep", "release", "crash"]),
    )
    def graph_is_slow_once(self, lasts, which, what):
        def meanwhile():
            self.world.clock.now += lasts
            if what == "message" and (seen := self.world.visible):
                self.world.handle(*seen[which % len(seen)])
            elif what == "cancel":
                self._cancel(self._some(which))
            elif what == "crash":
                raise Crash
            elif what in {"sweep", "release"}:
                self._timer(getattr(self.world, what), None)

        self.world.graph.meanwhile = meanwhile

    # What must hold, at any instant

    @invariant()
    def the_promise_holds(self):
        assert not self.broken, self.broken
        self.kept |= self.world.requests.part.kept
        self.kept |= {mail: content for mail, (*_, content) in self.world.forgotten.items() if content}
        self.no_copy_is_more_than_the_record_says()
        self.what_a_person_may_replay_has_its_content()
        self.nothing_is_forgotten_before_its_time()
        self.what_waits_has_a_message_that_comes_in_its_time()

    def no_copy_is_more_than_the_record_says(self):
        copies = Counter(self.world.graph.copies)
        for record in [*self.world.records.values(), *(record for record, *_ in self.world.forgotten.values())]:
            resent = record.resent or 0
            assert resent <= AUTOMATIC[self.policy] + self.replays[record.id], f"sent again too often: {record}"
            assert copies[record.id] <= 1 + resent, f"doubled: {record}"
            if record.status in {Status.FAILED, Status.CANCELED, Status.SUPPRESSED, Status.SCHEDULED, Status.HELD}:
                assert copies[record.id] <= resent, f"{record.status}, but sent: {record}"
            assert record.status is not Status.SENT or copies[record.id], f"never sent: {record}"

    def what_a_person_may_replay_has_its_content(self):
        for record in self.world.records.values():
            if record.status.keeps_content and self._was_promised(record):
                assert record.id in self.world.requests.part.kept, f"content gone: {record}"

    def nothing_is_forgotten_before_its_time(self):
        for record, at, _ in self.world.forgotten.values():
            assert record.status.final
            assert at - record.times[record.status] >= RETENTION

    def what_waits_has_a_message_that_comes_in_its_time(self):
        coming = self.world.coming()
        latest = {(record.tags or {}).get("n"): record.id for record in self.world.records.values()}
        for record in self.world.records.values():
            if latest[record.tags and record.tags["n"]] != record.id:
                continue  # its key was forgotten, and then used again
            if self._was_promised(record) and (record.look or not record.status.final):
                assert coming & {record.id, record.tags["n"]}, f"no message: {record}"
            if record.status.waiting and (hour := self.not_before.get(record.id)):
                assert (record.due_at or record.accepted_at) >= hour, f"before its hour: {record}"

    def _was_promised(self, record):
        """A post without a receipt may leave a record behind, of which nobody was told."""
        return record.id in self.ids or (record.tags or {}).get("n") in self.queued - self.posted

    # And in the end

    def teardown(self):
        self.world.mend()
        waiting = self.world.run_until_nothing_moves()
        assert not waiting, f"waits for ever: {waiting}"
        known = self.world.records | {mail: record for mail, (record, *_) in self.world.forgotten.items()}
        assert not set(self.ids) - known.keys(), "a mail is lost"
        self.the_promise_holds()
        for mail in self.canceled:
            told = known[mail].status is Status.CANCELED or known[mail].resent
            assert told, f"its cancel was answered: {known[mail]}"
        for mail in self.world.known:
            assert known[mail].status is Status.SENT or known[mail].resent, f"sent, known and forgotten: {known[mail]}"
        there = {content for mail, content in self.kept.items() if mail in known}
        assert not self.malformed - there, "a message is lost"
        found = {(record.tags or {}).get("n") for record in known.values()}
        found |= {json.loads(content)["tags"]["n"] for content in there - self.malformed}
        assert not self.promised - found, "a mail is lost"


@pytest.fixture
def _quiet():
    """Thousands of warnings are the point here."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize("policy", OnUncertain)
def test_no_history_loses_doubles_or_forgets_a_mail(policy, monkeypatch):
    monkeypatch.setattr(os, "urandom", random.randbytes)  # ids, in whose order mails are released
    print(f"hypothesis seed {SEED}")
    machine = type("Histories", (Histories,), {"policy": policy})
    seed(SEED)(machine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate] if "HISTORIES_NOSHRINK" in os.environ else [Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
