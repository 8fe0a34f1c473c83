"""Looking into Sent Items."""

import json

import pytest
import requests

from mailer.errors import CannotLook, TryLater
from tests.builders import SHOP, SOME_ID
from tests.connection.given import BUSY, no_renewal, scripted


def looked(reply):
    connection, graph = scripted(reply)
    return connection.is_sent(SOME_ID, SHOP, "t", renew=no_renewal), graph


def listing(*message_ids):
    copies = [{"id": "1", "internetMessageId": message_id} for message_id in message_ids]
    return 200, {}, json.dumps({"value": copies}).encode()


def test_a_mail_in_sent_items_is_found_by_its_message_id():
    found, graph = looked(listing(f"<{SOME_ID}@contoso.com>"))

    assert found
    assert graph.requests[0].path_url == (
        "/v1.0/users/shop@contoso.com/mailFolders/sentitems/messages"
        f"?$filter=internetMessageId%20eq%20%27%3C{SOME_ID}%40contoso.com%3E%27&$select=id,internetMessageId"
    )


def test_a_mail_that_is_not_in_sent_items_is_not_found():
    assert not looked(listing())[0]


def test_other_mails_in_the_answer_are_not_taken_for_it():
    """A service that passes over the filter must not settle a doubt."""
    assert not looked(listing("<other@contoso.com>", "<another@contoso.com>"))[0]


@pytest.mark.parametrize("status", [401, 403])
def test_closed_sent_items_are_told_with_the_remedy(status):
    denied = (status, {}, json.dumps({"error": {"code": "ErrorAccessDenied"}}).encode())
    connection, _ = scripted(denied, denied)

    with pytest.raises(CannotLook, match=r"Mail\.Read"):
        connection.is_sent(SOME_ID, SHOP, "t", renew=str)


@pytest.mark.parametrize("reply", [BUSY, (500, {}, b""), (200, {}, b"<html>"), (200, {}, b'{"value": [{}]}')])
def test_without_an_answer_sent_items_are_looked_into_later(reply):
    with pytest.raises(TryLater):
        looked(reply)


def test_a_lost_answer_about_sent_items_is_no_new_doubt():
    connection, _ = scripted(requests.exceptions.ReadTimeout("read timeout"))

    with pytest.raises(TryLater):
        connection.is_sent(SOME_ID, SHOP, "t", renew=no_renewal)
