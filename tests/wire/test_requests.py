"""What Graph is told of a mail."""

import json

import pytest

from mailer.graph.wire import (
    message_id,
    send_mail_body,
    send_mail_path,
)
from mailer.local.programs import ROOT
from mailer.request.address import Address
from mailer.request.rendered import Content
from tests.builders import ALERTS, RULES, SHOP, SOME_ID, a_mail
from tests.builders import members as request_members

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
    types = json.loads((ROOT / "mailer/local/cloud/graph-types.json").read_text())["types"]

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
