"""What each of Graph's replies means: by its code first, by its status second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import GiveUp, Misconfigured, Throttled, TryLater, Uncertain
from mailer.graph.drafts import before_sending
from mailer.graph.wire import (
    check_reply,
    error_code,
)
from tests.wire.given import envelope, outcome

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


@pytest.mark.parametrize(("status", "code", "expected"), REPLIES)
def test_a_reply_means(status, code, expected):
    refusal = outcome(status, envelope(code) if code else b"")

    assert type(refusal) is expected
    assert refusal.code == (code or f"http_{status}")


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


def test_while_nothing_can_have_left_an_answer_that_tells_nothing_is_no_doubt():
    assert type(before_sending(503, {}, b"")) is TryLater
