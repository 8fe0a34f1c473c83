"""From a queued message to a status: sent once, or accounted for by name."""

import base64
import hmac
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from mailer.delivery.decide import AFTER_LEASE, LEASE, LONGEST_WAIT, MENDING_WAIT
from mailer.delivery.deliver import PAUSES
from mailer.delivery.gate import Gate, Mode
from mailer.delivery.record import Status
from mailer.errors import ConfigError, InvalidRequest, Problem, TryLater, Unreadable
from mailer.setting_texts import OnUncertain
from tests.builders import RULES, SHOP, TEMPLATE, as_bytes, members
from tests.fakes import START, MemoryLedger
from tests.post import BUSY, DENIED, DOWN, NO_ANSWER, REFUSED, Crash, Post, raising


@pytest.fixture
def post():
    return Post()


@pytest.fixture(params=["by_http", "by_queue"])
def message(request, post):
    """A mail's first message, from either door."""
    return getattr(post, request.param)(tags={"flow": "checkout"})


# Each outcome


def test_a_mail_is_sent_once_and_recorded(post, message):
    assert post.deliver(message) is Status.SENT

    assert post.sent == [post.record.id]
    assert (post.record.status, post.record.attempts, post.record.tags) == (Status.SENT, 1, {"flow": "checkout"})
    assert set(post.record.times) == {Status.QUEUED, Status.SENDING, Status.SENT}
    assert (post.waits, post.requests.kept) == (False, {})


def test_the_record_tells_what_was_sent_and_as_which_request_graph_took_it(post, message):
    """Whoever reads it cannot guess the content: the hash is keyed by what only the record has."""
    post.deliver(message)

    digest = hmac.digest(post.record.proof.encode(), b"Hello\nb", "sha256").hex()
    assert (post.record.content_hash, post.record.request_id) == (digest, "request-1")


def test_a_large_mail_has_its_request_on_record_too(post, message):
    post.deliver_large(message)

    assert post.record.request_id == "request-1"


def test_a_message_in_base64_is_the_same_mail(post):
    body = base64.b64encode(as_bytes(members()))

    assert post.deliver(post.by_queue(body=body)) is Status.SENT


def test_a_mail_that_graph_puts_off_waits_as_long_as_graph_asks(post, message):
    busy = TryLater("Busy.", code="http_429", after=timedelta(seconds=2.128))

    assert post.deliver(message, send=raising(busy)) is Status.QUEUED

    assert post.due_in == [timedelta(seconds=2.128)]
    assert (post.record.status, post.record.error_code, post.record.attempts) == (Status.QUEUED, "http_429", 1)


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
        waits += post.due_in
        post.deliver(post.take(), send=raising(BUSY), max_age=timedelta(days=30))

    assert timedelta() < waits[0] <= timedelta(seconds=30)
    assert max(waits) > timedelta(minutes=5)
    assert max(waits) <= LONGEST_WAIT


def test_mails_that_failed_together_do_not_come_back_together(post):
    for _ in range(10):
        post.deliver(post.by_queue(), send=raising(BUSY))

    assert len(set(post.due_in)) == 10


@pytest.mark.parametrize("stage", ["authorize", "send"])
def test_a_mail_waits_for_the_configuration_to_be_mended(post, message, stage):
    assert post.deliver(message, **{stage: raising(DENIED)}) is Status.QUEUED

    assert post.due_in == [MENDING_WAIT]
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
    assert (post.waits, bool(post.kept)) == (False, True)


def test_age_counts_from_acceptance_however_often_the_mail_waited(post, message):
    post.deliver(message, send=raising(DENIED))
    post.run(send=raising(DENIED))

    waited = post.clock.now - START
    assert timedelta(hours=48) < waited <= timedelta(hours=48) + MENDING_WAIT
    assert post.record.status is Status.FAILED


def test_a_mail_that_graph_refuses_is_failed_and_kept(post, message):
    assert post.deliver(message, send=raising(REFUSED)) is Status.FAILED

    assert (post.record.status, post.record.error_code) == (Status.FAILED, "ErrorInvalidRecipients")
    assert post.record.error_message == "The address is not valid."
    assert (post.waits, bool(post.kept)) == (False, True)


def test_a_mail_that_may_have_left_is_uncertain_kept_and_never_resent(post, message):
    assert post.deliver(message, send=raising(NO_ANSWER)) is Status.UNCERTAIN

    assert (post.record.status, post.record.error_code) == (Status.UNCERTAIN, "no_answer")
    assert post.kept
    assert post.deliver(message) is Status.UNCERTAIN
    assert (len(post.sent), post.waits) == (1, False)


def test_what_is_kept_holds_the_whole_mail(post, message):
    post.deliver(message, send=raising(REFUSED))

    assert {"to", "subject", "text", "tags", "from"} == set(json.loads(post.kept))


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
def test_a_bad_message_is_recorded_and_kept_at_the_first_try(post, body):
    message = post.by_queue(body=body)

    assert post.deliver(message) is Status.FAILED

    assert post.record.status is Status.FAILED
    assert post.record.error_code
    assert post.record.error_message
    assert post.kept in body or json.loads(post.kept).items() <= json.loads(body).items()
    assert (post.sent, post.waits) == ([], False)


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_a_bad_message_that_comes_again_has_one_record(post, body):
    message = post.by_queue(body=body)
    post.deliver(message)
    before = post.record

    assert post.deliver(message) is Status.FAILED
    assert post.record == before


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


FORGED_VERSION = "W/\"datetime'2026-11-23T12%3A00%3A00.0009999Z'\""
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
    assert post.kept


def test_another_mail_cannot_take_the_place_of_a_queued_one(post):
    true = post.by_http(subject="The true mail")
    forged = members(subject="Forged") | {
        "mailer": {"id": post.record.id, "version": "W/\"datetime'2026-11-23T12%3A00%3A00.0000099Z'\""}
    }

    post.deliver(post.by_queue(body=as_bytes(forged)))

    assert post.deliver(true) is Status.SENT
    assert post.graph.subjects == ["The true mail"]


FORGED = {
    "its name alone": {},
    "stored": {"stored": True},
    "new": {"new": True},
    "sent already": {"outcome": {"claim": "0" * 32, "what": "sent"}},
    "refused": {"outcome": {"claim": "0" * 32, "what": "refused", "code": "c"}},
    "a made-up version": {"version": FORGED_VERSION, "stored": True},
    "a made-up version and age": {"version": FORGED_VERSION, "since": 1, "attempts": 99_999, "resent": 1},
}


def die_in_flight(post):
    with pytest.raises(Crash):
        post.deliver(post.true, send=raising(Crash()))


STATES = {
    "waits on the queue": lambda _: None,
    "is being sent": die_in_flight,
    "was given up by its worker": lambda post: (
        die_in_flight(post),
        post.clock.advance(seconds=LEASE.total_seconds() + 1),
    ),
    "waits for its next attempt": lambda post: post.deliver(post.true, send=raising(BUSY)),
    "waits for a permission": lambda post: post.deliver(post.true, send=raising(DENIED)),
}


@pytest.mark.parametrize(
    "wrong", [{"to": "eve@example.com"}, {"to": "nonsense"}, {}], ids=["sound", "unsound", "empty"]
)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("envelope", FORGED)
def test_a_forged_envelope_does_another_mail_no_harm(post, envelope, state, wrong):
    """Its record, its content and its message stay as they are, whatever goes wrong with the forged one."""
    post.true = post.by_http(subject="The true mail")
    STATES[state](post)
    (victim,) = post.ledger.records.values()
    content = dict(post.requests.kept)
    forged = {"subject": "Forged", "text": "x", **wrong} if wrong else {}
    message = post.by_queue(body=as_bytes(forged | {"mailer": {"id": victim.id, **FORGED[envelope]}}))

    for parts in ({"compose": raising(DOWN)}, {"send": raising(REFUSED)}, {}):
        post.deliver(message, **parts)
    post.delivery().give_up(message)

    assert post.ledger.read(victim.id) == victim
    assert {mail: kept for mail, kept in post.requests.kept.items() if mail == victim.id} == content
    post.deliver(post.true)
    post.run()
    assert "Forged" not in post.graph.subjects
    assert post.ledger.read(victim.id).status in {Status.SENT, Status.UNCERTAIN}
    assert post.ledger.read(victim.id).status is Status.SENT or post.requests.get(victim.id)


def test_a_mail_waits_while_its_template_or_its_file_cannot_be_read(post, message):
    assert post.deliver(message, compose=raising(DOWN)) is Status.QUEUED

    assert (post.record.status, post.record.error_code) == (Status.QUEUED, "storage_unavailable")
    assert post.deliver(post.take()) is Status.SENT


def test_a_mail_whose_template_cannot_be_read_for_too_long_has_failed(post, message):
    post.deliver(message, compose=raising(DOWN))

    assert post.run(compose=raising(DOWN)) is Status.FAILED
    assert post.record.error_code == "storage_unavailable"
    assert post.kept


# Mails that one call cannot carry


def test_a_large_mail_goes_another_way(post, message):
    assert post.deliver_large(message) is Status.SENT

    assert (post.sent, len(post.graph.large)) == ([], 1)


def test_a_crash_while_files_are_uploaded_is_no_doubt(post, message):
    with pytest.raises(Crash):
        post.deliver_large(message, graph=raising(Crash()))
    assert post.record.status is Status.SENDING

    post.clock.advance(seconds=LEASE.total_seconds() + 1)
    assert post.deliver_large(message) is Status.QUEUED
    assert post.record.error_code == "upload_interrupted"

    assert post.deliver_large(post.take()) is Status.SENT
    assert (len(post.graph.large), post.record.attempts) == (1, 2)


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

    assert post.graph.large == []
    assert post.deliver_large(post.take()) is Status.SENT
    assert len(post.graph.large) == 1


def test_a_large_mail_does_not_leave_when_its_record_cannot_be_written(post, message):
    class Failing(MemoryLedger):
        def write(self, record):
            if record.drafting is False:
                raise DOWN
            return post.ledger.write(record)

    assert post.deliver_large(message, ledger=Failing()) is Status.QUEUED

    assert post.graph.large == []


# The gate


def test_a_mail_that_the_gate_holds_back_is_suppressed_and_done_with(post, message):
    status = post.deliver(message, screen=Gate(mode=Mode.BLOCK).screen)

    assert status is Status.SUPPRESSED
    assert (post.record.status, post.record.error_code) == (Status.SUPPRESSED, "gate_blocked")
    assert (post.sent, post.waits, post.requests.kept) == ([], False, {})


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


class Broken:
    """A part whose every call ends so."""

    def __init__(self, error):
        self._error = error

    def __getattr__(self, _name):
        return raising(self._error)


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
    assert post.kept
    assert post.clock.now - START >= LEASE


def test_nobody_asks_again_before_the_lease_is_over(post, message):
    with pytest.raises(Crash):
        post.deliver(message, send=raising(Crash()))
    post.deliver(message)

    assert post.due_in == [LEASE + AFTER_LEASE]


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
        post.deliver(message, outbox=Broken(Crash()), **{stage: raising(error)})

    post.deliver(message)
    assert post.run() is Status.SENT
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
def test_a_crash_before_the_content_is_kept_neither_resends_nor_loses_the_mail(post, message, error):
    with pytest.raises(Crash):
        post.deliver(message, send=raising(error), requests=Broken(Crash()))
    post.deliver(message)

    assert post.run() is Status.UNCERTAIN
    assert len(post.sent) == 1
    assert post.kept


def test_a_crash_before_a_bad_message_is_kept_does_not_lose_it(post):
    message = post.by_queue(to="nobody")
    with pytest.raises(Crash):
        post.deliver(message, requests=Broken(Crash()))

    assert post.deliver(message) is Status.FAILED
    assert post.kept


def test_a_redelivered_message_of_a_sent_mail_does_nothing(post, message):
    post.deliver(message)
    before = post.record

    assert post.deliver(message) is Status.SENT
    assert (len(post.sent), post.record, post.waits) == (1, before, False)


# Storage that fails at a step


class Away:
    """A part whose calls fail this often, and reach the real one then."""

    def __init__(self, real, *, times=1_000_000, error=DOWN, only=lambda *_: True):
        self._real, self._left, self._error, self._only = real, times, error, only

    def __getattr__(self, name):
        def call(*given, **named):
            if self._left and self._only(name, *given):
                self._left -= 1
                raise self._error
            return getattr(self._real, name)(*given, **named)

        return call


def writes(*statuses):
    """Writes of a record in one of these statuses."""
    return lambda name, record, *_: name == "write" and record.status in statuses


def test_a_mail_that_cannot_be_claimed_now_waits(post, message):
    """The table is away; the queue is not."""
    assert post.deliver(message, ledger=Away(post.ledger)) is Status.QUEUED

    assert post.run() is Status.SENT
    assert len(post.sent) == 1


def test_a_mail_whose_record_cannot_be_read_waits_until_it_is_mended(post, message):
    post.deliver(message, send=raising(BUSY))
    again = post.take()
    unreadable = Away(
        post.ledger, error=Unreadable("2026-11-23", "row", "KeyError"), only=lambda name, *_: name == "read"
    )
    post.deliver(again)

    assert post.deliver(again, ledger=unreadable) is Status.QUEUED

    assert post.run() is Status.SENT
    assert len(post.sent) == 2


def test_a_message_stays_the_same_mail_however_often_it_is_put_back(post):
    message = post.by_queue(idempotency_key="order-7")
    for _ in range(3):
        post.deliver(message, ledger=Away(post.ledger))
        message = post.take()
    post.deliver(message)

    assert post.run() in {None, Status.SENT}
    assert len(post.sent) == 1


def test_while_neither_table_nor_queue_answers_a_message_is_left_to_the_host(post, message):
    with pytest.raises(TryLater):
        post.deliver(message, ledger=Away(post.ledger), outbox=Broken(DOWN))

    assert post.deliver(message) is Status.SENT


@pytest.mark.parametrize("outcome", [None, BUSY, REFUSED, NO_ANSWER], ids=["sent", "busy", "refused", "no answer"])
def test_an_outcome_is_recorded_when_one_write_of_it_fails(post, message, outcome):
    """One connection is reset while the outcome is written; azure-core repeats no PATCH then."""
    ledger = Away(post.ledger, times=1, only=writes(Status.SENT, Status.QUEUED, Status.FAILED, Status.UNCERTAIN))

    status = post.deliver(message, ledger=ledger, send=raising(outcome) if outcome else None)

    assert post.record.status is status is not Status.SENDING
    assert len(post.waited) == 1


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(None, Status.SENT), (BUSY, Status.QUEUED), (REFUSED, Status.FAILED), (NO_ANSWER, Status.UNCERTAIN)],
    ids=["sent", "busy", "refused", "no answer"],
)
def test_an_outcome_that_the_table_does_not_take_is_carried_until_it_does(post, message, outcome, status):
    away = Away(post.ledger, only=writes(Status.SENT, Status.QUEUED, Status.FAILED, Status.UNCERTAIN))
    post.deliver(message, ledger=away, send=raising(outcome) if outcome else None)
    assert post.record.status is Status.SENDING
    for _ in range(5):
        assert post.deliver(post.take(), ledger=away) is Status.SENDING

    assert post.deliver(post.take()) is status
    assert post.record.status is status
    assert post.record.request_id == (None if outcome else "request-1")
    assert len(post.sent) == 1


def test_a_send_stays_known_although_the_lease_ran_out_meanwhile(post, message):
    away = Away(post.ledger, only=writes(Status.SENT))
    post.deliver(message, ledger=away)
    carried = post.take()
    post.clock.advance(seconds=LEASE.total_seconds())
    assert post.deliver(message) is Status.UNCERTAIN

    assert post.deliver(carried) is Status.SENT
    assert (post.record.status, post.record.error_code) == (Status.SENT, "")


@pytest.mark.parametrize("changed", ["a sender is taken away", "its content is gone"])
def test_a_send_stays_known_whatever_has_become_of_the_request_meanwhile(post, changed):
    post.policy = OnUncertain.RESEND
    message = post.by_http(from_="alerts@contoso.com", text="x" * 70_000)
    post.deliver(message, ledger=Away(post.ledger, only=writes(Status.SENT)))
    carried = post.take()
    if changed == "its content is gone":
        post.requests.kept.clear()

    assert post.deliver(carried, rules=lambda: replace(RULES, senders=RULES.senders[:1])) is Status.SENT
    assert (len(post.sent), post.record.status) == (1, Status.SENT)


def test_nobody_waits_for_the_storage_with_what_a_message_says_by_itself(post, message):
    """A lease ran out while the blobs are away: the message comes again, and says the same."""
    with pytest.raises(Crash):
        post.deliver(message, send=raising(Crash()))
    post.clock.advance(seconds=LEASE.total_seconds())

    assert post.deliver(message, requests=Away(post.requests)) is Status.QUEUED

    assert post.waited == []
    assert post.run() is Status.UNCERTAIN


def test_an_outcome_is_carried_although_the_queue_came_back_last(post, message):
    away = Away(post.ledger, only=writes(Status.SENT))
    outbox = Away(post.later, times=len(PAUSES) - 1)

    assert post.deliver(message, ledger=away, outbox=outbox) is Status.SENDING

    assert post.deliver(post.take()) is Status.SENT


@pytest.mark.parametrize("taken_over", [False, True], ids=["the lease ran out", "another one has the claim"])
def test_a_send_stays_known_although_nobody_can_read_what_has_become_of_its_record(post, message, taken_over):
    """The table goes away between its answer that the record has changed, and the look at it."""
    post.policy = OnUncertain.RESEND if taken_over else OnUncertain.HOLD

    def slow():
        post.clock.advance(seconds=LEASE.total_seconds())
        post.deliver(message)
        if taken_over:
            with pytest.raises(Crash):
                post.deliver(post.take(), send=raising(Crash()))
        away.reads_fail = True

    away = Away(post.ledger, only=lambda name, *_: name == "read" and away.reads_fail)
    away.reads_fail = False

    assert post.deliver(message, ledger=away, send=slow) is Status.SENDING
    assert post.deliver(post.take(), ledger=away) is Status.QUEUED, "it is put back, and still carries the send"

    assert post.run() is Status.SENT
    assert (post.record.status, post.record.error_code) == (Status.SENT, "")


def test_a_slow_worker_has_the_last_word_although_another_one_has_the_claim_now(post, message):
    post.policy = OnUncertain.RESEND

    def slow():
        post.clock.advance(seconds=LEASE.total_seconds())
        assert post.deliver(message) is Status.QUEUED
        with pytest.raises(Crash):
            post.deliver(post.take(), send=raising(Crash()))

    assert post.deliver(message, send=slow) is Status.SENT
    assert (post.record.status, post.record.resent) == (Status.SENT, 1)


def test_an_outcome_under_a_forged_claim_counts_for_nothing(post, message):
    with pytest.raises(Crash):
        post.deliver(message, send=raising(Crash()))
    forged = {"id": post.record.id, "outcome": {"claim": "0" * 32, "what": "sent"}}

    post.deliver(post.by_queue(body=as_bytes(json.loads(message.body) | {"from": SHOP.model_dump(), "mailer": forged})))

    assert post.record.status is Status.SENDING


def test_a_send_stays_known_although_telling_people_of_it_fails(post, message):
    class Broken:
        over = raising(RuntimeError("a bug"))

    with suppress(RuntimeError):
        post.deliver(message, alarms=Broken())

    assert (post.record.status, len(post.sent)) == (Status.SENT, 1)


def test_an_exception_after_the_claim_is_a_doubt_and_no_loop(post, message):
    post.deliver(message, send=raising(RuntimeError("a bug")))

    assert (post.record.status, post.record.error_code) == (Status.UNCERTAIN, "unexpected_error")
    assert (len(post.sent), post.waits, bool(post.kept)) == (1, False, True)


def test_a_mail_that_cannot_be_queued_again_comes_back_by_its_message(post, message):
    with pytest.raises(TryLater):
        post.deliver(message, send=raising(BUSY), outbox=Broken(DOWN))

    assert post.deliver(message) is Status.QUEUED  # the host brings it back before it is due
    assert post.run() is Status.SENT
    assert len(post.sent) == 2  # the first attempt was told to wait


# Settings that are wrong only when they are used


WRONG = ConfigError(["MAILER_SENDERS is wrong."])


def test_messages_wait_for_days_while_a_setting_is_wrong_and_none_is_given_up(post, message):
    post.deliver(message, rules=raising(WRONG))
    while post.clock.now - START < timedelta(days=3):
        assert post.deliver(post.take(), rules=raising(WRONG)) is Status.QUEUED

    assert post.run() is Status.SENT
    assert len(post.sent) == 1


@pytest.mark.parametrize("size", [60_000, 65_300], ids=["large", "as large as can be"])
def test_a_large_message_of_a_producer_waits_too(post, size):
    message = post.by_queue(text="x" * size)
    assert len(message.body) < 65_536
    post.deliver(message, rules=raising(WRONG))

    assert post.run() is Status.SENT
    assert len(post.last) <= 65_536


def test_a_mail_waits_in_the_table_while_its_template_folder_is_wrong(post, message):
    assert post.deliver(message, compose=raising(WRONG)) is Status.QUEUED

    assert (post.record.error_code, post.due_in) == ("configuration_error", [MENDING_WAIT])
    assert post.run() is Status.SENT


# What the host gives up


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_a_bad_message_that_the_host_gave_up_is_recorded_with_its_fault(post, body):
    assert post.delivery().give_up(post.by_queue(body=body)) is Status.FAILED

    assert post.record.error_code not in {"", "host_gave_up"}
    assert post.kept


def test_a_message_that_the_host_gave_up_is_a_failed_mail_that_can_be_replayed(post, message):
    assert post.delivery().give_up(message) is Status.FAILED
    assert post.record.error_code == "host_gave_up"

    post.amendment().replay(post.record.id)

    assert post.run() is Status.SENT


def test_a_mail_that_has_gone_on_is_not_failed_by_an_old_message_of_it(post, message):
    post.deliver(message)

    assert post.delivery().give_up(message) is Status.SENT


def test_a_message_of_a_mail_that_is_being_sent_waits_for_the_outcome(post, message):
    with pytest.raises(Crash):
        post.deliver(message, send=raising(Crash()))

    assert post.delivery().give_up(message) is Status.SENDING
    assert post.run() is Status.UNCERTAIN


def test_a_claimed_message_of_a_producer_that_the_host_gives_up_is_the_mail_that_was_claimed(post):
    """What the host moves to the poison queue has another id and another time."""

    def failing(name, record, *_):
        return name == "write" and record.status is Status.SENT

    bug = Away(post.ledger, error=RuntimeError("a bug"), only=failing)
    message = post.by_queue()
    assert post.deliver(message, ledger=bug) is Status.QUEUED
    with pytest.raises(RuntimeError):
        post.deliver(named := post.take(), ledger=Away(post.ledger, error=RuntimeError("a bug")))
    post.clock.advance(seconds=LEASE.total_seconds())

    assert post.delivery().give_up(post.by_queue(body=named.body)) is Status.UNCERTAIN

    assert (post.record.id, post.record.error_code, bool(post.kept)) == (message.mail_id, "host_gave_up", True)


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
    post.run()
    assert len(post.sent) == 1
    assert post.record.status is Status.SENT


def test_a_delivery_beside_one_that_is_sending_stands_back(post, message):
    def meanwhile():
        assert post.deliver(message) is Status.SENDING

    assert post.deliver(message, send=meanwhile) is Status.SENT
    assert post.run() is Status.SENT
    assert len(post.sent) == 1


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
    failed = post.ledger.read(second.mail_id)
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
    assert post.record.id == message.mail_id


# Taken back


def test_a_message_of_a_later_version_is_its_mails(post):
    """Somebody steps back to this version while mails wait."""
    message = json.loads(post.by_http().body)
    message["mailer"]["of_a_later_version"] = {"any": "thing"}

    assert post.deliver(post.by_queue(body=as_bytes(message))) is Status.SENT
    assert post.record.status is Status.SENT


def test_a_mail_whose_acceptance_was_taken_back_is_not_sent(post):
    message = post.by_http()
    post.ledger.withdraw(post.record)

    assert post.deliver(message) is Status.FAILED
    assert (post.sent, post.record.error_code) == ([], "record_mismatch")


# What is written about it


@pytest.mark.parametrize("error", [BUSY, DENIED, REFUSED, NO_ANSWER])
def test_no_record_and_no_log_holds_an_address_or_a_text(post, error, caplog):
    caplog.set_level("DEBUG")
    post.deliver(post.by_queue(to="Ada <ada@example.com>", text="hunter2"), send=raising(error))

    written = repr(post.ledger.records) + caplog.text
    assert not any(word in written for word in ("ada@", "Ada", "hunter2"))  # senders are settings


def test_a_bad_address_is_not_repeated_in_the_record(post, caplog):
    post.deliver(post.by_queue(to="ada@@example.com"))

    assert "ada@" not in repr(post.ledger.records) + caplog.text


@pytest.mark.parametrize("change", ["body", "id", "inserted_at"])
def test_another_message_is_another_id(post, change):
    message = post.by_queue()
    other = replace(message, **{change: {"body": b"{}", "id": "other", "inserted_at": START + timedelta(1)}[change]})

    assert other.mail_id != message.mail_id
    assert replace(message).mail_id == message.mail_id


@pytest.mark.parametrize("wrong", [{"to": "nonsense"}, {"to": "ada@example.com"}])
def test_a_wrong_message_with_the_name_of_another_mail_does_that_mail_no_harm(post, wrong):
    true = post.by_http(subject="The true mail")
    (victim,) = post.ledger.records
    forged = post.by_queue(body=as_bytes(wrong | {"mailer": {"id": victim}}))

    assert post.deliver(forged) is Status.FAILED

    assert post.ledger.read(victim).status is Status.QUEUED
    assert victim not in post.requests.kept
    assert post.deliver(true) is Status.SENT
    assert post.graph.subjects == ["The true mail"]


def test_the_lease_begins_anew_when_a_large_mail_is_about_to_leave(post, message):
    def slow(leaving):
        post.clock.advance(seconds=LEASE.total_seconds() - 10)
        leaving()
        post.clock.advance(seconds=20)
        assert post.deliver_large(message) is Status.SENDING, "another delivery waits"

    assert post.deliver_large(message, graph=slow) is Status.SENT
    assert len(post.graph.large) == 1


def test_a_large_mail_that_fails_for_good_leaves_no_draft_behind(post, message):
    """The creation's answer was lost, and then its file is gone."""
    gone = InvalidRequest([Problem(code="attachment_not_found", message="There is no such blob.")])
    post.deliver_large(message, graph=raising(BUSY))
    assert post.graph.cleared == []

    assert post.deliver(post.take(), compose=raising(gone)) is Status.FAILED

    assert post.graph.cleared == [post.record.id]


def test_a_draft_that_cannot_be_deleted_is_told_in_the_record(post, message):
    post.deliver_large(message, graph=raising(BUSY))
    post.clock.advance(hours=49)

    assert post.deliver_large(post.take(), graph=raising(BUSY), clear_drafts=raising(DENIED)) is Status.FAILED

    assert "Drafts (ErrorAccessDenied)" in post.record.error_message


def test_a_mail_that_never_was_large_has_no_drafts_to_look_for(post, message):
    post.clock.advance(hours=49)

    assert post.deliver(message, send=raising(BUSY)) is Status.FAILED
    assert post.graph.cleared == []


@pytest.mark.parametrize("policy", OnUncertain)
def test_a_sender_taken_away_does_not_fail_a_mail_that_may_have_left(post, policy):
    """Its worker died after Graph had taken it, and then a setting changed under which the request is refused."""
    post.policy = policy
    message = post.by_http(from_="alerts@contoso.com")
    with pytest.raises(Crash):
        post.deliver(message, send=raising(Crash))
    post.queue.append((post.clock.now, message.body))
    fewer = replace(RULES, senders=RULES.senders[:1])

    post.run(rules=lambda: fewer)

    assert post.record.status is not Status.FAILED or post.record.resent == 1
    assert post.kept


@pytest.mark.parametrize("put_back", ["never", "before its claim", "after it"])
@pytest.mark.parametrize("senders", [RULES.senders[:1], RULES.senders[::-1]], ids=["taken away", "another default"])
@pytest.mark.parametrize("key", [None, "order-7"])
def test_a_producers_message_stays_its_mails_whatever_the_senders_are_now(post, senders, key, put_back):
    """Its worker died in flight, and then MAILER_SENDERS changed, so that the request reads otherwise or not at all."""

    def while_the_table_is_away(message):
        assert post.deliver(message, ledger=Away(post.ledger)) is Status.QUEUED
        return post.take()

    message = post.by_queue(idempotency_key=key, from_="alerts@contoso.com" if len(senders) == 1 else None)
    own = message.mail_id
    if put_back == "before its claim":
        message = while_the_table_is_away(message)
    with pytest.raises(Crash):
        post.deliver(message, send=raising(Crash()))
    if put_back == "after it":
        message = while_the_table_is_away(message)
    post.clock.advance(seconds=LEASE.total_seconds())

    assert post.deliver(message, rules=lambda: replace(RULES, senders=senders)) is Status.UNCERTAIN

    assert (post.record.id, post.record.error_code) == (own, "lease_expired")
    assert post.kept


def test_a_request_that_is_refused_now_is_its_mails_although_the_record_changes_while_it_is_looked_at(post):
    """Its worker died, a sender was taken away, and another worker gave the mail back in that very moment."""
    message = post.by_http(from_="alerts@contoso.com")
    with pytest.raises(Crash):
        post.deliver(message, send=raising(Crash()))
    post.clock.advance(seconds=LEASE.total_seconds())

    class Changing(MemoryLedger):
        def write(self, record):
            if record.status is Status.UNCERTAIN:
                post.ledger.write(post.record.moved(Status.QUEUED, now=post.clock.now))
            return post.ledger.write(record)

        def read(self, mail_id):
            return post.ledger.read(mail_id)

    post.deliver(message, ledger=Changing(), rules=lambda: replace(RULES, senders=RULES.senders[:1]))

    assert (post.record.status, post.record.error_code) == (Status.FAILED, "sender_not_allowed")


def test_a_mismatch_that_storage_does_not_take_down_is_put_back(post):
    true = post.by_http(subject="The true mail")
    forged = post.by_queue(body=as_bytes(members() | {"mailer": {"id": post.record.id}}))

    assert post.deliver(forged, requests=Away(post.requests)) is Status.QUEUED

    assert post.deliver(true) is Status.SENT
    assert post.run() is Status.FAILED
    assert {record.error_code for record in post.ledger.records.values()} == {"", "record_mismatch"}


def test_a_name_that_is_not_made_of_the_message_is_nobodys_new_mail(post):
    """Only who has seen the message can put it back under its name."""
    message = post.by_queue()
    forged = post.by_queue(body=as_bytes(members() | {"mailer": {"id": message.mail_id, "new": True, "proof": "x"}}))

    assert post.deliver(forged) is Status.FAILED
    assert post.deliver(message) is Status.SENT
    assert post.ledger.read(message.mail_id).status is Status.SENT
