"""Over a connection to a scripted Graph: what is sent, and what its replies lead to."""

import json

import pytest
import requests

from mailer.errors import Misconfigured, TryLater, Uncertain
from mailer.graph.connection import ANSWER_WITHIN, CONNECT_WITHIN
from tests.builders import SOME_ID, a_mail
from tests.connection.given import ACCEPTED, BUSY, UNAUTHORIZED, URL, no_renewal, scripted


def test_a_mail_is_one_request():
    connection, graph = scripted(ACCEPTED)

    assert connection.send(a_mail(), "t0ken", renew=no_renewal) == "6f9d"

    (request,) = graph.requests
    assert (request.method, request.url) == ("POST", f"{URL}/v1.0/users/shop@contoso.com/sendMail")
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert request.headers["User-Agent"] == "mailer/1"
    assert request.headers["Content-Type"] == "application/json"
    assert (request.headers["client-request-id"], request.headers["return-client-request-id"]) == (SOME_ID, "true")
    assert json.loads(request.body)["message"]["toRecipients"] == [{"emailAddress": {"address": "ada@example.com"}}]


def test_a_sender_with_odd_characters_stays_one_segment_of_the_path():
    connection, graph = scripted(ACCEPTED)

    connection.send(a_mail(from_="shop@contoso.com"), "t", renew=no_renewal)

    assert graph.requests[0].path_url.count("/") == 4


def test_no_request_waits_for_ever():
    connection, graph = scripted(ACCEPTED)

    connection.send(a_mail(), "t", renew=no_renewal)

    assert graph.timeout == (CONNECT_WITHIN, ANSWER_WITHIN)


@pytest.mark.parametrize("reply", [BUSY, (500, {}, b""), (504, {}, b""), (429, {}, b"")])
def test_a_refused_mail_is_not_asked_again_by_itself(reply):
    connection, graph = scripted(reply)

    with pytest.raises((TryLater, Uncertain)):
        connection.send(a_mail(), "t", renew=no_renewal)
    assert len(graph.requests) == 1


def test_graphs_wait_is_handed_on():
    connection, _ = scripted(BUSY)

    with pytest.raises(TryLater) as refusal:
        connection.send(a_mail(), "t", renew=no_renewal)
    assert refusal.value.after.total_seconds() == 2.5


def test_a_redirect_is_not_followed():
    connection, graph = scripted((307, {"Location": "https://elsewhere.example.com/"}, b""))

    with pytest.raises(Misconfigured):
        connection.send(a_mail(), "t", renew=no_renewal)
    assert len(graph.requests) == 1


def test_a_refused_token_is_renewed_once():
    connection, graph = scripted(UNAUTHORIZED, ACCEPTED)
    refused = []

    connection.send(a_mail(), "old", renew=lambda token: refused.append(token) or "new")

    assert refused == ["old"]
    assert [request.headers["Authorization"] for request in graph.requests] == ["Bearer old", "Bearer new"]
    assert graph.requests[0].body == graph.requests[1].body


def test_a_fresh_token_that_is_refused_too_is_a_matter_of_configuration():
    connection, graph = scripted(UNAUTHORIZED, UNAUTHORIZED)

    with pytest.raises(Misconfigured) as refusal:
        connection.send(a_mail(), "old", renew=lambda _: "new")
    assert refusal.value.code == "InvalidAuthenticationToken"
    assert len(graph.requests) == 2


def test_a_token_that_cannot_be_renewed_ends_the_attempt():
    connection, _ = scripted(UNAUTHORIZED)

    def renew(_token):
        raise Misconfigured("The secret has expired.", code="AADSTS7000222")

    with pytest.raises(Misconfigured) as refusal:
        connection.send(a_mail(), "old", renew=renew)
    assert refusal.value.code == "AADSTS7000222"


@pytest.mark.parametrize("error", [requests.exceptions.InvalidURL("x"), requests.exceptions.InvalidHeader("x")])
def test_no_text_of_an_error_holds_the_token_or_an_address(error):
    connection, _ = scripted(error)

    with pytest.raises((TryLater, Uncertain)) as refusal:
        connection.send(a_mail(), "t0ken", renew=no_renewal)
    assert "t0ken" not in str(refusal.value)
    assert "@" not in str(refusal.value)
