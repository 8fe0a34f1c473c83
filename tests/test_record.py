"""The life of a mail: its id, its statuses and its record."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.decide import LEASE
from mailer.delivery.record import MailRecord, Status
from mailer.graph.connection import ANSWER_WITHIN, CONNECT_WITHIN
from mailer.local.programs import ROOT
from mailer.request.mail_id import instant_of, is_mail_id, mail_id
from mailer.request.model import digest_of
from tests.builders import TEMPLATE, a_record, a_request, minutes
from tests.fakes import START

instants = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it


@given(instants, st.binary(min_size=10))
def test_every_id_is_a_uuid_of_version_7_that_carries_its_instant(at, entropy):
    made = mail_id(at, entropy)

    assert uuid.UUID(made).version == 7
    assert uuid.UUID(made).variant == uuid.RFC_4122
    assert is_mail_id(made)
    assert abs(instant_of(made) - at) <= timedelta(milliseconds=1)


def test_ids_sort_by_time():
    ids = [mail_id(START + minutes(number), bytes([255 - number] * 10)) for number in range(200)]

    assert ids == sorted(ids)


def test_the_same_instant_and_entropy_make_the_same_id():
    assert mail_id(START, b"0123456789") == mail_id(START, b"0123456789more")
    assert mail_id(START, b"0123456789") != mail_id(START, b"0123456788")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "ffffffff-ffff-4fff-8fff-ffffffffffff",
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
        str(uuid.UUID(int=0)),
        "e098efd7-af56-41e5-b828-919812f8d069",
        "{01a20846-fe00-7303-b233-343536373839}",
        "01a20846fe007303b233343536373839",
        "../01a20846-fe00-7303-b233-343536373839",
        "01a20846-fe00-7303-b233-343536373839\n",
    ],
)
def test_what_is_no_id_of_a_mail_is_not_taken_for_one(text):
    assert not is_mail_id(text)


def test_only_what_waits_or_is_being_sent_is_not_final():
    assert {status for status in Status if not status.final} == {Status.SCHEDULED, Status.QUEUED, Status.SENDING}


def test_a_new_record_knows_the_mail_but_none_of_its_content():
    request = a_request(
        subject=None, text=None, template={"id": TEMPLATE, "variables": {"order": "secret"}}, tags={"a": "b"}
    )

    record = MailRecord.of(request, digest=request.digest(), mail=a_record().id, now=START)

    assert (record.status, record.version, record.attempts) == (Status.QUEUED, None, 0)
    assert (record.template, record.recipients, record.tags) == (TEMPLATE, 1, {"a": "b"})
    assert (record.digest, record.times) == (request.digest(), {Status.QUEUED: START})
    assert "secret" not in repr(record)


def test_what_settles_a_mail_says_why():
    record = a_record().moved(Status.FAILED, now=START, code="c", message="m")

    assert (record.status, record.error_code, record.error_message) == (Status.FAILED, "c", "m")
    assert record.times[Status.FAILED] == START


def test_a_lease_outlives_the_longest_attempt():
    """A mail may be posted twice, when its first token is refused; the host's own hold of a message is 10 minutes."""
    longest = timedelta(seconds=2 * (CONNECT_WITHIN + ANSWER_WITHIN))

    assert longest * 2 < LEASE < timedelta(minutes=10)


def test_no_call_outlives_its_claim():
    """The host ends a function before the lease of its claim does."""
    hours, minutes, seconds = map(int, json.loads((ROOT / "host.json").read_text())["functionTimeout"].split(":"))

    assert timedelta(hours=hours, minutes=minutes, seconds=seconds) < LEASE


def test_the_digest_of_a_request_never_changes():
    """It is compared over 366 days, and over every upgrade that falls into them."""
    request = a_request(
        to=["Ada <ada@example.com>", {"address": "grace@example.com"}],
        cc="bob@example.com",
        subject=None,
        text=None,
        template={
            "id": TEMPLATE,
            "variables": {"order": {"number": 7, "total": 12.5, "note": "é€\u2028"}},
            "locale": "fr-CA",
        },
        attachments=[{"filename": "a.pdf", "content": "JVBERi0="}, {"filename": "b.pdf", "blob": "invoices/7.pdf"}],
        headers={"x-order": "7"},
        importance="high",
        tags={"flow": "checkout"},
        scheduled_at="2026-12-01T08:00:00+01:00",
        save_to_sent_items=False,
        idempotency_key="order-7",
    )

    assert request.digest() == "8801bf6a7335f0ef20c17eb82f64f486b1eaef8c28be95cd1773c2eb587be17d"
    assert request.digest() == digest_of(json.loads(json.dumps(request.as_json())))


@pytest.mark.parametrize("changes", [{"importance": "normal"}, {"cc": []}, {"tags": {}}, {"delivery_receipt": False}])
def test_what_is_given_as_the_default_makes_no_other_mail(changes):
    assert a_request(**changes).digest() == a_request().digest()
