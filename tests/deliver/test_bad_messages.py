"""Messages that are no request, and envelopes that somebody has forged."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from mailer.delivery.decide import LEASE
from mailer.delivery.record import Status
from mailer.errors import InvalidRequest, Problem
from tests.builders import as_bytes, members
from tests.deliver.given import BAD
from tests.post import BUSY, DENIED, DOWN, REFUSED, Crash, raising

# Bad messages


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


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_a_bad_message_that_was_replayed_and_moved_and_comes_again_has_one_record(post, body):
    message = post.by_queue(body=body)
    post.deliver(message)
    kept = post.kept
    post.amendment().replay(post.record.id)
    post.amendment().reschedule(post.record.id, post.clock.now + timedelta(hours=9))

    post.deliver(message)

    assert post.run() is Status.FAILED
    assert (post.record.id, post.kept) == (message.mail_id, kept)


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
