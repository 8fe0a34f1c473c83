"""Batches by HTTP."""

import pytest

from tests.app import content, error
from tests.builders import members
from tests.callers_http.given import ORDER


def test_a_batch_tells_what_became_of_each(open_doors):
    replied = open_doors.batch([members(), members(to="ada"), members(to="ada", sbject="x"), 7])

    told = content(replied)
    assert replied.status_code == 202
    assert [(each["index"], each["status"]) for each in told["data"]] == [(0, "queued")]
    assert set(told["data"][0]) == {"index", "id", "status", "expected_at"}
    assert [(each["index"], each["code"], each["target"]) for each in told["errors"]] == [
        (1, "validation_error", "to"),
        (2, "validation_error", None),
        (3, "validation_error", None),
    ]
    assert [each["target"] for each in told["errors"][1]["details"]] == ["to", "sbject"]


def test_a_strict_batch_is_refused_as_a_whole(open_doors):
    refused = error(open_doors.batch([members(), members(to="ada")], x_batch_validation="strict"), 400)

    assert (refused["target"], refused["details"][0]["target"]) == ("[1].to", "[1].to")


def test_the_key_of_a_batch_is_kept(open_doors):
    mails = [members(), members(subject="x")]

    first = open_doors.batch(mails, idempotency_key="k")
    again = open_doors.batch(mails, idempotency_key="k")

    assert content(first)["data"] == content(again)["data"]
    assert error(open_doors.batch(mails[:1], idempotency_key="k"), 409)["code"] == "invalid_idempotent_request"


@pytest.mark.parametrize(
    ("mails", "headers", "status", "words"),
    [
        ([], {}, 400, "The batch is empty"),
        ([{}] * 101, {}, 400, "100 mails at most"),
        ({}, {}, 400, "put it into [ ]"),
        ([{}], {"x_batch_validation": "lenient"}, 400, "holds `strict`"),
        ([{}], {"idempotency_key": "k" * 257}, 400, "1 to 256 characters"),
        ([{"text": "x" * 50_000_000}], {}, 413, "put fewer mails into it"),
    ],
)
def test_a_batch_that_cannot_be_read_is_refused_with_what_to_do(open_doors, mails, headers, status, words):
    assert words in error(open_doors.batch(mails, **headers), status)["message"]


def test_each_mail_of_a_batch_is_asked_for_its_caller(doors):
    order = members(template=ORDER, subject=None, text=None)

    told = content(doors.batch([order, members(), members(to="ada@example.org")], "shop"))

    assert told["errors"][1]["code"] == told["errors"][2]["code"] == "caller_not_allowed"
    assert error(doors.batch([members()], "nobody"), 403)
