"""Which mails the local cloud accepts."""

import uuid

import pytest

from tests.cloud_graph.given import SHOP, file, headers, mail, to
from tests.local_cloud import code

# Acceptance


def test_a_mail_is_accepted_with_202_and_no_body(cloud):
    reply = cloud.send()

    assert (reply.status_code, reply.content) == (202, b"")
    assert len(cloud.control.mails()) == 1


def test_an_accepted_mail_is_listed_with_all_it_holds(cloud):
    message = {
        "subject": "Hello",
        "body": {"contentType": "HTML", "content": "<p>Hi</p>"},
        "toRecipients": [{"emailAddress": {"address": "ada@example.com", "name": "Ada"}}],
        "ccRecipients": to("bob@example.com"),
        "bccRecipients": to("eve@example.com"),
        "replyTo": to("help@contoso.com"),
        "importance": "high",
        "internetMessageId": "<1@contoso.com>",
        "internetMessageHeaders": [{"name": "x-order", "value": "7"}],
        "attachments": [file(contentType="text/plain", isInline=True, contentId="logo")],
    }
    reply = cloud.send({"message": message, "saveToSentItems": False}, **{"client-request-id": "request-1"})

    (got,) = cloud.control.mails()
    assert reply.status_code == 202
    assert (got.mailbox, got.sender.address) == (SHOP, SHOP)
    assert (got.internet_message_id, got.client_request_id) == ("<1@contoso.com>", "request-1")
    assert (got.subject, got.content_type, got.body, got.importance) == ("Hello", "html", "<p>Hi</p>", "high")
    assert [(one.name, one.address) for one in got.to] == [("Ada", "ada@example.com")]
    recipients = [[one.address for one in kind] for kind in (got.cc, got.bcc, got.reply_to)]
    assert recipients == [["bob@example.com"], ["eve@example.com"], ["help@contoso.com"]]
    assert got.headers == {"x-order": "7"}
    assert not got.save_to_sent_items
    (attachment,) = got.attachments
    assert (attachment.name, attachment.size, attachment.content_type) == ("a.txt", 2, "text/plain")
    assert (attachment.is_inline, attachment.content_id) == (True, "logo")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"Message": mail()["message"], "SaveToSentItems": True}, id="parameters with a capital"),
        pytest.param({**mail(), "saveToSentItems": None}, id="saveToSentItems null"),
        pytest.param(mail(subject=None, body=None), id="neither subject nor body"),
        pytest.param(mail(toRecipients=None, bccRecipients=to("eve@example.com")), id="bcc alone"),
        pytest.param(mail(internetMessageHeaders=headers("x-1", "X-2", "x-3", "x-4", "x-5")), id="five headers"),
        pytest.param(mail(toRecipients=to(*["ada@example.com"] * 500)), id="500 recipients"),
        pytest.param(mail(**{"@odata.type": "#microsoft.graph.message"}), id="annotated type"),
        pytest.param(mail(categories=["Orders"], flag={"flagStatus": "flagged"}), id="categories and flag"),
        pytest.param(mail(attachments=[]), id="no attachments"),
        pytest.param(mail(**{"from": to("SHOP@contoso.com")[0]}), id="from itself"),
        pytest.param(mail(toRecipients=to("o'hara+x_1@mail.example.co.uk")), id="unusual address"),
        pytest.param(
            {"message": {"toRecipients": to("ada@example.com"), "body": None, "from": None, "importance": None}},
            id="properties null",
        ),
    ],
)
def test_graph_accepts(cloud, body):
    assert cloud.send(body).status_code == 202


def test_the_sender_may_be_named_by_object_id_and_percent_encoded(cloud):
    (shop, _) = cloud.control.mailboxes()

    assert cloud.send(sender=shop.object_id).status_code == 202
    assert cloud.send(sender="Shop%40Contoso.com").status_code == 202
    assert [one.mailbox for one in cloud.control.mails()] == [SHOP, SHOP]


def test_a_mail_without_an_internet_message_id_gets_one(cloud):
    cloud.send()
    cloud.send()

    first, second = cloud.control.mails()
    assert first.internet_message_id.startswith("<")
    assert first.internet_message_id != second.internet_message_id


def test_replies_carry_the_ids_that_support_asks_for(cloud):
    mine = str(uuid.uuid4())

    good = cloud.send(**{"client-request-id": mine})
    bad = cloud.send({}, **{"client-request-id": mine})

    for reply in (good, bad):
        assert reply.headers["client-request-id"] == mine
        assert uuid.UUID(reply.headers["request-id"])
        assert reply.headers["date"]
    inner = bad.json()["error"]["innerError"]
    assert (inner["client-request-id"], inner["request-id"]) == (mine, bad.headers["request-id"])
    assert inner["date"]


# Refused bodies


@pytest.mark.parametrize(
    ("expected", "body"),
    [
        pytest.param("UnableToDeserializePostBody", b"{", id="not JSON"),
        pytest.param("UnableToDeserializePostBody", b"\xff", id="not UTF-8"),
        pytest.param("UnableToDeserializePostBody", [], id="not an object"),
        pytest.param("BadRequest", {}, id="no message"),
        pytest.param("UnableToDeserializePostBody", {"message": None}, id="message null"),
        pytest.param("UnableToDeserializePostBody", {"message": "hi"}, id="message not an object"),
        pytest.param("RequestBodyRead", mail()["message"], id="no message wrapper"),
        pytest.param("RequestBodyRead", {**mail(), "save": True}, id="unknown parameter"),
        pytest.param("UnableToDeserializePostBody", {**mail(), "saveToSentItems": "false"}, id="boolean as text"),
        pytest.param("RequestBodyRead", mail(Subject="Hi"), id="property with a capital"),
        pytest.param("RequestBodyRead", mail(colour="red"), id="unknown property"),
        pytest.param("RequestBodyRead", mail(body={"type": "text"}), id="unknown property deeper down"),
        pytest.param("UnableToDeserializePostBody", mail(subject=7), id="text as number"),
        pytest.param("UnableToDeserializePostBody", mail(subject="\ud83d"), id="half a surrogate pair"),
        pytest.param("UnableToDeserializePostBody", mail(toRecipients="ada@example.com"), id="list as text"),
        pytest.param("UnableToDeserializePostBody", mail(toRecipients=["ada@example.com"]), id="recipient as text"),
        pytest.param("UnableToDeserializePostBody", mail(importance="urgent"), id="unknown importance"),
        pytest.param("UnableToDeserializePostBody", mail(body={"contentType": "markdown"}), id="unknown body type"),
        pytest.param("UnableToDeserializePostBody", mail(sentDateTime="yesterday"), id="not a time"),
        pytest.param("UnableToDeserializePostBody", mail(isRead=1), id="boolean as number"),
        pytest.param("UnableToDeserializePostBody", {"message": {"ccRecipients": None}}, id="list as null"),
        pytest.param("ErrorInvalidRecipients", mail(toRecipients=None), id="no recipients"),
        pytest.param("ErrorInvalidRecipients", mail(toRecipients=[]), id="empty recipients"),
        pytest.param("ErrorInvalidRecipients", mail(toRecipients=[{}]), id="recipient without an address"),
        pytest.param("ErrorInvalidRecipients", mail(toRecipients=to("ada")), id="no domain"),
        pytest.param("ErrorInvalidRecipients", mail(toRecipients=to("ada@localhost")), id="domain without a dot"),
        pytest.param("ErrorInvalidRecipients", mail(toRecipients=to("a..b@example.com")), id="two dots in a row"),
        pytest.param("ErrorInvalidRecipients", mail(toRecipients=to("ada@example.com.")), id="dot at the end"),
        pytest.param("ErrorInvalidRecipients", mail(ccRecipients=to("Ada <ada@example.com>")), id="name in address"),
        pytest.param("ErrorInvalidRecipients", mail(bccRecipients=to("a@example.com, b@example.com")), id="two in one"),
        pytest.param("ErrorInvalidRecipients", mail(replyTo=to("")), id="empty reply-to"),
        pytest.param(
            "ErrorRecipientLimitExceeded", mail(ccRecipients=to(*["a@example.com"] * 500)), id="501 recipients"
        ),
        pytest.param("InvalidInternetMessageHeaderCollection", mail(internetMessageHeaders=[]), id="no header in list"),
        pytest.param(
            "InvalidInternetMessageHeaderCollection",
            mail(internetMessageHeaders=headers("x-1", "x-2", "x-3", "x-4", "x-5", "x-6")),
            id="six headers",
        ),
        pytest.param("InvalidInternetMessageHeader", mail(internetMessageHeaders=headers("List-Id")), id="not x-"),
        pytest.param("InvalidInternetMessageHeader", mail(internetMessageHeaders=headers("x-a b")), id="blank in name"),
        pytest.param(
            "InvalidInternetMessageHeader", mail(internetMessageHeaders=[{"value": "1"}]), id="nameless header"
        ),
        pytest.param("UnableToDeserializePostBody", mail(attachments=[file(contentBytes="%%%")]), id="not base64"),
        pytest.param(
            "UnableToDeserializePostBody", mail(attachments=[file(contentBytes="aGk")]), id="base64 cut short"
        ),
        pytest.param("ErrorRequiredPropertyMissing", mail(attachments=[file(contentBytes=None)]), id="no content"),
        pytest.param("ErrorRequiredPropertyMissing", mail(attachments=[file(contentBytes="")]), id="empty content"),
        pytest.param("ErrorRequiredPropertyMissing", mail(attachments=[file(name=None)]), id="nameless attachment"),
        pytest.param(
            "UnableToDeserializePostBody", mail(attachments=[file(**{"@odata.type": None})]), id="attachment of no type"
        ),
        pytest.param(
            "UnableToDeserializePostBody",
            mail(attachments=[file(**{"@odata.type": "#microsoft.graph.recipient"})]),
            id="attachment of another type",
        ),
        pytest.param("UnableToDeserializePostBody", mail(attachments=[file(isInline="yes")]), id="isInline as text"),
    ],
)
def test_graph_refuses_a_body(cloud, expected, body):
    reply = cloud.send(body, **{"Content-Type": "application/json"})

    assert code(reply) == (400, expected)
    assert cloud.control.mails() == []


@pytest.mark.parametrize(
    ("expected", "media_type"),
    [
        ((501, "NotImplemented"), "text/plain"),
        ((415, "UnsupportedMediaType"), "application/xml"),
        ((400, "RequestBodyRead"), ""),
    ],
)
def test_graph_refuses_other_content_types(cloud, expected, media_type):
    assert code(cloud.send(b"{}", **{"Content-Type": media_type})) == expected


def test_what_the_local_cloud_does_not_know_it_says_so(cloud):
    forwarded = {"@odata.type": "#microsoft.graph.itemAttachment", "name": "mail"}

    assert code(cloud.send(mail(attachments=[forwarded]))) == (501, "NotImplemented")


@pytest.mark.parametrize(("size", "status"), [(4 * 1024 * 1024, 202), (4 * 1024 * 1024 + 1, 413)])
def test_a_request_may_have_four_megabytes(cloud, size, status):
    body = b'{"message":{"toRecipients":[{"emailAddress":{"address":"ada@example.com"}}]}}'

    assert cloud.send(body.ljust(size), **{"Content-Type": "application/json"}).status_code == status


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/users/{sender}/sendMail", "Invalid version: users"),
        ("/v1.0/sendMail", "Resource not found for the segment 'sendMail'."),
        ("/v1.0/users/{sender}/sendMail/", "Resource not found for the segment 'sendMail'."),
    ],
)
def test_graph_refuses_a_path_without_version_or_user(cloud, path, message):
    reply = cloud.send(path=path)

    assert code(reply) == (400, "BadRequest")
    assert reply.json()["error"]["message"] == message
