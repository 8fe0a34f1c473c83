"""Drafts made in the local cloud, with small attachments."""

import base64
import hashlib

import pytest

from mailer.local.cloud.model import MEGABYTE
from tests.cloud_drafts.given import (
    message,
    small,
)
from tests.local_cloud import code

# Creating a draft


def test_a_draft_is_created_with_201_and_the_message(cloud):
    reply = cloud.call("POST", "/messages", json=message(internetMessageId="<1@contoso.com>", categories=["Orders"]))

    shown = reply.json()
    assert reply.status_code == 201
    assert (shown["isDraft"], shown["subject"], shown["internetMessageId"]) == (True, "Your order", "<1@contoso.com>")
    assert shown["categories"] == ["Orders"]
    assert reply.headers["Location"].endswith(f"/messages('{shown['id']}')")
    (kept,) = cloud.control.drafts()
    assert (kept.id, kept.internet_message_id, kept.attachments) == (shown["id"], "<1@contoso.com>", ())
    assert cloud.control.mails() == []


def test_a_draft_without_an_internet_message_id_gets_one(cloud):
    reply = cloud.call("POST", "/messages", json=message())

    assert reply.json()["internetMessageId"] == cloud.control.drafts()[0].internet_message_id != ""


def test_a_draft_may_be_without_recipients_until_it_is_sent(cloud):
    draft = cloud.draft(toRecipients=None)

    assert code(cloud.call("POST", f"{draft}/send")) == (400, "ErrorInvalidRecipients")
    assert len(cloud.control.drafts()) == 1


@pytest.mark.parametrize(
    ("expected", "body"),
    [
        ((400, "UnableToDeserializePostBody"), []),
        ((400, "RequestBodyRead"), {"message": message()}),
        ((400, "RequestBodyRead"), message(colour="red")),
        ((400, "UnableToDeserializePostBody"), message(subject=7)),
        ((400, "ErrorInvalidRecipients"), message(toRecipients=[{"emailAddress": {"address": "ada"}}])),
        ((400, "InvalidInternetMessageHeaderCollection"), message(internetMessageHeaders=[])),
        ((400, "ErrorRequiredPropertyMissing"), message(attachments=[small(contentBytes=None)])),
        ((403, "ErrorSendAsDenied"), message(**{"from": {"emailAddress": {"address": "alerts@contoso.com"}}})),
    ],
)
def test_a_draft_is_refused_for_what_send_mail_refuses(cloud, expected, body):
    assert code(cloud.call("POST", "/messages", json=body)) == expected
    assert cloud.control.drafts() == []


def test_a_draft_in_mime_format_is_not_known(cloud):
    reply = cloud.call("POST", "/messages", data=b"aGk=", headers={"Content-Type": "text/plain"})

    assert code(reply) == (501, "NotImplemented")


@pytest.mark.parametrize(("size", "status"), [(4 * MEGABYTE, 201), (4 * MEGABYTE + 1, 413)])
def test_the_request_for_a_draft_may_have_four_megabytes(cloud, size, status):
    reply = cloud.call("POST", "/messages", data=b"{}".ljust(size), headers={"Content-Type": "application/json"})

    assert reply.status_code == status


# Small attachments


def test_a_small_file_is_attached_with_201(cloud):
    draft = cloud.draft(attachments=[small(name="first.txt")])

    entry = small(name="logo.png", contentType="image/png", isInline=True, contentId="logo")
    reply = cloud.call("POST", f"{draft}/attachments", json=entry)

    assert reply.status_code == 201
    assert (reply.json()["name"], reply.json()["size"], reply.json()["isInline"]) == ("logo.png", 2, True)
    first, second = cloud.control.drafts()[0].attachments
    assert (first.name, second.name, second.content_type, second.content_id) == (
        "first.txt",
        "logo.png",
        "image/png",
        "logo",
    )
    assert second.sha256 == hashlib.sha256(b"hi").hexdigest()


def test_a_file_of_three_megabytes_is_refused_for_its_request_is_too_long(cloud):
    draft = cloud.draft()

    content = base64.b64encode(bytes(3 * MEGABYTE)).decode()
    reply = cloud.call("POST", f"{draft}/attachments", json=small(contentBytes=content))

    assert reply.status_code == 413
    assert cloud.control.drafts()[0].attachments == ()


@pytest.mark.parametrize(
    ("expected", "entry"),
    [
        ((400, "UnableToDeserializePostBody"), small(**{"@odata.type": None})),
        ((400, "UnableToDeserializePostBody"), small(contentBytes="%%%")),
        ((400, "RequestBodyRead"), small(colour="red")),
        ((400, "ErrorRequiredPropertyMissing"), small(name=None)),
        ((501, "NotImplemented"), {"@odata.type": "#microsoft.graph.itemAttachment", "name": "mail"}),
    ],
)
def test_a_small_attachment_is_refused(cloud, expected, entry):
    draft = cloud.draft()

    assert code(cloud.call("POST", f"{draft}/attachments", json=entry)) == expected
