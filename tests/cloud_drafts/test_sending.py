"""Drafts sent, deleted and found."""

import hashlib

import pytest

from mailer.local.cloud.model import Mailbox
from tests.cloud_drafts.given import EVERY_CALL_ON_A_DRAFT, FILE, GONE, HALF, SHOP, message, small
from tests.local_cloud import code

# Sending


def test_a_draft_is_sent_with_202_and_all_its_files(cloud):
    draft = cloud.draft(internetMessageId="<1@contoso.com>", attachments=[small(name="first.txt")])
    cloud.call("POST", f"{draft}/attachments", json=small(name="second.txt"))
    cloud.upload(draft, name="third.bin", isInline=True, contentId="chart")

    reply = cloud.call("POST", f"{draft}/send", headers={"client-request-id": "request-1"})

    assert (reply.status_code, reply.content) == (202, b"")
    assert cloud.control.drafts() == []
    (mail,) = cloud.control.mails()
    assert (mail.internet_message_id, mail.client_request_id) == ("<1@contoso.com>", "request-1")
    assert [one.name for one in mail.attachments] == ["first.txt", "second.txt", "third.bin"]
    assert mail.attachments[2].sha256 == hashlib.sha256(FILE).hexdigest()
    assert (mail.attachments[2].is_inline, mail.attachments[2].content_id) == (True, "chart")


def test_a_draft_is_sent_without_a_file_whose_upload_is_not_finished(cloud):
    draft = cloud.draft(attachments=[small()])
    cloud.put(cloud.upload_url(draft), 0, HALF - 1)

    assert cloud.call("POST", f"{draft}/send").status_code == 202
    assert [one.name for one in cloud.control.mails()[0].attachments] == ["a.txt"]


def test_a_sent_draft_is_always_saved_and_found_in_sent_items(cloud):
    draft = cloud.draft(internetMessageId="<1@contoso.com>")
    cloud.call("POST", f"{draft}/send")

    query = {"$filter": "internetMessageId eq '<1@contoso.com>'", "$select": "isDraft"}
    (found,) = cloud.call("GET", "/mailFolders/sentitems/messages", params=query).json()["value"]

    assert found["isDraft"] is False
    assert cloud.control.mails()[0].save_to_sent_items


def test_sending_takes_no_body(cloud):
    draft = cloud.draft()

    assert code(cloud.call("POST", f"{draft}/send", json={})) == (400, "BadRequest")
    assert code(cloud.call("POST", f"{draft}/send", data=iter([]))) == (411, "LengthRequired")
    assert cloud.control.mails() == []


def test_a_draft_is_sent_once(cloud):
    draft = cloud.draft()

    assert cloud.call("POST", f"{draft}/send").status_code == 202
    assert code(cloud.call("POST", f"{draft}/send")) == GONE
    assert len(cloud.control.mails()) == 1


def test_receipts_and_categories_stay_with_a_mail(cloud):
    asked = {"isDeliveryReceiptRequested": True, "isReadReceiptRequested": True, "categories": ["Orders"]}
    cloud.call("POST", f"{cloud.draft(**asked)}/send")
    cloud.call("POST", "/sendMail", json={"message": message()})

    with_them, without = cloud.control.mails()
    assert (with_them.is_delivery_receipt_requested, with_them.is_read_receipt_requested) == (True, True)
    assert with_them.categories == ("Orders",)
    assert (without.is_delivery_receipt_requested, without.is_read_receipt_requested) == (False, False)
    assert without.categories == ()


@pytest.mark.parametrize(("largest", "status"), [(14, 202), (13, 400)])
@pytest.mark.parametrize("path", ["draft", "sendMail"])
def test_a_mailbox_has_a_largest_mail_of_body_and_encoded_files(cloud, path, largest, status):
    cloud.control.put_mailbox(Mailbox(address=SHOP, object_id="1", largest_mail=largest))
    content = message(body={"contentType": "text", "content": "Zoëë"}, attachments=[small(), small()])

    if path == "draft":
        reply = cloud.call("POST", f"{cloud.draft(**content)}/send")
    else:
        reply = cloud.call("POST", "/sendMail", json={"message": content})

    assert reply.status_code == status
    assert len(cloud.control.mails()) == (status == 202)
    if status == 400:
        assert code(reply) == (400, "ErrorMessageSizeExceeded")


# Deleting and finding


def test_a_deleted_draft_is_gone(cloud):
    draft = cloud.draft()

    assert cloud.call("DELETE", draft).status_code == 204

    assert cloud.control.drafts() == []
    for method, path, content in EVERY_CALL_ON_A_DRAFT:
        assert code(cloud.call(method, path.format(draft), **content)) == GONE


@pytest.mark.parametrize(("method", "path", "content"), EVERY_CALL_ON_A_DRAFT)
def test_a_draft_belongs_to_its_mailbox(cloud, method, path, content):
    draft = cloud.draft()

    assert code(cloud.call(method, path.format(draft), user="alerts@contoso.com", **content)) == GONE
    assert len(cloud.control.drafts()) == 1


def test_a_draft_is_found_by_its_internet_message_id_until_it_is_sent(cloud):
    draft = cloud.draft(internetMessageId="<1@contoso.com>")
    cloud.draft(internetMessageId="<2@contoso.com>")

    def find(user=SHOP):
        query = {"$filter": "internetMessageId eq '<1@contoso.com>'", "$select": "id"}
        return cloud.call("GET", "/mailFolders/drafts/messages", user=user, params=query).json()["value"]

    assert find(user="alerts@contoso.com") == []
    assert [f"/messages/{one['id']}" for one in find()] == [draft]
    cloud.call("POST", f"{draft}/send")
    assert find() == []
