"""The local cloud's drafts and upload sessions, the way of large mails: what they take, what they refuse and how."""

import base64
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import requests

from mailer.local.cloud import seed
from mailer.local.cloud.control import Control
from mailer.local.cloud.model import MEGABYTE, Fault, Mailbox

SHOP = "shop@contoso.com"
SIZE = 3 * MEGABYTE + 5
FILE = bytes(range(256)) * (SIZE // 256) + b"final"
HALF = 2 * MEGABYTE


@dataclass(kw_only=True)
class Cloud:
    url: str
    control: Control
    session: requests.Session
    authorization: str = ""

    def allow(self, *roles):
        """Grant the app these roles alone, and take a token that shows it."""
        self.control.set(roles=roles)
        form = {
            "grant_type": "client_credentials",
            "client_id": seed.CLIENT_ID,
            "client_secret": self.control.versions()[-1].value,
            "scope": f"{seed.GRAPH}/.default",
        }
        reply = self.session.post(f"{self.url}/{seed.TENANT}/oauth2/v2.0/token", data=form, timeout=5)
        self.authorization = f"Bearer {reply.json()['access_token']}"

    def call(self, method, path, *, user=SHOP, timeout=10, headers=None, **content):
        """A call of Graph for a mailbox; `path` begins after it."""
        url = f"{self.url}/v1.0/users/{user}{path}"
        headers = {"Authorization": self.authorization} | (headers or {})
        return self.session.request(method, url, headers=headers, timeout=timeout, **content)

    def draft(self, **properties):
        """A new draft's path."""
        reply = self.call("POST", "/messages", json=message(**properties))
        assert reply.status_code == 201
        return f"/messages/{reply.json()['id']}"

    def upload_url(self, draft, **item):
        reply = self.call("POST", f"{draft}/attachments/createUploadSession", json=announced(**item))
        assert reply.status_code == 201
        return reply.json()["uploadUrl"]

    def put(self, url, first, last, *, content=None, total=SIZE, timeout=10, **headers):
        """Upload the bytes `first` to `last`, both included; a header of None is left out."""
        given = {"Content-Type": "application/octet-stream", "Content-Range": f"bytes {first}-{last}/{total}"} | headers
        data = FILE[first : last + 1] if content is None else content
        return self.session.put(url, data=data, headers=given, timeout=timeout)

    def upload(self, draft, **item):
        url = self.upload_url(draft, **item)
        self.put(url, 0, HALF - 1)
        assert self.put(url, HALF, SIZE - 1).status_code == 201


@pytest.fixture(scope="module")
def running(local_cloud):
    with requests.Session() as session:
        session.trust_env, session.verify = False, local_cloud.ca
        yield Cloud(url=local_cloud.url, control=local_cloud.control, session=session)


@pytest.fixture
def cloud(running):
    running.control.reset()
    running.allow("Mail.Send", "Mail.ReadWrite")
    return running


def message(**properties):
    """A draft to create; a property of None is left out."""
    given = {"subject": "Your order", "toRecipients": [{"emailAddress": {"address": "ada@example.com"}}]} | properties
    return {name: value for name, value in given.items() if value is not None}


def small(**properties):
    """A fileAttachment; a property of None is left out."""
    given = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentBytes": "aGk="} | properties
    return {name: value for name, value in given.items() if value is not None}


def announced(**item):
    """The body of createUploadSession; a property of None is left out."""
    given = {"attachmentType": "file", "name": "a.bin", "size": SIZE} | item
    return {"AttachmentItem": {name: value for name, value in given.items() if value is not None}}


def code(reply):
    return reply.status_code, reply.json()["error"]["code"]


GONE = (404, "ErrorItemNotFound")
DENIED = (403, "ErrorAccessDenied")


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


# Upload sessions


def test_an_upload_session_is_created_with_201_and_where_to_begin(cloud):
    draft = cloud.draft()

    reply = cloud.call("POST", f"{draft}/attachments/createUploadSession", json=announced())

    session = reply.json()
    assert reply.status_code == 201
    assert session["nextExpectedRanges"] == ["0-"]
    assert session["expirationDateTime"].endswith("Z")
    assert "/v1.0/" not in session["uploadUrl"]


@pytest.mark.parametrize(
    ("expected", "body"),
    [
        ((400, "BadRequest"), {}),
        ((400, "RequestBodyRead"), announced()["AttachmentItem"]),
        ((400, "UnableToDeserializePostBody"), announced(size="large")),
        ((400, "UnableToDeserializePostBody"), announced(attachmentType="picture")),
        ((400, "ErrorRequiredPropertyMissing"), announced(name=None)),
        ((400, "ErrorRequiredPropertyMissing"), announced(size=None)),
        ((400, "ErrorRequiredPropertyMissing"), announced(attachmentType=None)),
        ((400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize"), announced(size=3 * MEGABYTE - 1)),
        ((400, "ErrorAttachmentSizeLimitExceeded"), announced(size=150 * MEGABYTE + 1)),
        ((501, "NotImplemented"), announced(attachmentType="item")),
    ],
)
def test_an_upload_session_is_refused(cloud, expected, body):
    draft = cloud.draft()

    assert code(cloud.call("POST", f"{draft}/attachments/createUploadSession", json=body)) == expected


@pytest.mark.parametrize("size", [3 * MEGABYTE, 150 * MEGABYTE])
def test_an_upload_session_takes_files_from_3_to_150_megabytes(cloud, size):
    assert cloud.upload_url(cloud.draft(), size=size)


def test_a_file_arrives_in_pieces_and_is_attached_with_the_last(cloud):
    draft = cloud.draft()
    url = cloud.upload_url(draft, contentType="image/png", isInline=True, contentId="chart")

    middle = cloud.put(url, 0, HALF - 1)
    assert (middle.status_code, middle.json()["nextExpectedRanges"]) == (200, ["2097152"])
    assert cloud.control.drafts()[0].attachments == ()
    last = cloud.put(url, HALF, SIZE - 1)

    assert (last.status_code, last.content) == (201, b"")
    assert "/Attachments('" in last.headers["Location"]
    (attachment,) = cloud.control.drafts()[0].attachments
    assert (attachment.size, attachment.sha256) == (SIZE, hashlib.sha256(FILE).hexdigest())
    assert (attachment.name, attachment.content_type) == ("a.bin", "image/png")
    assert (attachment.is_inline, attachment.content_id) == (True, "chart")


@pytest.mark.parametrize(
    ("settings", "key", "expected"),
    [
        ({"upload_pascal_case": True}, "NextExpectedRanges", "1"),
        ({"upload_open_ranges": True}, "nextExpectedRanges", "1-"),
    ],
)
def test_the_next_range_can_be_spelled_in_other_ways(cloud, settings, key, expected):
    cloud.control.set(**settings)
    url = cloud.upload_url(cloud.draft())

    assert cloud.put(url, 0, 0).json()[key] == [expected]
    assert cloud.session.get(url, timeout=5).json()[key] == [expected]


def test_an_upload_tells_how_far_it_is_and_when_it_ends(cloud):
    url = cloud.upload_url(cloud.draft())
    cloud.put(url, 0, 99)

    reply = cloud.session.get(url, timeout=5)

    assert (reply.status_code, reply.json()["nextExpectedRanges"]) == (200, ["100"])
    assert reply.json()["expirationDateTime"] == cloud.put(url, 100, 199).json()["expirationDateTime"]


@pytest.mark.parametrize(
    ("expected", "change"),
    [
        pytest.param((416, "invalidRange"), {"first": 0, "last": 99}, id="the same again"),
        pytest.param((416, "invalidRange"), {"first": 101, "last": 200}, id="a gap"),
        pytest.param((416, "invalidRange"), {"last": SIZE, "content": bytes(SIZE - 99)}, id="beyond the end"),
        pytest.param((400, "invalidRequest"), {"content": b"1234"}, id="not as long as the range"),
        pytest.param((400, "invalidRequest"), {"total": SIZE + 1}, id="another total"),
        pytest.param((400, "invalidRequest"), {"Content-Range": None}, id="no range"),
        pytest.param((400, "invalidRequest"), {"Content-Range": f"bytes=100-199/{SIZE}"}, id="a range of a download"),
        pytest.param((400, "invalidRequest"), {"Content-Range": "bytes 100-199/*"}, id="no total"),
        pytest.param((415, "UnsupportedMediaType"), {"Content-Type": "application/json"}, id="not as bytes"),
        pytest.param((411, "LengthRequired"), {"content": iter([FILE[100:200]])}, id="no length"),
        pytest.param(
            (413, "BadRequest"), {"last": 100 + 4 * MEGABYTE - 1, "content": bytes(4 * MEGABYTE)}, id="four megabytes"
        ),
    ],
)
def test_a_piece_is_refused_and_the_upload_stays_where_it_was(cloud, expected, change):
    url = cloud.upload_url(cloud.draft())
    cloud.put(url, 0, 99)

    reply = cloud.put(url, **({"first": 100, "last": 199} | change))

    assert code(reply) == expected
    assert cloud.session.get(url, timeout=5).json()["nextExpectedRanges"] == ["100"]


def test_a_piece_may_have_a_byte_less_than_four_megabytes(cloud):
    size = 5 * MEGABYTE
    url = cloud.upload_url(cloud.draft(), size=size)
    last = 4 * MEGABYTE - 2

    assert cloud.put(url, 0, last, content=bytes(last + 1), total=size).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_an_upload_url_refuses_an_authorization_header_and_tells_of_it(cloud, method):
    url = cloud.upload_url(cloud.draft())

    reply = cloud.session.request(method, url, headers={"Authorization": cloud.authorization}, timeout=5)

    assert reply.status_code == 401
    assert cloud.control.traffic().violations == (f"{method} on an upload URL with an Authorization header",)
    assert cloud.session.get(url, timeout=5).json()["nextExpectedRanges"] == ["0"]


def test_an_upload_without_an_authorization_header_is_no_violation(cloud):
    cloud.upload(cloud.draft())

    assert cloud.control.traffic().violations == ()


@pytest.mark.parametrize(
    "alter", [("authtoken=", "authtoken=A"), ("authtoken", "token"), ("AttachmentSessions('", "{}A")]
)
def test_an_altered_upload_url_is_not_found(cloud, alter):
    old, new = alter
    url = cloud.upload_url(cloud.draft()).replace(old, new.format(old))

    assert code(cloud.put(url, 0, 99)) == GONE


def test_an_expired_upload_is_not_found(cloud):
    cloud.control.set(upload_lifetime=0)
    url = cloud.upload_url(cloud.draft())

    for reply in (cloud.put(url, 0, 99), cloud.session.get(url, timeout=5), cloud.session.delete(url, timeout=5)):
        assert code(reply) == GONE


def test_a_cancelled_upload_is_not_found(cloud):
    url = cloud.upload_url(cloud.draft())

    assert cloud.session.delete(url, timeout=5).status_code == 204
    assert code(cloud.put(url, 0, 99)) == GONE


def test_a_finished_upload_is_not_found(cloud):
    url = cloud.upload_url(cloud.draft())
    cloud.put(url, 0, HALF - 1)
    cloud.put(url, HALF, SIZE - 1)

    assert code(cloud.put(url, HALF, SIZE - 1)) == GONE
    assert len(cloud.control.drafts()[0].attachments) == 1


@pytest.mark.parametrize(("method", "path"), [("POST", "{}/send"), ("DELETE", "{}")])
def test_the_uploads_of_a_draft_end_with_it(cloud, method, path):
    draft = cloud.draft()
    url = cloud.upload_url(draft)

    assert cloud.call(method, path.format(draft)).ok
    assert code(cloud.put(url, 0, 99)) == GONE


def test_two_files_may_be_uploaded_to_one_draft_at_once(cloud):
    draft = cloud.draft()
    one, two = cloud.upload_url(draft, name="1"), cloud.upload_url(draft, name="2")

    for url in (one, two):
        cloud.put(url, 0, HALF - 1)
    for url in (two, one):
        cloud.put(url, HALF, SIZE - 1)

    assert [attachment.name for attachment in cloud.control.drafts()[0].attachments] == ["2", "1"]


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


EVERY_CALL_ON_A_DRAFT = [
    ("POST", "{}/attachments", {"json": small()}),
    ("POST", "{}/attachments/createUploadSession", {"json": announced()}),
    ("POST", "{}/send", {}),
    ("DELETE", "{}", {}),
]


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


# Roles


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/messages", {"json": message()}),
        *((method, path, content) for method, path, content in EVERY_CALL_ON_A_DRAFT if not path.endswith("send")),
        ("GET", "/mailFolders/drafts/messages", {}),
    ],
)
def test_drafts_need_more_than_the_role_mail_send(cloud, method, path, content):
    draft = cloud.draft()
    cloud.allow("Mail.Send")

    assert code(cloud.call(method, path.format(draft), **content)) == DENIED
    cloud.control.set(exchange_roles=["Mail.ReadWrite"])
    assert cloud.call(method, path.format(draft), **content).ok


def test_sending_a_draft_needs_the_role_mail_send(cloud):
    draft = cloud.draft()
    cloud.allow("Mail.ReadWrite")

    assert code(cloud.call("POST", f"{draft}/send")) == DENIED


def test_a_mailbox_out_of_scope_has_no_drafts(cloud):
    cloud.control.put_mailbox(Mailbox(address=SHOP, object_id="1", in_scope=False))

    assert code(cloud.call("POST", "/messages", json=message())) == DENIED


# Faults and the limit of a mailbox


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A draft and an upload to it, and every call that can be made on them."""

    cloud: Cloud
    draft: str
    url: str

    def make(self, call, **options):
        cloud, draft = self.cloud, self.draft
        calls = {
            "createDraft": lambda: cloud.call("POST", "/messages", json=message(), **options),
            "addAttachment": lambda: cloud.call("POST", f"{draft}/attachments", json=small(), **options),
            "createUploadSession": lambda: cloud.call(
                "POST", f"{draft}/attachments/createUploadSession", json=announced(), **options
            ),
            "drafts": lambda: cloud.call("GET", "/mailFolders/drafts/messages", **options),
            "send": lambda: cloud.call("POST", f"{draft}/send", **options),
            "deleteDraft": lambda: cloud.call("DELETE", draft, **options),
            "uploadRange": lambda: cloud.put(self.url, 0, 99, **options),
            "sessionStatus": lambda: cloud.session.get(self.url, **{"timeout": 5, **options}),
            "cancelUpload": lambda: cloud.session.delete(self.url, **{"timeout": 5, **options}),
        }
        return calls[call]()


GRAPH_CALLS = ["createDraft", "addAttachment", "createUploadSession", "drafts", "send", "deleteDraft"]
UPLOAD_CALLS = ["uploadRange", "sessionStatus", "cancelUpload"]


@pytest.fixture
def scene(cloud):
    draft = cloud.draft()
    return Scene(cloud=cloud, draft=draft, url=cloud.upload_url(draft))


@pytest.mark.parametrize("call", GRAPH_CALLS + UPLOAD_CALLS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_call_can_be_answered_with_an_error(scene, call, when):
    control = scene.cloud.control
    number = control.fault(Fault(call=call, when=when, outcome="answer", code="made_to_fail", times=1, mailbox=SHOP))

    assert code(scene.make(call)) == (503, "made_to_fail")
    assert control.hits(number) == 1


@pytest.mark.parametrize(("outcome", "error"), [("reset", requests.ConnectionError), ("hang", requests.ReadTimeout)])
@pytest.mark.parametrize(("when", "received"), [("before", "0"), ("after", "100")])
def test_the_answer_to_a_piece_can_be_lost_before_or_after_it_is_received(scene, outcome, error, when, received):
    scene.cloud.control.fault(Fault(call="uploadRange", when=when, outcome=outcome))

    with pytest.raises(error):
        scene.make("uploadRange", timeout=0.3)

    assert scene.make("sessionStatus").json()["nextExpectedRanges"] == [received]


@pytest.mark.parametrize(("when", "sent"), [("before", 0), ("after", 1)])
def test_the_answer_to_a_send_can_be_lost_before_or_after_the_draft_is_sent(scene, when, sent):
    scene.cloud.control.fault(Fault(call="send", when=when, outcome="reset"))

    with pytest.raises(requests.ConnectionError):
        scene.make("send")

    assert (len(scene.cloud.control.mails()), len(scene.cloud.control.drafts())) == (sent, 1 - sent)


@pytest.fixture
def busy(scene):
    """The scene while four requests are in flight on the mailbox."""
    control = scene.cloud.control
    number = control.fault(Fault(call="sendMail", outcome="hang", times=4))
    arguments = {"headers": {"Authorization": scene.cloud.authorization}, "verify": scene.cloud.session.verify}

    def hang():
        url = f"{scene.cloud.url}/v1.0/users/{SHOP}/sendMail"
        with pytest.raises(requests.ConnectionError):
            requests.post(url, json={"message": message()}, timeout=20, **arguments)

    with ThreadPoolExecutor(4) as pool:
        hanging = [pool.submit(hang) for _ in range(4)]
        deadline = time.monotonic() + 5
        while control.hits(number) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield scene
        control.remove_fault(number)
        assert all(future.result(timeout=5) is None for future in hanging)


def test_a_call_on_drafts_counts_among_the_four_of_a_mailbox_and_an_upload_does_not(busy):
    assert [busy.make(call).status_code for call in GRAPH_CALLS] == [429] * len(GRAPH_CALLS)
    assert [busy.make(call).status_code for call in UPLOAD_CALLS] == [200, 200, 204]


def test_calls_are_counted_each_under_its_name(scene):
    for call in ("uploadRange", "sessionStatus", "cancelUpload", "addAttachment", "drafts", "send"):
        scene.make(call)

    calls = scene.cloud.control.traffic().calls
    assert {name: calls[name] for name in GRAPH_CALLS + UPLOAD_CALLS if name in calls} == {
        "createDraft": 1,
        "createUploadSession": 1,
        "uploadRange": 1,
        "sessionStatus": 1,
        "cancelUpload": 1,
        "addAttachment": 1,
        "drafts": 1,
        "send": 1,
    }


def test_reset_forgets_drafts_and_their_uploads(scene):
    scene.cloud.control.reset()

    assert scene.cloud.control.drafts() == []
    assert code(scene.make("sessionStatus")) == GONE
