"""The local cloud's Graph: what it accepts, what it refuses and how, and its faults."""

import base64
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import requests

from mailer.local.cloud import seed
from mailer.local.cloud.control import Control
from mailer.local.cloud.model import Fault, Mailbox

SHOP = "shop@contoso.com"


@dataclass(frozen=True, kw_only=True)
class Cloud:
    url: str
    control: Control
    session: requests.Session

    def authorization(self):
        form = {
            "grant_type": "client_credentials",
            "client_id": seed.CLIENT_ID,
            "client_secret": self.control.versions()[-1].value,
            "scope": f"{seed.GRAPH}/.default",
        }
        reply = self.session.post(f"{self.url}/{seed.TENANT}/oauth2/v2.0/token", data=form, timeout=5)
        return {"Authorization": f"Bearer {reply.json()['access_token']}"}

    def send(self, body=None, *, sender=SHOP, path="/v1.0/users/{sender}/sendMail", timeout=10, **headers):
        """Post a body, the smallest good one unless told otherwise, on a connection of its own."""
        content = {"data": body} if isinstance(body, bytes) else {"json": mail() if body is None else body}
        if "Authorization" not in headers:
            headers |= self.authorization()
        verify = self.session.verify
        url = f"{self.url}{path.format(sender=sender)}"
        return requests.post(url, headers=headers, verify=verify, timeout=timeout, **content)

    def sent_items(self, internet_message_id=None, sender=SHOP, **query):
        if internet_message_id:
            query["$filter"] = f"internetMessageId eq '{internet_message_id}'"
        url = f"{self.url}/v1.0/users/{sender}/mailFolders/sentitems/messages"
        return self.session.get(url, params=query, headers=self.authorization(), timeout=5)


@pytest.fixture(scope="module")
def running(local_cloud):
    with requests.Session() as session:
        session.trust_env, session.verify = False, local_cloud.ca
        yield Cloud(url=local_cloud.url, control=local_cloud.control, session=session)


@pytest.fixture
def cloud(running):
    running.control.reset()
    return running


def to(*addresses):
    return [{"emailAddress": {"address": address}} for address in addresses]


def mail(**properties):
    """A body for sendMail; a property of None is left out."""
    message = {
        "subject": "Your order",
        "body": {"contentType": "text", "content": "Thank you."},
        "toRecipients": to("ada@example.com"),
    }
    return {"message": {name: value for name, value in (message | properties).items() if value is not None}}


def file(**properties):
    attachment = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentBytes": "aGk="}
    return {name: value for name, value in (attachment | properties).items() if value is not None}


def headers(*names):
    return [{"name": name, "value": "1"} for name in names]


def eventually(probe):
    """Return as soon as the probe gives something."""
    deadline = time.monotonic() + 5
    while not probe():
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.02)


def code(reply):
    return reply.status_code, reply.json()["error"]["code"]


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


# Tokens, roles and mailboxes


def test_a_request_without_a_good_token_is_refused_with_a_challenge(cloud):
    good = cloud.authorization()["Authorization"]

    for header in ("", "Bearer", "Bearer not-a-token", good[:-8] + "AAAAAAAA", good.replace("Bearer", "Basic")):
        reply = cloud.send(Authorization=header)
        assert code(reply) == (401, "InvalidAuthenticationToken")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer ")


def test_an_expired_token_is_refused(cloud):
    cloud.control.set(token_lifetime=1)
    old = cloud.authorization()
    time.sleep(1.1)

    reply = cloud.send(**old)

    assert code(reply) == (401, "InvalidAuthenticationToken")
    assert "expired" in reply.json()["error"]["message"]


def test_a_token_for_the_vault_is_refused(cloud):
    query = {"api-version": "2019-08-01", "resource": seed.VAULT}
    reply = cloud.session.get(f"{cloud.url}/msi/token", params=query, headers={"X-IDENTITY-HEADER": "local"}, timeout=5)

    reply = cloud.send(Authorization=f"Bearer {reply.json()['access_token']}")

    assert code(reply) == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize(
    ("expected", "settings"),
    [
        ((401, "NoPermissionsInAccessToken"), {"roles": []}),
        ((403, "ErrorAccessDenied"), {"roles": ["Mail.Read"]}),
        ((403, "ErrorAccessDenied"), {"roles": [], "exchange_roles": ["Mail.ReadWrite"]}),
    ],
)
def test_sending_needs_the_role_mail_send(cloud, expected, settings):
    cloud.control.set(**settings)

    assert code(cloud.send()) == expected


def test_a_role_granted_in_exchange_serves_without_one_in_the_token(cloud):
    cloud.control.set(roles=[], exchange_roles=["Mail.Send"])

    assert cloud.send().status_code == 202


@pytest.mark.parametrize(
    ("expected", "properties"),
    [
        ((404, "MailboxNotEnabledForRESTAPI"), {"rest_enabled": False}),
        ((403, "ErrorAccessDenied"), {"in_scope": False}),
    ],
)
def test_a_mailbox_may_be_out_of_reach(cloud, expected, properties):
    cloud.control.put_mailbox(Mailbox(address=SHOP, object_id="1", **properties))

    assert code(cloud.send()) == expected


def test_an_unknown_sender_is_an_invalid_user(cloud):
    cloud.control.remove_mailbox("alerts@contoso.com")

    for sender in ("nobody@contoso.com", "alerts@contoso.com"):
        assert code(cloud.send(sender=sender)) == (404, "ErrorInvalidUser")


def test_an_alias_is_no_key_but_a_from_that_is_rewritten(cloud):
    cloud.control.put_mailbox(Mailbox(address=SHOP, object_id="1", aliases=("store@contoso.com",)))

    assert code(cloud.send(sender="store@contoso.com")) == (404, "ErrorInvalidUser")
    assert cloud.send(mail(**{"from": to("store@contoso.com")[0]})).status_code == 202
    assert cloud.control.mails()[0].sender.address == SHOP


def test_from_needs_the_right_to_send_as(cloud):
    body = mail(**{"from": to("alerts@contoso.com")[0]})

    assert code(cloud.send(body)) == (403, "ErrorSendAsDenied")
    cloud.control.put_mailbox(Mailbox(address=SHOP, object_id="1", send_as=("alerts@contoso.com",)))
    assert cloud.send(body).status_code == 202
    assert cloud.control.mails()[0].sender.address == "alerts@contoso.com"


# Sent Items


def test_a_sent_mail_is_found_by_its_internet_message_id(cloud):
    cloud.control.set(roles=["Mail.Send", "Mail.Read"])
    cloud.send(mail(internetMessageId="<it's-1@contoso.com>", subject="One"))
    cloud.send(mail(internetMessageId="<2@contoso.com>", subject="Two"))

    (found,) = cloud.sent_items("<it''s-1@contoso.com>", **{"$select": "subject,isDraft", "$top": "1"}).json()["value"]

    assert set(found) == {"@odata.etag", "id", "subject", "isDraft"}
    assert (found["subject"], found["isDraft"]) == ("One", False)
    assert cloud.sent_items("<3@contoso.com>").json()["value"] == []
    assert cloud.sent_items("<2@contoso.com>", sender="alerts@contoso.com").json()["value"] == []


def test_sent_items_come_newest_first_and_as_many_as_asked_for(cloud):
    cloud.control.set(roles=["Mail.Send", "Mail.ReadWrite"])
    for subject in ("One", "Two", "Three"):
        cloud.send(mail(subject=subject))

    assert [one["subject"] for one in cloud.sent_items(**{"$top": "2"}).json()["value"]] == ["Three", "Two"]


def test_a_mail_not_to_be_saved_is_not_in_sent_items(cloud):
    cloud.control.set(roles=["Mail.Send", "Mail.Read"])
    cloud.send({**mail(), "saveToSentItems": False})

    assert cloud.sent_items().json()["value"] == []


def test_a_sent_mail_shows_up_after_the_lag(cloud):
    cloud.control.set(roles=["Mail.Send", "Mail.Read"], sent_items_lag=3600)
    cloud.send()

    assert cloud.sent_items().json()["value"] == []
    cloud.control.set(sent_items_lag=0.3)
    eventually(lambda: cloud.sent_items().json()["value"])


def test_looking_into_sent_items_needs_a_role_of_its_own(cloud):
    cloud.control.set(roles=["Mail.Send"])

    assert code(cloud.sent_items()) == (403, "ErrorAccessDenied")


@pytest.mark.parametrize(
    ("expected", "query"),
    [
        ((400, "BadRequest"), {"$filter": "subject eq 'One'"}),
        ((400, "BadRequest"), {"$filter": "internetMessageId eq 'it's'"}),
        ((400, "RequestBroker--ParseUri"), {"$select": "subject,colour"}),
        ((400, "BadRequest"), {"$top": "0"}),
        ((501, "NotImplemented"), {"$orderby": "subject"}),
    ],
)
def test_sent_items_refuse_a_query(cloud, expected, query):
    cloud.control.set(roles=["Mail.Read"])

    assert code(cloud.sent_items(**query)) == expected


# Concurrency


def send_at_once(cloud, *senders):
    """The replies to a mail from each sender, all on the way together."""
    authorization = cloud.authorization()
    together = threading.Barrier(len(senders))

    def send(sender):
        together.wait()
        return cloud.send(sender=sender, **authorization)

    with ThreadPoolExecutor(len(senders)) as pool:
        return list(pool.map(send, senders))


def test_four_requests_at_once_pass_and_a_fifth_is_throttled(cloud):
    cloud.control.fault(Fault(call="sendMail", delay=0.7))

    assert [reply.status_code for reply in send_at_once(cloud, *[SHOP] * 4)] == [202] * 4
    assert cloud.control.traffic().throttled == {}
    (throttled,) = [reply for reply in send_at_once(cloud, *[SHOP] * 5) if reply.status_code != 202]

    assert code(throttled) == (429, "ApplicationThrottled")
    assert float(throttled.headers["Retry-After"]) > 0
    traffic = cloud.control.traffic()
    assert (traffic.most_in_flight, traffic.throttled) == ({SHOP: 5}, {SHOP: 1})
    assert traffic.calls["sendMail"] == 9


def test_mailboxes_are_throttled_each_by_itself(cloud):
    cloud.control.fault(Fault(call="sendMail", delay=0.7))

    replies = send_at_once(cloud, *[SHOP, "alerts@contoso.com"] * 4)

    assert [reply.status_code for reply in replies] == [202] * 8
    assert cloud.control.traffic().most_in_flight == {SHOP: 4, "alerts@contoso.com": 4}


# Faults


def test_a_fault_answers_as_often_as_told(cloud):
    retry_after = {"Retry-After": "2.128"}
    number = cloud.control.fault(
        Fault(call="sendMail", times=2, outcome="answer", status=429, code="TooManyRequests", headers=retry_after)
    )

    first, second, third = cloud.send(), cloud.send(), cloud.send()

    assert (code(first), first.headers["Retry-After"]) == ((429, "TooManyRequests"), "2.128")
    assert second.status_code == 429
    assert third.status_code == 202
    assert cloud.control.hits(number) == 2
    assert len(cloud.control.mails()) == 1


def test_a_fault_may_hit_one_mailbox_alone(cloud):
    cloud.control.fault(Fault(call="sendMail", outcome="answer", status=503, mailbox="alerts@contoso.com"))

    assert cloud.send().status_code == 202
    assert cloud.send(sender="alerts@contoso.com").status_code == 503


@pytest.mark.parametrize("body", ["<html>Bad gateway</html>", ""])
def test_a_fault_may_answer_with_anything(cloud, body):
    html = {"Content-Type": "text/html"}
    cloud.control.fault(Fault(call="sendMail", outcome="answer", status=502, body=body, headers=html))

    reply = cloud.send()

    assert (reply.status_code, reply.text, reply.headers["Content-Type"]) == (502, body, "text/html")


def test_a_mail_can_be_accepted_and_answered_with_an_error(cloud):
    cloud.control.fault(Fault(call="sendMail", when="after", outcome="answer", status=504))

    assert cloud.send().status_code == 504
    assert len(cloud.control.mails()) == 1


@pytest.mark.parametrize(("when", "accepted"), [("before", 0), ("after", 1)])
def test_a_connection_can_be_reset_before_or_after_the_mail_is_accepted(cloud, when, accepted):
    cloud.control.fault(Fault(call="sendMail", when=when, outcome="reset", times=1))

    with pytest.raises(requests.ConnectionError):
        cloud.send()

    assert len(cloud.control.mails()) == accepted
    assert cloud.send().status_code == 202


@pytest.mark.parametrize(("when", "accepted"), [("before", 0), ("after", 1)])
def test_a_request_can_hang_before_or_after_the_mail_is_accepted(cloud, when, accepted):
    cloud.control.fault(Fault(call="sendMail", when=when, outcome="hang"))

    with pytest.raises(requests.ReadTimeout):
        cloud.send(timeout=0.3)

    assert len(cloud.control.mails()) == accepted


def test_requests_that_hang_hold_their_place_until_let_go(cloud):
    number = cloud.control.fault(Fault(call="sendMail", outcome="hang", times=4))
    authorization = cloud.authorization()

    with ThreadPoolExecutor(4) as pool:
        hanging = [pool.submit(cloud.send, **authorization) for _ in range(4)]
        eventually(lambda: cloud.control.hits(number) == 4)
        assert cloud.send().status_code == 429
        cloud.control.remove_fault(number)
        errors = [request.exception(timeout=5) for request in hanging]

    assert all(isinstance(error, requests.ConnectionError) for error in errors)
    assert cloud.send().status_code == 202


def test_a_caller_who_goes_away_gives_up_its_place(cloud):
    cloud.control.fault(Fault(call="sendMail", outcome="hang", times=4))
    for _ in range(4):
        with pytest.raises(requests.ReadTimeout):
            cloud.send(timeout=0.2)

    assert cloud.send().status_code == 202


def test_a_slow_mail_is_accepted_although_the_caller_gave_up(cloud):
    cloud.control.fault(Fault(call="sendMail", delay=0.5))

    with pytest.raises(requests.ReadTimeout):
        cloud.send(timeout=0.2)

    assert cloud.control.mails() == []
    eventually(cloud.control.mails)


def test_the_dice_of_a_fault_fall_the_same_every_time(cloud):
    def statuses():
        cloud.control.reset()
        cloud.control.fault(Fault(call="sendMail", outcome="answer", status=503, probability=0.5, seed=7))
        return [cloud.send().status_code for _ in range(12)]

    first = statuses()

    assert {202, 503} == set(first)
    assert statuses() == first


def test_a_fault_after_acceptance_is_not_used_up_by_a_refused_mail(cloud):
    number = cloud.control.fault(Fault(call="sendMail", when="after", outcome="answer", status=504, times=1))

    assert cloud.send({}).status_code == 400
    assert cloud.control.hits(number) == 0
    assert cloud.send().status_code == 504


@pytest.mark.parametrize("call", ["identity", "discovery", "keys", "token", "secret", "sentitems"])
def test_every_call_can_be_hit(cloud, call):
    authorization = cloud.authorization()
    paths = {
        "identity": "/msi/token",
        "discovery": f"/{seed.TENANT}/v2.0/.well-known/openid-configuration",
        "keys": f"/{seed.TENANT}/discovery/v2.0/keys",
        "token": f"/{seed.TENANT}/oauth2/v2.0/token",
        "secret": f"/secrets/{seed.SECRET_NAME}?api-version=7.4",
        "sentitems": f"/v1.0/users/{SHOP}/mailFolders/sentitems/messages",
    }
    cloud.control.fault(Fault(call=call, outcome="answer", status=503, code="made_to_fail"))

    method = "POST" if call == "token" else "GET"
    reply = cloud.session.request(method, f"{cloud.url}{paths[call]}", headers=authorization, timeout=5)

    assert reply.status_code == 503
    assert reply.headers["Content-Type"] == "application/json"


def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(cloud):
    with pytest.raises(RuntimeError, match="nowhere"):
        cloud.control.fault(Fault.model_construct(call="nowhere"))
    with pytest.raises(RuntimeError, match="colour"):
        cloud.control.set(colour="red")


def test_reset_forgets_faults_mails_and_counts_but_not_the_secret(cloud):
    secret = cloud.control.versions()[-1].value
    cloud.send()
    cloud.control.rotate(remove_old=True)
    cloud.control.fault(Fault(call="sendMail", outcome="answer"))

    cloud.control.reset()

    assert cloud.control.mails() == []
    assert cloud.control.traffic().calls == {}
    assert [one.value for one in cloud.control.versions()] == [secret]
    assert cloud.send().status_code == 202


def test_an_attachment_arrives_whole(cloud):
    content = bytes(range(256)) * 4096
    cloud.send(mail(attachments=[file(contentBytes=base64.b64encode(content).decode())]))

    assert cloud.control.mails()[0].attachments[0].size == len(content)
