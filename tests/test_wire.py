"""Graph's wire format, and what each of its replies means."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import GiveUp, Misconfigured, Refusal, Throttled, TryLater, Uncertain
from mailer.graph.drafts import before_sending
from mailer.graph.wire import (
    check_reply,
    error_code,
    message_id,
    read_sent_items,
    retry_after,
    send_mail_body,
    send_mail_path,
)
from mailer.request.address import Address
from mailer.request.rendered import Content
from tests.builders import ALERTS, RULES, SHOP, SOME_ID, a_mail
from tests.builders import members as request_members

SAMPLES = Path(__file__).parent / "samples/graph"
CASES = Path(__file__).parent / "samples/cases"

# Every code that is known of Graph and Exchange, with each status it is known to come with. Misconfigured is "the same
# mail succeeds once somebody has mended something", GiveUp "never as it is", Uncertain "the mail may have left".
REPLIES = [
    (401, "InvalidAuthenticationToken", Misconfigured),  # after a fresh token was refused too
    (401, "NoPermissionsInAccessToken", Misconfigured),
    (403, "Authorization_RequestDenied", Misconfigured),
    (403, "ErrorAccessDenied", Misconfigured),
    (404, "ErrorInvalidUser", Misconfigured),
    (400, "ErrorInvalidUser", Misconfigured),
    (404, "ResourceNotFound", Misconfigured),
    (404, "Request_ResourceNotFound", Misconfigured),
    (404, "MailboxNotEnabledForRESTAPI", Misconfigured),
    (400, "extensionError", Misconfigured),
    (404, "ErrorNonExistentMailbox", Misconfigured),
    (404, "ErrorItemNotFound", Uncertain),
    (400, "ErrorInvalidIdMalformed", GiveUp),
    (400, "RequestBroker--ParseUri", GiveUp),
    (400, "BadRequest", GiveUp),
    (403, "ErrorSendAsDenied", Misconfigured),
    (400, "ErrorInvalidRecipients", GiveUp),
    (400, "ErrorMissingRecipients", GiveUp),
    (400, "ErrorRecipientLimitExceeded", GiveUp),
    (400, "ErrorMessageSizeExceeded", GiveUp),
    (413, "ErrorMessageSizeExceeded", GiveUp),
    (400, "ErrorAttachmentSizeLimitExceeded", GiveUp),
    (400, "ErrorRequiredPropertyMissing", GiveUp),
    (400, "UnableToDeserializePostBody", GiveUp),
    (400, "InvalidInternetMessageHeader", GiveUp),
    (400, "InvalidInternetMessageHeaderCollection", GiveUp),
    (400, "ErrorInvalidExtendedProperty", GiveUp),
    (400, "ErrorInvalidExtendedPropertyValue", GiveUp),
    (400, "ErrorMimeContentInvalidBase64String", GiveUp),
    (400, "ErrorMimeContentInvalid", GiveUp),
    (500, "ErrorMimeContentConversionFailed", GiveUp),
    (500, "ErrorVirusDetected", GiveUp),
    (400, "ErrorQuotaExceeded", Misconfigured),
    (413, "ErrorQuotaExceeded", Misconfigured),
    (507, "ErrorQuotaExceeded", Misconfigured),
    (500, "ErrorSubmissionQuotaExceeded", TryLater),
    (429, "ErrorSubmissionQuotaExceeded", Throttled),
    (401, "OrganizationFromTenantGuidNotFound", Misconfigured),
    (404, "OrganizationFromTenantGuidNotFound", Misconfigured),
    (403, "ErrorExceededMessageLimit", Misconfigured),
    (429, "ErrorExceededMessageLimit", Misconfigured),
    (403, "ErrorMessageSubmissionBlocked", Misconfigured),
    (403, "ErrorAccountSuspend", Misconfigured),
    (400, "ErrorExceededMaxRecipientLimit", Misconfigured),
    (400, "ErrorMessageBlocked", Misconfigured),
    (503, "ErrorServerBusy", TryLater),
    (500, "ErrorServerBusy", TryLater),
    (429, "ApplicationThrottled", Throttled),
    (429, "TooManyRequests", Throttled),
    (429, "activityLimitReached", Throttled),
    (429, "UnknownError", Throttled),
    (429, "CommandConcurrencyLimitReached", Uncertain),
    (503, "CommandConcurrencyLimitReached", Uncertain),
    (500, "ErrorInternalServerTransientError", Uncertain),
    (503, "ErrorInternalServerTransientError", TryLater),
    (500, "ErrorMailboxStoreUnavailable", Uncertain),
    (500, "ErrorMailboxMoveInProgress", Uncertain),
    (500, "ErrorConnectionFailed", Uncertain),
    (500, "ErrorADUnavailable", Uncertain),
    (500, "ErrorTooManyObjectsOpened", Uncertain),
    (500, "ErrorInternalServerError", Uncertain),
    (500, "UnknownError", Uncertain),
    (500, "generalException", Uncertain),
    (502, "UnknownError", Uncertain),
    (504, "UnknownError", Uncertain),
    (409, "ErrorIrresolvableConflict", TryLater),
    # Nobody's code, or none: the status tells.
    (200, "", Uncertain),
    (201, "", Uncertain),
    (204, "", Uncertain),
    (400, "", Misconfigured),
    (400, "SomethingNew", GiveUp),
    (401, "", Misconfigured),
    (407, "", Misconfigured),  # a proxy wants a password
    (421, "", TryLater),
    (421, "MisdirectedRequest", TryLater),
    (425, "", TryLater),
    (451, "", Misconfigured),
    (470, "", Misconfigured),  # Azure Firewall
    (403, "", Misconfigured),
    (403, "SomethingNew", Misconfigured),
    (404, "", Misconfigured),
    (408, "", Uncertain),
    (413, "", Misconfigured),  # a proxy's limit is below Graph's, to which mailer keeps
    (422, "", Misconfigured),
    (429, "", Throttled),
    (429, "SomethingNew", Throttled),
    (500, "", Uncertain),
    (500, "SomethingNew", Uncertain),
    (502, "", Uncertain),
    (503, "", Uncertain),
    (503, "SomethingNew", TryLater),
    (504, "", Uncertain),
    (509, "", TryLater),
    (599, "", Uncertain),
]


def envelope(code, message="Text that may change and may hold ada@example.com."):
    return json.dumps({"error": {"code": code, "message": message, "innerError": {"request-id": "r"}}}).encode()


def outcome(status, body=b"", headers=None):
    """The refusal that a reply means."""
    with pytest.raises(Refusal) as refusal:
        check_reply(status, headers or {}, body)
    return refusal.value


@pytest.mark.parametrize(("status", "code", "expected"), REPLIES)
def test_a_reply_means(status, code, expected):
    refusal = outcome(status, envelope(code) if code else b"")

    assert type(refusal) is expected
    assert refusal.code == (code or f"http_{status}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 413, 511])
def test_a_page_that_forwards_nothing_is_a_proxys_or_a_portals_to_mend(status):
    """A redirect to a page for signing in, a limit below Graph's: the mail has not left, and is not wrong."""
    refusal = outcome(status, b"<html>Sign in to the network</html>")

    assert (type(refusal), refusal.code) == (Misconfigured, f"http_{status}")
    assert "proxy's or a firewall's" in str(refusal)


@pytest.mark.parametrize(("status", "code", "expected"), REPLIES)
def test_a_refusal_names_what_graph_said_but_not_its_text(status, code, expected):
    refusal = outcome(status, envelope(code), {"request-id": "6f9d"})

    assert str(status) in str(refusal)
    assert code in str(refusal)
    assert "6f9d" in str(refusal)
    assert "ada@example.com" not in str(refusal)
    assert expected


@pytest.mark.parametrize(
    ("status", "code"), [(status, code) for status, code, kind in REPLIES if kind is Misconfigured]
)
def test_what_somebody_can_mend_is_named(status, code):
    """Beyond "Graph answered 403 ErrorX (request-id y)." there is a sentence that says what to do."""
    said, _, mend = str(outcome(status, envelope(code))).partition(". ")

    assert str(status) in said
    assert len(mend.split()) > 5


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


@pytest.mark.parametrize("status", [status for status in range(200, 600) if status != 202])
def test_no_other_status_is_success(status):
    assert outcome(status).code == f"http_{status}"


def test_a_202_without_a_request_id_is_sent_all_the_same():
    assert check_reply(202, {}, b"") == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"\xff\xfe",
        b"{}",
        b'{"error": null}',
        b'{"error": "invalid_client"}',
        b'{"error": []}',
        b'{"error": {}}',
        b'{"error": {"code": 7}}',
        b'{"error": {"code": null}}',
        b'{"statusCode": 403, "message": "Forbidden"}',
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_error_of_graphs_has_no_code(body):
    assert error_code(body) == ""
    assert type(outcome(503, body)) is Uncertain


@given(st.binary())
def test_no_body_is_too_strange(body):
    assert isinstance(error_code(body), str)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10", 10), ("2.128", 2.128), ("0", 0), ("-3", 0), ("1e3", 1000)],
)
def test_a_retry_after_may_have_a_fraction(text, seconds):
    assert retry_after({"Retry-After": text}) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "Sun, 23 Nov 1986 12:00:00 GMT", "inf", "1e300", "nan"])
def test_a_retry_after_that_is_no_number_of_seconds_counts_for_nothing(text):
    assert not retry_after({"Retry-After": text})


def test_graphs_own_wait_goes_before_ours():
    assert outcome(500, envelope("ErrorSubmissionQuotaExceeded")).after == timedelta(hours=1)
    assert outcome(500, envelope("ErrorSubmissionQuotaExceeded"), {"Retry-After": "7"}).after == timedelta(seconds=7)
    assert outcome(429).after is None


NOW = datetime(2026, 11, 25, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Wed, 25 Nov 2026 23:59:00 GMT", 3540),
        ("Wednesday, 25-Nov-26 23:59:00 GMT", 3540),
        ("Wed Nov 25 23:59:00 2026", 3540),
        ("Wed, 25 Nov 2026 22:59:00 GMT", 0),
        ("120, 120", 120),
        ("30,2.5", 30),
        ("30, Wed, 25 Nov 2026 23:59:00 GMT", 3540),
        ("Wed, 25 Nov 2026 23:59:00 GMT, Wed, 25 Nov 2026 23:59:00 GMT", 3540),
        ("10, soon", 10),
        ("Fri, 25 Nov 2033 23:59:00 GMT", 86_400),
    ],
)
def test_a_retry_after_may_be_a_date_or_stand_twice(text, seconds):
    assert retry_after({"Retry-After": text}, now=NOW) == timedelta(seconds=seconds)


def test_a_date_counts_from_the_replys_own_so_that_a_wrong_clock_does_no_harm():
    headers = {"Retry-After": "Mon, 01 Jan 2001 00:01:00 GMT", "Date": "Mon, 01 Jan 2001 00:00:00 GMT"}

    assert outcome(429, envelope("TooManyRequests"), headers).after == timedelta(minutes=1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 407, 418, 451, 470])
@pytest.mark.parametrize("body", [b"", b"<html>blocked</html>", b'{"message": "denied"}'])
def test_a_page_of_a_proxy_is_no_verdict_on_the_mail_and_named_as_what_it_is(status, body):
    refusal = outcome(status, body)

    assert type(refusal) is Misconfigured
    assert "proxy" in str(refusal)
    assert "firewall" in str(refusal)
    assert "Grant" not in str(refusal)
    assert f"Graph answered {status}" not in str(refusal)


def test_graphs_own_reply_without_an_envelope_is_told_by_its_request_id():
    assert "Mail.Send" in str(outcome(403, b"", {"request-id": "6f9d"}))


@pytest.mark.parametrize("status", [400, 403, 404, 470])
def test_a_page_of_a_proxy_tells_nothing_about_sent_items_either(status):
    with pytest.raises(Misconfigured, match="proxy"):
        read_sent_items(status, {}, b"<html>", "<x@contoso.com>")


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_server_on_the_way_that_lost_the_answer_to_looking_is_asked_again(status):
    with pytest.raises(TryLater) as refusal:
        read_sent_items(status, {}, b"<html>", "<x@contoso.com>")
    assert type(refusal.value) is TryLater


def test_a_page_of_a_proxy_does_not_ask_for_the_permission_for_drafts():
    refusal = before_sending(403, {}, b"<html>")

    assert "Mail.ReadWrite" not in str(refusal)
    assert "Mail.ReadWrite" in str(before_sending(403, {}, envelope("ErrorAccessDenied")))


def test_while_nothing_can_have_left_an_answer_that_tells_nothing_is_no_doubt():
    assert type(before_sending(503, {}, b"")) is TryLater


# The cases: replies as they were reported


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


# What Graph is told

FULL = {
    "from": "Contoso Shop <shop@contoso.com>",
    "to": ["Ada <ada@example.com>", "bob@example.com"],
    "cc": "carol@example.com",
    "bcc": ["dave@example.com"],
    "reply_to": "help@contoso.com",
    "headers": {"x-order": "7", "X-Shop": "paper"},
    "importance": "high",
    "save_to_sent_items": False,
    "subject": "Hello",
    "html": "<p>Hello",
    "text": None,
}


def a_full_mail():
    changes = {"from_" if name == "from" else name: value for name, value in FULL.items()}
    return a_mail(content=Content(subject="Hello", body="<p>Hello", content_type="html"), **changes)


def test_graph_is_told_everything_about_a_full_mail():
    assert send_mail_body(a_full_mail()) == {
        "message": {
            "subject": "Hello",
            "body": {"contentType": "html", "content": "<p>Hello"},
            "from": {"emailAddress": {"address": "shop@contoso.com", "name": "Contoso Shop"}},
            "toRecipients": [
                {"emailAddress": {"address": "ada@example.com", "name": "Ada"}},
                {"emailAddress": {"address": "bob@example.com"}},
            ],
            "ccRecipients": [{"emailAddress": {"address": "carol@example.com"}}],
            "bccRecipients": [{"emailAddress": {"address": "dave@example.com"}}],
            "replyTo": [{"emailAddress": {"address": "help@contoso.com"}}],
            "internetMessageHeaders": [{"name": "x-order", "value": "7"}, {"name": "X-Shop", "value": "paper"}],
            "importance": "high",
            "internetMessageId": f"<{SOME_ID}@contoso.com>",
        },
        "saveToSentItems": False,
    }


def test_graph_is_told_nothing_needless_about_a_minimal_mail():
    assert send_mail_body(a_mail(from_="alerts@contoso.com")) == {
        "message": {
            "subject": "Hello",
            "body": {"contentType": "text", "content": "Hello, Ada"},
            "toRecipients": [{"emailAddress": {"address": "ada@example.com"}}],
            "importance": "normal",
            "internetMessageId": f"<{SOME_ID}@contoso.com>",
        },
        "saveToSentItems": True,
    }


@pytest.mark.parametrize("make", [a_mail, a_full_mail, lambda: a_mail(cc=[], bcc=[], reply_to=[], headers={})])
def test_no_list_is_empty_and_nothing_is_null(make):
    def walk(value):
        assert value is not None
        assert value != []
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(part)

    walk(send_mail_body(make()))


def test_sent_items_are_chosen_by_a_real_boolean():
    assert send_mail_body(a_mail())["saveToSentItems"] is True
    assert send_mail_body(a_mail(save_to_sent_items=False))["saveToSentItems"] is False


def test_what_graph_is_told_uses_only_properties_that_its_message_has():
    types = json.loads((Path(__file__).parents[1] / "mailer/local/cloud/graph-types.json").read_text())["types"]

    assert set(send_mail_body(a_full_mail())["message"]) <= _properties(types, "message")


def _properties(types, name):
    """The properties of one of Graph's types, with those it inherits."""
    base = types[name].get("base")
    return set(types[name]["props"]) | (_properties(types, base) if base else set())


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("shop@contoso.com", "/v1.0/users/shop@contoso.com/sendMail"),
        ("o'neil+x@contoso.com", "/v1.0/users/o%27neil%2Bx@contoso.com/sendMail"),
        ("a/b?c#d%e@contoso.com", "/v1.0/users/a%2Fb%3Fc%23d%25e@contoso.com/sendMail"),
        ("$shop@contoso.com", "/v1.0/users('$shop@contoso.com')/sendMail"),
    ],
)
def test_the_sender_is_percent_encoded_in_the_path(address, path):
    assert send_mail_path(Address(address=address)) == path


def test_a_mail_is_found_again_by_an_id_that_never_changes():
    assert message_id(SOME_ID, SHOP) == f"<{SOME_ID}@contoso.com>"


def test_the_default_sender_sends_what_names_none():
    assert a_mail().sender == RULES.senders[0]
    assert a_mail(from_=ALERTS.address).sender == ALERTS
    assert "from" not in request_members()
