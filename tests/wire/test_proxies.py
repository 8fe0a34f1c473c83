"""A reply of a proxy or a firewall is no verdict on the mail."""

import pytest

from mailer.errors import Misconfigured, TryLater
from mailer.graph.drafts import before_sending
from mailer.graph.wire import (
    read_sent_items,
)
from tests.wire.given import envelope, outcome


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 413, 511])
def test_a_page_that_forwards_nothing_is_a_proxys_or_a_portals_to_mend(status):
    """A redirect to a page for signing in, a limit below Graph's: the mail has not left, and is not wrong."""
    refusal = outcome(status, b"<html>Sign in to the network</html>")

    assert (type(refusal), refusal.code) == (Misconfigured, f"http_{status}")
    assert "proxy's or a firewall's" in str(refusal)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 407, 418, 451, 470])
@pytest.mark.parametrize("body", [b"", b"<html>blocked</html>", b'{"message": "denied"}'])
def test_a_page_of_a_proxy_is_no_verdict_on_the_mail_and_named_as_what_it_is(status, body):
    refusal = outcome(status, body)

    assert type(refusal) is Misconfigured
    assert "proxy" in str(refusal)
    assert "firewall" in str(refusal)
    assert "Grant" not in str(refusal)
    assert f"Graph answered {status}" not in str(refusal)


def test_graphs_own_reply_without_an_envelope_is_told_by_its_request_id():
    assert "Mail.Send" in str(outcome(403, b"", {"request-id": "6f9d"}))


@pytest.mark.parametrize("status", [400, 403, 404, 470])
def test_a_page_of_a_proxy_tells_nothing_about_sent_items_either(status):
    with pytest.raises(Misconfigured, match="proxy"):
        read_sent_items(status, {}, b"<html>", "<x@contoso.com>")


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_server_on_the_way_that_lost_the_answer_to_looking_is_asked_again(status):
    with pytest.raises(TryLater) as refusal:
        read_sent_items(status, {}, b"<html>", "<x@contoso.com>")
    assert type(refusal.value) is TryLater


def test_a_page_of_a_proxy_does_not_ask_for_the_permission_for_drafts():
    refusal = before_sending(403, {}, b"<html>")

    assert "Mail.ReadWrite" not in str(refusal)
    assert "Mail.ReadWrite" in str(before_sending(403, {}, envelope("ErrorAccessDenied")))
