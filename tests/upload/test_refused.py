"""What fails before a large mail leaves, and as it leaves."""

import json
from dataclasses import replace

import pytest

from mailer.delivery.record import Conflict
from mailer.errors import GiveUp, Misconfigured, TryLater, Uncertain
from mailer.graph import drafts, upload
from mailer.graph.connection import GraphConnection
from mailer.local.cloud.model import Mailbox
from tests.builders import a_file, a_mail
from tests.fakes import scripted_session
from tests.upload.given import BIG, MB, WHOLE, big_file, one_mail

# What fails before the mail leaves

FAILURES = {
    "the draft is refused for now": ("createDraft", {"status": 503}),
    "the draft's answer is lost": ("createDraft", {"outcome": "reset", "when": "after"}),
    "the draft is not made": ("createDraft", {"outcome": "reset"}),
    "the draft fails without a reason": ("createDraft", {"status": 500}),
    "the session is refused for now": ("createUploadSession", {"status": 503}),
    "the session's answer is lost": ("createUploadSession", {"outcome": "reset", "when": "after"}),
    "the session's answer is no JSON": ("createUploadSession", {"status": 201, "body": "<html>"}),
    "the session has ended": ("uploadRange", {"status": 404}),
    "no piece gets through": ("uploadRange", {"status": 503, "times": None}),
    "no piece is answered": ("uploadRange", {"outcome": "reset", "times": None}),
    "a piece is never confirmed": ("uploadRange", {"status": 200, "body": "{}", "times": None}),
    "the last answer is lost": ("uploadRange", {"outcome": "reset", "when": "after", "times": None}),
    "a small file is refused for now": ("addAttachment", {"status": 503}),
}


@pytest.mark.parametrize(("call", "fault"), FAILURES.values(), ids=FAILURES)
def test_a_failed_upload_lets_nothing_leave_and_leaves_no_draft(cloud, call, fault):
    mail = one_mail(big_file(), a_file(b"hello", filename="a.txt"))
    cloud.fault(call, **fault)

    with pytest.raises(TryLater) as later:
        cloud.send(mail)

    assert not isinstance(later.value, Uncertain)
    assert cloud.control.mails() == []
    cloud.control.clear_faults()
    cloud.send(mail)
    assert [name for name, _, _ in cloud.arrived] == ["scan.pdf", "a.txt"]
    assert cloud.control.drafts() == [], "also not one whose id nobody was told"


def test_a_draft_of_a_worker_that_died_is_found_and_deleted(cloud):
    def crash():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cloud.send(leaving=crash)
    assert len(cloud.control.drafts()) == 1

    cloud.send()

    assert cloud.arrived == WHOLE
    assert cloud.control.drafts() == []


def test_a_draft_left_behind_can_be_deleted_by_itself(cloud):
    cloud.fault("createDraft", outcome="reset", when="after")
    with pytest.raises(TryLater):
        cloud.send()
    assert len(cloud.control.drafts()) == 1

    cloud.connection.clear_drafts(a_mail(), cloud.token(), renew=cloud.renewed)

    assert cloud.nothing


def test_a_graph_that_lists_more_drafts_than_asked_for_loses_none():
    """A service that passes over a filter must not cost anybody a draft."""
    own, other = f"<{a_mail().id}@contoso.com>", "<other@contoso.com>"
    drafts = [{"id": "1", "internetMessageId": other}, {"id": "2", "internetMessageId": own}]
    listed = (200, {}, json.dumps({"value": drafts}).encode())
    made, graph = scripted_session(listed, (204, {}, b""), (503, {}, b""))

    with pytest.raises(TryLater):
        GraphConnection("https://graph.example.com", session=made).send_large(
            one_mail(), "t", renew=str, leaving=lambda: None
        )

    assert [request.path_url.rpartition("/")[2] for request in graph.requests if request.method == "DELETE"] == ["2"]


def test_drafts_of_other_mails_are_left_alone(cloud):
    def crash():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cloud.send(replace(one_mail(), id="01a20ad7-bd1d-729d-8127-a3c15948aa6e"), leaving=crash)

    cloud.send()

    assert len(cloud.control.drafts()) == 1


def test_a_claim_that_is_lost_on_the_way_stops_the_mail(cloud):
    def leaving():
        raise Conflict("claimed by another")

    with pytest.raises(Conflict):
        cloud.send(leaving=leaving)

    assert cloud.nothing


def test_the_mail_is_whole_when_it_is_about_to_leave(cloud):
    drafts = []

    cloud.send(leaving=lambda: drafts.extend(cloud.control.drafts()))

    assert [file.size for file in drafts[0].attachments] == [len(BIG)]


def test_a_file_that_cannot_be_read_stops_the_mail(cloud):
    def read(offset, length):
        if offset:
            raise TryLater("The blob was changed.", code="attachment_changed")
        return BIG[:length]

    with pytest.raises(TryLater) as changed:
        cloud.send(one_mail(replace(big_file(), read=read)))

    assert changed.value.code == "attachment_changed"
    assert cloud.nothing


def test_an_upload_that_takes_too_long_is_given_up_for_now(cloud, monkeypatch):
    monkeypatch.setattr(upload, "UPLOADED_WITHIN", -1.0)

    for mail in (one_mail(), one_mail(*[a_file(b"x" * 2_100_000)] * 2)):
        with pytest.raises(TryLater) as slow:
            cloud.send(mail)

        assert slow.value.code == "upload_slow"
        assert cloud.nothing


# Refusals


def test_a_missing_permission_is_named_with_the_remedy(cloud):
    cloud.control.set(roles=["Mail.Send"])

    with pytest.raises(Misconfigured, match=r"Mail\.ReadWrite") as denied:
        cloud.send()

    assert denied.value.code == "ErrorAccessDenied"
    assert cloud.nothing


def test_a_sender_who_may_not_send_as_another_keeps_that_reason():
    refusal = drafts.before_sending(403, {}, json.dumps({"error": {"code": "ErrorSendAsDenied"}}).encode())

    assert "Send As" in str(refusal)


def test_a_mail_too_large_for_the_mailbox_is_refused_and_its_draft_deleted(cloud):
    (box,) = [box for box in cloud.control.mailboxes() if box.address == "shop@contoso.com"]
    cloud.control.put_mailbox(Mailbox(**(box.model_dump() | {"largest_mail": 5 * MB})))

    with pytest.raises(GiveUp) as refused:
        cloud.send()

    assert refused.value.code == "ErrorMessageSizeExceeded"
    assert cloud.nothing


def test_a_draft_that_cannot_be_deleted_keeps_the_mail_trying(cloud):
    cloud.fault("send", status=400, code="ErrorInvalidRecipients")
    cloud.fault("deleteDraft", status=503, times=3)

    with pytest.raises(TryLater, match="Drafts") as later:
        cloud.send()
    assert later.value.code == "draft_left_behind"

    cloud.fault("send", status=400, code="ErrorInvalidRecipients")
    with pytest.raises(GiveUp):
        cloud.send()
    assert cloud.nothing


# The one request by which it leaves


def test_a_lost_answer_to_sending_is_a_doubt(cloud):
    cloud.fault("send", outcome="reset", when="after")

    with pytest.raises(Uncertain):
        cloud.send()

    assert cloud.arrived == WHOLE
    assert cloud.calls("send", "deleteDraft") == [1, 0]


def test_a_draft_that_graph_does_not_find_at_once_is_sent_a_moment_later(cloud):
    cloud.fault("send", status=404, code="ErrorItemNotFound", times=2)

    cloud.send()

    assert cloud.arrived == WHOLE
    assert cloud.calls("send") == [3]
