"""From a queued message to a status: sent once, or accounted for by name."""

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from mailer.delivery.accept import accept
from mailer.delivery.deliver import AFTER_LEASE, MENDING_WAIT, Delivery, QueuedMessage, id_of
from mailer.delivery.gate import Gate, Mode
from mailer.delivery.message import write_message
from mailer.delivery.record import LEASE, Status
from mailer.delivery.settle import LONGEST_WAIT
from mailer.errors import GiveUp, InvalidRequest, Misconfigured, Problem, TryLater, Uncertain
from mailer.pace.throttle import Throttle
from mailer.request.model import ONE_CALL
from mailer.settings import OnUncertain
from tests.builders import RULES, SHOP, TEMPLATE, a_file, a_request, as_bytes, composed, members
from tests.fakes import START, Alarms, Clock, MemoryLedger, MemoryRequests

BUSY = TryLater("Graph is busy.", code="http_503")
DOWN = TryLater("Storage does not answer.", code="storage_unavailable")
DENIED = Misconfigured("Grant Mail.Send.", code="ErrorAccessDenied")
REFUSED = GiveUp("The address is not valid.", code="ErrorInvalidRecipients")
NO_ANSWER = Uncertain("No answer.", code="no_answer")


class Crash(BaseException):
    """The process ends here."""


class Post:
    """The step with a ledger in memory, a queue that keeps delays, and a Graph that does what a test tells it."""

    def __init__(self):
        self.ledger = MemoryLedger()
        self.clock = Clock()
        self.queue = []  # of (due, body)
        self.sent = []
        self.large = []
        self.cleared = []
        self.subjects = []
        self.buried = []
        self.requests = MemoryRequests()
        self.throttle = Throttle(4)
        self.alarms = Alarms()
        self.sent_items = []
        self.policy = OnUncertain.HOLD
        self.numbers = iter(range(1000))

    def delivery(self, *, send=None, **parts):
        def graph(mail, _token):
            self.sent.append(mail.id)
            self.subjects.append(mail.content.subject)
            if send:
                send()

        known = {
            "rules": RULES,
            "ledger": self.ledger,
            "requests": self.requests,
            "is_sent": lambda mail, _sender, _token: mail in self.sent_items,
            "throttle": self.throttle,
            "alarms": self.alarms,
            "on_uncertain": lambda _request: self.policy,
            "compose": composed,
            "screen": Gate(mode=Mode.OPEN).screen,
            "send_large": raising(AssertionError("this mail is small")),
            "clear_drafts": lambda mail, _token: self.cleared.append(mail.id),
            "authorize": lambda: "token",
            "send": graph,
            "put": self.put,
            "bury": self.bury,
            "clock": self.clock,
            "max_age": timedelta(hours=48),
        }
        return Delivery(**(known | parts))

    def put(self, request, envelope, *, after=timedelta()):
        text = write_message(request.as_json() if request else {}, envelope.model_dump(exclude_defaults=True))
        self.queue.append((self.clock.now + after, text.encode()))

    def bury(self, text):
        self.buried.append(text)
        return f"grave-{len(self.buried)} receipt"

    def deliver_large(self, message, *, graph=lambda leaving: leaving(), **parts):
        """Deliver a mail that one call cannot carry to a Graph that does this with it."""

        def compose(request, *, mail):
            return replace(composed(request, mail=mail), files=(a_file(b"x" * ONE_CALL),))

        def send_large(mail, _token, *, leaving):
            graph(leaving)
            self.large.append(mail.id)

        return self.deliver(message, compose=compose, send_large=send_large, **parts)

    def deliver(self, message, **parts):
        return self.delivery(**parts).deliver(message)

    def by_queue(self, *, body=None, **changes):
        return QueuedMessage(
            body=body or as_bytes(members(**changes)), id=f"m{next(self.numbers)}", inserted_at=self.clock.now
        )

    def by_http(self, **changes):
        accept(a_request(**changes), ledger=self.ledger, put=self.put, store=self.requests.put, clock=self.clock)
        return self.take()

    def take(self):
        """The next message, at the time it is due."""
        due, body = self.queue.pop(0)
        self.last = body
        self.clock.now = max(due, self.clock.now)
        return self.by_queue(body=body)

    def run(self, **parts):
        """Deliver until the queue is empty, as time goes by."""
        while self.queue:
            status = self.deliver(self.take(), **parts)
        return status

    @property
    def record(self):
        (record,) = self.ledger.records.values()
        return record

    @property
    def reason(self):
        (buried,) = self.buried
        return json.loads(buried)["mailer"]


@pytest.fixture
def post():
    return Post()


@pytest.fixture(params=["by_http", "by_queue"])
def message(request, post):
    """A mail's first message, from either door."""
    return getattr(post, request.param)(tags={"flow": "checkout"})


def raising(error):
    def call(*_args, **_options):
        raise error

    return call


# Each outcome


def test_a_mail_is_sent_once_and_recorded(post, message):
    assert post.deliver(message) is Status.SENT

    assert post.sent == [post.record.id]
    assert (post.record.status, post.record.attempts, post.record.tags) == (Status.SENT, 1, {"flow": "checkout"})
    assert set(post.record.times) == {Status.QUEUED, Status.SENDING, Status.SENT}
    assert (post.queue, post.buried) == ([], [])


def test_a_message_in_base64_is_the_same_mail(post):
    body = base64.b64encode(as_bytes(members()))

    assert post.deliver(post.by_queue(body=body)) is Status.SENT


def test_a_mail_that_graph_puts_off_waits_as_long_as_graph_asks(post, message):
    busy = TryLater("Busy.", code="http_429", after=timedelta(seconds=2.128))

    assert post.deliver(message, send=raising(busy)) is Status.QUEUED

    assert [due - post.clock.now for due, _ in post.queue] == [timedelta(seconds=2.128)]
    assert (post.record.status, post.record.error_code, post.record.attempts) == (Status.QUEUED, "http_429", 1)
    assert post.buried == []


def test_a_mail_that_waited_is_sent_under_its_own_id(post, message):
    post.deliver(message, send=raising(BUSY))

    assert post.run() is Status.SENT
    assert post.sent == [post.record.id] * 2
    assert (post.record.status, post.record.attempts, post.record.error_code) == (Status.SENT, 2, "")


def test_a_claim_that_was_given_back_does_not_hold_up_the_next_attempt(post, message):
    post.deliver(message, send=raising(TryLater("Busy.", code="http_429", after=timedelta(seconds=1))))

    assert post.deliver(post.take()) is Status.SENT


def test_waits_grow_and_end_at_the_longest(post, message):
    waits = []
    post.deliver(message, send=raising(BUSY), max_age=timedelta(days=30))
    for _ in range(12):
        waits.append(post.queue[0][0] - post.clock.now)
        post.deliver(post.take(), send=raising(BUSY), max_age=timedelta(days=30))

    assert timedelta() < waits[0] <= timedelta(seconds=30)
    assert max(waits) > timedelta(minutes=5)
    assert max(waits) <= LONGEST_WAIT


def test_mails_that_failed_together_do_not_come_back_together(post):
    for _ in range(10):
        post.deliver(post.by_queue(), send=raising(BUSY))

    assert len({due for due, _ in post.queue}) == 10


@pytest.mark.parametrize("stage", ["authorize", "send"])
def test_a_mail_waits_for_the_configuration_to_be_mended(post, message, stage):
    assert post.deliver(message, **{stage: raising(DENIED)}) is Status.QUEUED

    assert post.queue[0][0] - post.clock.now == MENDING_WAIT
    assert (post.record.status, post.record.error_code, post.record.attempts) == (
        Status.QUEUED,
        "ErrorAccessDenied",
        1,
    )
    assert post.alarms.standing == {"shop@contoso.com": [("ErrorAccessDenied", "Grant Mail.Send.")]}
    assert post.run() is Status.SENT
    assert post.alarms.standing == {}


def test_attempts_without_a_token_are_counted_too(post, message):
    post.deliver(message, authorize=raising(DENIED))
    post.deliver(post.take(), authorize=raising(DENIED))

    assert post.record.attempts == 2


def test_a_mail_that_is_too_old_is_failed_with_the_last_reason(post, message):
    post.deliver(message, send=raising(BUSY))
    post.clock.advance(hours=48, seconds=1)

    assert post.deliver(post.take(), send=raising(BUSY)) is Status.FAILED
    assert (post.record.status, post.record.error_code) == (Status.FAILED, "http_503")
    assert "Graph is busy." in post.record.error_message
    assert post.reason["id"] == post.record.id
    assert post.queue == []


def test_age_counts_from_acceptance_however_often_the_mail_waited(post, message):
    post.deliver(message, send=raising(DENIED))
    while post.queue:
        post.deliver(post.take(), send=raising(DENIED))

    waited = post.clock.now - START
    assert timedelta(hours=48) < waited <= timedelta(hours=48) + MENDING_WAIT
    assert post.record.status is Status.FAILED


def test_a_mail_that_graph_refuses_is_failed_and_kept(post, message):
    assert post.deliver(message, send=raising(REFUSED)) is Status.FAILED

    assert (post.record.status, post.record.error_code) == (Status.FAILED, "ErrorInvalidRecipients")
    assert post.reason == {
        "id": post.record.id,
        "status": "failed",
        "code": "ErrorInvalidRecipients",
        "message": "The address is not valid.",
    }
    assert post.queue == []


def test_a_mail_that_may_have_left_is_uncertain_kept_and_never_resent(post, message):
    assert post.deliver(message, send=raising(NO_ANSWER)) is Status.UNCERTAIN

    assert (post.record.status, post.record.error_code) == (Status.UNCERTAIN, "no_answer")
    assert post.reason["status"] == "uncertain"
    assert post.deliver(message) is Status.UNCERTAIN
    assert (len(post.sent), post.queue) == (1, [])


def test_what_is_buried_holds_the_whole_mail(post, message):
    post.deliver(message, send=raising(REFUSED))

    kept = json.loads(post.buried[0])
    assert {"to", "subject", "text", "tags", "mailer"} <= set(kept)


# Bad messages


BAD = {
    "no JSON": b"hello",
    "no object": b"[1]",
    "unknown member": as_bytes(members(subjekt="Hello")),
    "unknown member with a dot": as_bytes(members() | {"a.b": 1}),
    "forbidden sender": as_bytes(members(from_="eve@example.com")),
    "template that is not there": as_bytes(members(subject=None, text=None, template={"id": "nope"})),
    "variable that is not there": as_bytes(members(subject=None, text=None, template={"id": TEMPLATE})),
    "too many problems": as_bytes(members() | {f"unknown{number}": 1 for number in range(2000)}),
    "forged envelope": as_bytes(members() | {"mailer": {"id": "7"}}),
    "envelope that is no object": as_bytes(members() | {"mailer": 7}),
    "base64 of nothing known": base64.b64encode(b"\xff\xfe\x00 hello"),
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_a_bad_message_is_recorded_and_buried_at_the_first_try(post, body):
    message = post.by_queue(body=body)

    assert post.deliver(message) is Status.FAILED

    assert post.record.status is Status.FAILED
    assert post.record.error_code == post.reason["code"] != ""
    assert post.reason["id"] == post.record.id
    assert post.reason["message"]
    assert (post.sent, post.queue) == ([], [])


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_a_bad_message_that_comes_again_is_buried_once(post, body):
    message = post.by_queue(body=body)
    post.deliver(message)

    assert post.deliver(message) is Status.FAILED
    assert len(post.buried) == 1


def test_every_problem_of_a_bad_message_is_recorded(post):
    post.deliver(post.by_queue(to="nobody", subject=None))

    assert "`to" in post.record.error_message
    assert "`subject`" in post.record.error_message


def test_a_mail_whose_template_broke_after_acceptance_is_failed_under_its_id(post):
    message = post.by_http()
    gone = InvalidRequest([Problem(code="template_not_found", message="There is no such template.")])

    assert post.deliver(message, compose=raising(gone)) is Status.FAILED
    assert (post.record.error_code, post.sent) == ("template_not_found", [])


def test_a_request_without_an_instant_of_insertion_is_still_delivered(post):
    message = replace(post.by_queue(), inserted_at=None)

    assert post.deliver(message) is Status.SENT


# A forged envelope gains nothing


FORGED_VERSIONS = ["", "*", "abc", "€", "a\nb", None, 7]


@pytest.mark.parametrize("version", FORGED_VERSIONS)
def test_a_forged_envelope_does_not_send_a_mail_again(post, message, version):
    post.deliver(message)
    forged = members() | {"mailer": {"id": post.record.id, "version": version, "attempts": 0}}

    post.deliver(post.by_queue(body=as_bytes(forged)))

    assert len(post.sent) == 1


@pytest.mark.parametrize("identifier", ["ffffffff-ffff-4fff-8fff-ffffffffffff", "00000000-0000-0000-0000-000000000000"])
def test_an_envelope_with_an_impossible_id_is_a_bad_message(post, identifier):
    forged = members() | {"mailer": {"id": identifier, "version": "W/\"datetime'2026-11-23T12%3A00%3A00.0000001Z'\""}}

    assert post.deliver(post.by_queue(body=as_bytes(forged))) is Status.FAILED
    assert len(post.buried) == 1


def test_another_mail_cannot_take_the_place_of_a_queued_one(post):
    true = post.by_http(subject="The true mail")
    forged = members(subject="Forged") | {
        "mailer": {"id": post.record.id, "version": "W/\"datetime'2026-11-23T12%3A00%3A00.0000099Z'\""}
    }

    post.deliver(post.by_queue(body=as_bytes(forged)))

    assert post.deliver(true) is Status.SENT
    assert post.subjects == ["The true mail"]


def test_a_mail_waits_while_its_template_or_its_file_cannot_be_read(post, message):
    assert post.deliver(message, compose=raising(DOWN)) is Status.QUEUED

    assert (post.record.status, post.record.error_code) == (Status.QUEUED, "storage_unavailable")
    assert post.deliver(post.take()) is Status.SENT


def test_a_mail_whose_template_cannot_be_read_for_too_long_has_failed(post, message):
    post.deliver(message, compose=raising(DOWN))

    assert post.run(compose=raising(DOWN)) is Status.FAILED
    assert (post.record.error_code, len(post.buried)) == ("storage_unavailable", 1)


# Mails that one call cannot carry


def test_a_large_mail_goes_another_way(post, message):
    assert post.deliver_large(message) is Status.SENT

    assert (post.sent, len(post.large)) == ([], 1)


def test_a_crash_while_files_are_uploaded_is_no_doubt(post, message):
    with pytest.raises(Crash):
        post.deliver_large(message, graph=raising(Crash()))
    assert post.record.status is Status.SENDING

    post.clock.advance(seconds=LEASE.total_seconds() + 1)
    assert post.deliver_large(message) is Status.QUEUED
    assert post.record.error_code == "upload_interrupted"

    assert post.deliver_large(post.take()) is Status.SENT
    assert (len(post.large), post.record.attempts) == (1, 2)


def test_a_crash_from_where_the_mail_may_leave_is_a_doubt(post, message):
    def crash(leaving):
        leaving()
        raise Crash

    with pytest.raises(Crash):
        post.deliver_large(message, graph=crash)
    post.clock.advance(seconds=LEASE.total_seconds() + 1)

    assert post.deliver_large(message) is Status.UNCERTAIN
    assert post.record.error_code == "lease_expired"


def test_an_upload_that_outlives_its_claim_does_not_leave(post, message):
    def slow(leaving):
        post.clock.advance(seconds=LEASE.total_seconds() + 1)
        assert post.deliver_large(message) is Status.QUEUED, "another worker takes the mail for interrupted"
        leaving()
        raise AssertionError("the mail has left")

    assert post.deliver_large(message, graph=slow) is Status.QUEUED

    assert post.large == []
    assert post.deliver_large(post.take()) is Status.SENT
    assert len(post.large) == 1


def test_a_large_mail_does_not_leave_when_its_record_cannot_be_written(post, message):
    class Failing(MemoryLedger):
        def write(self, record):
            if record.drafting is False:
                raise DOWN
            return post.ledger.write(record)

    assert post.deliver_large(message, ledger=Failing()) is Status.QUEUED

    assert post.large == []


# The gate


def test_a_mail_that_the_gate_holds_back_is_suppressed_and_done_with(post, message):
    status = post.deliver(message, screen=Gate(mode=Mode.BLOCK).screen)

    assert status is Status.SUPPRESSED
    assert (post.record.status, post.record.error_code) == (Status.SUPPRESSED, "gate_blocked")
    assert (post.sent, post.queue, post.buried) == ([], [], [])


def test_a_suppressed_mail_stays_so_when_its_message_comes_again(post, message):
    post.deliver(message, screen=Gate(mode=Mode.BLOCK).screen)

    assert post.deliver(message) is Status.SUPPRESSED
    assert post.sent == []


def test_a_suppressed_mail_leaves_no_request_behind(post):
    big = post.by_http(text="x" * 100_000)
    assert post.requests.kept

    assert post.deliver(big, screen=Gate(mode=Mode.BLOCK).screen) is Status.SUPPRESSED
    assert post.requests.kept == {}


def test_the_record_says_what_the_gate_did(post, message):
    gate = Gate(mode=Mode.REDIRECT, redirect_to=SHOP)

    assert post.deliver(message, screen=gate.screen) is Status.SENT

    assert post.record.gate == "redirected to MAILER_REDIRECT_TO in place of 1 recipient"


def test_a_mail_redirected_in_vain_is_kept_as_it_was_asked_for(post, message):
    """A replay, perhaps after the gate was opened, goes to whom the mail was written to."""
    gate = Gate(mode=Mode.REDIRECT, redirect_to=SHOP)

    post.deliver(message, screen=gate.screen, send=raising(REFUSED))

    (kept,) = post.requests.kept.values()
    assert json.loads(kept)["to"] == [{"address": "ada@example.com"}]


def test_the_gate_does_not_touch_a_mail_that_may_have_left(post, message):
    """A closed gate says nothing of a mail that was sent while it stood open."""
    with pytest.raises(Crash):
        post.deliver(message, send=raising(Crash()))
    post.clock.advance(seconds=LEASE.total_seconds() + 1)

    assert post.deliver(message, screen=Gate(mode=Mode.BLOCK).screen) is Status.UNCERTAIN


# Crashes at each step, then the same message again


STEPS = {
    "composing": {"compose": raising(Crash())},
    "authorizing": {"authorize": raising(Crash())},
}


@pytest.mark.parametrize("parts", STEPS.values(), ids=STEPS)
def test_a_crash_before_the_claim_costs_nothing(post, message, parts):
    with pytest.raises(Crash):
        post.deliver(message, **parts)

    assert post.deliver(message) is Status.SENT
    assert len(post.sent) == 1


def test_a_crash_before_the_claim_is_written_costs_nothing(post, message):
    class Crashing(MemoryLedger):
        def write(self, _record):
            raise Crash

    ledger = Crashing()
    ledger.records = post.ledger.records
    with pytest.raises(Crash):
        post.deliver(message, ledger=ledger)

    assert post.deliver(message) is Status.SENT
    assert len(post.sent) == 1


@pytest.mark.parametrize("answered", [False, True], ids=["before the answer", "after the answer"])
def test_a_crash_while_sending_makes_the_mail_uncertain_when_the_lease_is_over(post, message, answered):
    ledger = post.ledger
    if answered:
        # Graph has said yes, and the process ends before that is written.
        class Crashing(MemoryLedger):
            def write(self, record):
                if record.status is Status.SENT:
                    raise Crash
                return post.ledger.write(record)

            def read(self, mail_id):
                return post.ledger.read(mail_id)

        ledger = Crashing()
    with pytest.raises(Crash):
        post.deliver(message, ledger=ledger, send=None if answered else raising(Crash()))
    post.clock.advance(seconds=30)

    assert post.deliver(message) is Status.SENDING, "the worker may still be at it"
    assert post.run() is Status.UNCERTAIN

    assert len(post.sent) == 1
    assert (post.record.status, post.record.error_code) == (Status.UNCERTAIN, "lease_expired")
    assert post.reason["status"] == "uncertain"
    assert post.clock.now - START >= LEASE


def test_nobody_asks_again_before_the_lease_is_over(post, message):
    with pytest.raises(Crash):
        post.deliver(message, send=raising(Crash()))
    post.deliver(message)

    (due, _), *_ = post.queue
    assert due == START + LEASE + AFTER_LEASE


def test_a_slow_worker_whose_lease_ran_out_has_the_last_word_when_the_mail_is_sent(post, message):
    def slow():
        post.clock.now += LEASE + timedelta(seconds=1)
        post.deliver(message)

    assert post.deliver(message, send=slow) is Status.SENT
    assert post.record.status is Status.SENT
    assert len(post.sent) == 1


@pytest.mark.parametrize(("error", "status"), [(REFUSED, Status.FAILED), (NO_ANSWER, Status.UNCERTAIN)])
def test_a_slow_worker_does_not_overrule_what_was_settled_meanwhile(post, message, error, status):
    def slow():
        post.clock.now += LEASE + timedelta(seconds=1)
        post.deliver(message)
        raise error

    assert post.deliver(message, send=slow) is Status.UNCERTAIN
    assert post.record.status is Status.UNCERTAIN
    assert status.final


@pytest.mark.parametrize("error", [BUSY, DENIED], ids=["busy", "denied"])
@pytest.mark.parametrize("stage", ["authorize", "send"])
def test_a_crash_between_waiting_and_the_message_does_not_lose_the_mail(post, message, stage, error):
    with pytest.raises(Crash):
        post.deliver(message, put=raising(Crash()), **{stage: raising(error)})

    status = post.deliver(message)
    if post.queue:
        status = post.run()
    assert status is Status.SENT
    assert len(post.sent) == (2 if stage == "send" else 1)


@pytest.mark.parametrize("stage", ["authorize", "send"])
def test_a_message_that_the_host_gives_twice_after_a_wait_is_sent_once(post, message, stage):
    """The host ended between the function's return and the deletion of the message."""
    post.deliver(message, **{stage: raising(BUSY)})
    post.deliver(message, **{stage: raising(BUSY)})
    tried = len(post.sent)

    assert post.run() is Status.SENT
    assert len(post.sent) == tried + 1


@pytest.mark.parametrize("error", [REFUSED, NO_ANSWER], ids=["refused", "no answer"])
def test_a_crash_before_the_burial_neither_resends_nor_loses_the_mail(post, message, error):
    with pytest.raises(Crash):
        post.deliver(message, send=raising(error), bury=raising(Crash()))
    post.deliver(message)

    assert post.run() is Status.UNCERTAIN
    assert (len(post.sent), len(post.buried)) == (1, 1)


def test_a_crash_before_the_burial_of_a_bad_message_does_not_lose_it(post):
    message = post.by_queue(to="nobody")
    with pytest.raises(Crash):
        post.deliver(message, bury=raising(Crash()))

    assert post.deliver(message) is Status.FAILED
    assert len(post.buried) == 1


def test_a_redelivered_message_of_a_sent_mail_does_nothing(post, message):
    post.deliver(message)
    before = post.record

    assert post.deliver(message) is Status.SENT
    assert (len(post.sent), post.record, post.queue, post.buried) == (1, before, [], [])


# Storage that fails at a step


def test_a_mail_whose_wait_cannot_be_recorded_still_waits(post, message):
    """The record of a wait only informs; the message is what the mail lives in."""

    class NoWaits(MemoryLedger):
        def write(self, record):
            if record.error_code:
                raise DOWN
            return post.ledger.write(record)

        def read(self, mail_id):
            return post.ledger.read(mail_id)

    assert post.deliver(message, ledger=NoWaits(), send=raising(BUSY)) is Status.QUEUED
    assert len(post.queue) == 1


def test_a_mail_that_cannot_be_claimed_now_waits(post, message):
    class Down(MemoryLedger):
        def write(self, _record):
            raise DOWN

        def read(self, _mail_id):
            raise DOWN

    assert post.deliver(message, ledger=Down()) is Status.QUEUED
    assert post.run() is Status.SENT


def test_a_sent_mail_that_cannot_be_recorded_is_not_sent_again(post, message):
    class NotSent(MemoryLedger):
        def write(self, record):
            if record.status is Status.SENT:
                raise DOWN
            return post.ledger.write(record)

        def read(self, mail_id):
            return post.ledger.read(mail_id)

    with pytest.raises(TryLater):
        post.deliver(message, ledger=NotSent())
    post.deliver(message)
    post.run()

    assert len(post.sent) == 1
    assert post.record.status in {Status.SENT, Status.UNCERTAIN}


def test_a_mail_that_cannot_be_queued_again_is_left_to_the_host(post, message):
    with pytest.raises(TryLater):
        post.deliver(message, send=raising(BUSY), put=raising(DOWN))

    assert post.deliver(message) is Status.QUEUED  # the host brings it back before it is due
    assert post.run() is Status.SENT
    assert len(post.sent) == 2  # the first attempt was told to wait


# Two at once


def test_of_many_deliveries_of_a_message_one_sends(post, message):
    start = threading.Barrier(10)

    def run(_):
        start.wait()
        return post.deliver(message)

    with ThreadPoolExecutor(10) as pool:
        statuses = set(pool.map(run, range(10)))

    assert len(post.sent) == 1
    assert statuses <= {Status.SENT, Status.SENDING, Status.QUEUED}
    post.run() if post.queue else None
    assert len(post.sent) == 1
    assert post.record.status is Status.SENT


def test_a_delivery_beside_one_that_is_sending_stands_back(post, message):
    def meanwhile():
        assert post.deliver(message) is Status.SENDING

    assert post.deliver(message, send=meanwhile) is Status.SENT
    assert post.run() is Status.SENT
    assert (len(post.sent), post.buried) == (1, [])


# Keys


def test_two_messages_with_one_key_are_one_mail(post):
    post.deliver(post.by_queue(idempotency_key="order-7"))

    assert post.deliver(post.by_queue(idempotency_key="order-7")) is Status.SENT
    assert len(post.sent) == 1
    assert post.record.status is Status.SENT


def test_two_messages_without_a_key_are_two_mails(post):
    post.deliver(post.by_queue())
    post.deliver(post.by_queue())

    assert len(set(post.sent)) == 2


def test_keys_of_both_doors_are_in_one_space(post):
    by_http = post.by_http(idempotency_key="order-7")
    post.deliver(post.by_queue(idempotency_key="order-7"))

    assert post.deliver(by_http) is Status.SENT
    assert len(post.sent) == 1
    assert post.record.status is Status.SENT


def test_a_key_that_belongs_to_another_mail_fails_the_message(post):
    post.deliver(post.by_queue(idempotency_key="order-7"))
    second = post.by_queue(idempotency_key="order-7", subject="Another")

    assert post.deliver(second) is Status.FAILED
    failed = post.ledger.read(id_of(second))
    assert (failed.status, failed.error_code) == (Status.FAILED, "invalid_idempotent_request")
    assert len(post.sent) == 1


def test_a_key_that_waits_for_a_token_at_both_doors_is_sent_once(post):
    by_http = post.by_http(idempotency_key="order-7")
    post.deliver(by_http, authorize=raising(DENIED))
    post.deliver(post.by_queue(idempotency_key="order-7"), authorize=raising(DENIED))

    assert post.run() is Status.SENT
    assert len(post.sent) == 1


def test_a_redelivered_message_owns_its_key_still(post):
    message = post.by_queue(idempotency_key="order-7")
    with pytest.raises(Crash):
        post.deliver(message, authorize=raising(Crash()))

    assert post.deliver(message) is Status.SENT
    assert post.record.id == id_of(message)


# Taken back


def test_a_mail_whose_acceptance_was_taken_back_is_not_sent(post):
    message = post.by_http()
    post.ledger.withdraw(post.record)

    assert post.deliver(message) is Status.FAILED
    assert (post.sent, post.record.error_code) == ([], "record_missing")


# What is written about it


@pytest.mark.parametrize("error", [BUSY, DENIED, REFUSED, NO_ANSWER])
def test_no_record_and_no_log_holds_an_address_or_a_text(post, error, caplog):
    caplog.set_level("DEBUG")
    post.deliver(post.by_queue(to="Ada <ada@example.com>", text="hunter2"), send=raising(error))

    written = repr(post.ledger.records) + caplog.text
    assert not any(word in written for word in ("ada@", "Ada", "hunter2", "shop@"))


def test_a_bad_address_is_not_repeated_in_the_record(post, caplog):
    post.deliver(post.by_queue(to="ada@@example.com"))

    assert "ada" not in repr(post.ledger.records) + caplog.text


@pytest.mark.parametrize("change", ["body", "id", "inserted_at"])
def test_another_message_is_another_id(post, change):
    message = post.by_queue()
    other = replace(message, **{change: {"body": b"{}", "id": "other", "inserted_at": START + timedelta(1)}[change]})

    assert id_of(other) != id_of(message)
    assert id_of(replace(message)) == id_of(message)


@pytest.mark.parametrize("wrong", [{"to": "nonsense"}, {"to": "ada@example.com"}])
def test_a_wrong_message_with_the_name_of_another_mail_does_that_mail_no_harm(post, wrong):
    true = post.by_http(subject="The true mail")
    (victim,) = post.ledger.records
    forged = post.by_queue(body=as_bytes(wrong | {"mailer": {"id": victim}}))

    assert post.deliver(forged) is Status.FAILED

    assert post.ledger.read(victim).status is Status.QUEUED
    assert victim not in post.requests.kept
    assert post.deliver(true) is Status.SENT
    assert post.subjects == ["The true mail"]


def test_the_lease_begins_anew_when_a_large_mail_is_about_to_leave(post, message):
    def slow(leaving):
        post.clock.advance(seconds=LEASE.total_seconds() - 10)
        leaving()
        post.clock.advance(seconds=20)
        assert post.deliver_large(message) is Status.SENDING, "another delivery waits"

    assert post.deliver_large(message, graph=slow) is Status.SENT
    assert len(post.large) == 1


def test_a_large_mail_that_fails_for_good_leaves_no_draft_behind(post, message):
    """The creation's answer was lost, and then its file is gone."""
    gone = InvalidRequest([Problem(code="attachment_not_found", message="There is no such blob.")])
    post.deliver_large(message, graph=raising(BUSY))
    assert post.cleared == []

    assert post.deliver(post.take(), compose=raising(gone)) is Status.FAILED

    assert post.cleared == [post.record.id]


def test_a_draft_that_cannot_be_deleted_is_told_in_the_record(post, message):
    post.deliver_large(message, graph=raising(BUSY))
    post.clock.advance(hours=49)

    assert post.deliver_large(post.take(), graph=raising(BUSY), clear_drafts=raising(DENIED)) is Status.FAILED

    assert "Drafts (ErrorAccessDenied)" in post.record.error_message


def test_a_mail_that_never_was_large_has_no_drafts_to_look_for(post, message):
    post.clock.advance(hours=49)

    assert post.deliver(message, send=raising(BUSY)) is Status.FAILED
    assert post.cleared == []
