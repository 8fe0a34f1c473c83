"""What replies mean that were recorded, or reported by others."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from mailer.errors import GiveUp, Misconfigured, Throttled, TryLater, Uncertain
from mailer.graph.wire import (
    check_reply,
)
from tests.wire.given import outcome

SAMPLES = Path(__file__).parents[1] / "samples/graph"
CASES = Path(__file__).parents[1] / "samples/cases"


def sample(name):
    reply = json.loads((SAMPLES / f"{name}.json").read_text())
    body = reply["body"] if isinstance(reply["body"], str) else json.dumps(reply["body"])
    return reply["status"], reply["headers"], body.encode()


@pytest.mark.parametrize(
    ("name", "expected", "code", "seconds"),
    [
        ("access_denied", Misconfigured, "ErrorAccessDenied", None),
        ("odata_disabled", Misconfigured, "ErrorAccessDenied", None),
        ("no_permissions_in_token", Misconfigured, "NoPermissionsInAccessToken", None),
        ("mailbox_concurrency", Throttled, "ApplicationThrottled", 2.128),
        ("empty_message_throttled", Throttled, "UnknownError", None),
        ("invalid_headers", GiveUp, "InvalidInternetMessageHeaderCollection", None),
        ("invalid_user", Misconfigured, "ErrorInvalidUser", None),
        ("bad_request_4mb", GiveUp, "BadRequest", None),
        ("too_large_page", GiveUp, "http_413", None),
        ("gateway_page", Uncertain, "http_502", None),
        ("gateway_timeout", Uncertain, "http_504", None),
        ("nested_inner_error", Uncertain, "ErrorInternalServerError", None),
        ("unavailable", TryLater, "ErrorServerBusy", 10),
        ("ok_but_not_sent", Uncertain, "http_200", None),
    ],
)
def test_a_recorded_reply_means(name, expected, code, seconds):
    status, headers, body = sample(name)

    refusal = outcome(status, body, headers)

    assert (type(refusal), refusal.code) == (expected, code)
    assert getattr(refusal, "after", None) == (seconds and timedelta(seconds=seconds))


@pytest.mark.parametrize("name", ["accepted", "accepted_but_throttled"])
def test_only_202_is_success_also_with_a_retry_after(name):
    status, headers, body = sample(name)

    assert check_reply(status, headers, body) == headers["request-id"]


def test_every_recorded_reply_is_tested():
    tested = {arguments[0] for arguments in test_a_recorded_reply_means.pytestmark[0].args[1]}

    assert {path.stem for path in SAMPLES.iterdir()} - {"accepted", "accepted_but_throttled"} == tested


def case(name):
    reply = json.loads((CASES / f"{name}.reply.json").read_text())
    body = reply["body"] if isinstance(reply["body"], str) else json.dumps(reply["body"])
    return outcome(reply["status"], body.encode(), reply["headers"])


@pytest.mark.parametrize(
    ("name", "expected", "says", "says_not"),
    [
        ("g1-429-submission-quota", Throttled, "ErrorSubmissionQuotaExceeded", "Grant"),
        ("g2-retry-after-date", Throttled, "TooManyRequests", "Grant"),
        ("g5-proxy-page-400", Misconfigured, "proxy", "Grant"),
        ("g6-proxy-page-403", Misconfigured, "proxy", "Grant"),
        ("g7-tenant-without-exchange", Misconfigured, "MAILER_TENANT_ID", "Grant"),
        ("g8-misdirected-421", TryLater, "another connection", "Grant"),
    ],
)
def test_a_reported_reply_means(name, expected, says, says_not):
    refusal = case(name)

    assert type(refusal) is expected
    assert says in str(refusal)
    assert says_not not in str(refusal)


def test_a_days_quota_waits_an_hour():
    assert case("g1-429-submission-quota").after == timedelta(hours=1)


def test_every_reported_reply_is_tested():
    tested = {arguments[0] for arguments in test_a_reported_reply_means.pytestmark[0].args[1]}

    assert {path.name.removesuffix(".reply.json") for path in CASES.glob("*.reply.json")} == tested
