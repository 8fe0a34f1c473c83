"""Tokens, roles, mailboxes and Sent Items of the local cloud."""

import time

import pytest

from mailer.local.cloud import seed
from mailer.local.cloud.model import Mailbox
from tests.cloud_graph.given import SHOP, eventually, mail, to
from tests.local_cloud import code

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
