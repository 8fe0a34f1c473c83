"""What is written about a mail."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailer.delivery.decide import LEASE
from mailer.delivery.record import Status
from mailer.errors import InvalidRequest, Problem
from mailer.setting_texts import OnUncertain
from tests.builders import RULES, as_bytes, members
from tests.deliver.given import Away
from tests.fakes import START, MemoryLedger
from tests.post import BUSY, DENIED, NO_ANSWER, REFUSED, Crash, raising


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
        assert not post.deliver(message, ledger=Away(post.ledger)).final
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
