"""Over a connection to Graph: what has certainly not left, what may have, and what to mend."""

import contextlib
import gzip
import json
import socket
import ssl
import struct
import threading
import time

import pytest
import requests
import trustme

from mailer.errors import CannotLook, GiveUp, Misconfigured, TryLater, Uncertain
from mailer.graph import connection as sending
from mailer.graph.connection import ANSWER_WITHIN, CONNECT_WITHIN, GraphConnection
from mailer.local import programs
from tests.builders import SHOP, SOME_ID, a_mail
from tests.fakes import scripted_session

URL = "https://graph.example.com"
ACCEPTED = (202, {"request-id": "6f9d"}, b"")
UNAUTHORIZED = (401, {}, json.dumps({"error": {"code": "InvalidAuthenticationToken"}}).encode())
BUSY = (503, {"Retry-After": "2.5"}, json.dumps({"error": {"code": "ErrorServerBusy"}}).encode())


def no_renewal(_token):
    raise AssertionError("nobody asked for another token")


def scripted(*script):
    session, adapter = scripted_session(*script)
    return GraphConnection(URL, session=session), adapter


# What is sent


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


# Tokens


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


# Real sockets


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trusted(authority, tmp_path, monkeypatch):
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))


@pytest.fixture
def graph_at(authority):
    """Starts a TLS server that treats each connection, in turn, as one of these functions does; gives its URL."""
    with contextlib.ExitStack() as stack:

        def start(*treatments, name="localhost"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(name).configure_cert(context)
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            thread = threading.Thread(target=_serve, args=(listener, context, treatments))
            thread.start()
            stack.callback(thread.join, 5)
            # A server that nobody came to any more must not wait for ever.
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            return f"https://localhost:{listener.getsockname()[1]}"

        yield start


def _serve(listener, context, treatments):
    for treat in treatments:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        plain.settimeout(5)
        if treat is close_before_tls:
            reset(plain)
            continue
        tls = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        with contextlib.suppress(OSError), tls as connection:
            connection.do_handshake()
            treat(connection)


@pytest.fixture
def connect():
    """A connection to this URL, closed when the test is over."""
    with requests.Session() as session:
        yield lambda url: GraphConnection(url, session=session)


def close_before_tls(_connection):
    """Handled by the server itself: there is no TLS yet."""


def read_request(connection):
    text = b""
    while b"\r\n\r\n" not in text:
        text += receive(connection)
    head, _, body = text.partition(b"\r\n\r\n")
    length = int(
        next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    )
    while len(body) < length:
        body += receive(connection)
    return body


def receive(connection):
    received = connection.recv(65536)
    if not received:
        raise ConnectionAbortedError
    return received


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def answer(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nrequest-id: 6f9d\r\n\r\n")


def answer_and_close(connection):
    answer(connection)
    connection.close()


def answer_twice(connection):
    answer(connection)
    answer(connection)


def reset_after_reading(connection):
    read_request(connection)
    reset(connection)


def reset_before_reading(connection):
    reset(connection)


def end_within_the_answer(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nhalf")
    reset(connection)


def hang(connection):
    read_request(connection)
    with contextlib.suppress(OSError):
        connection.recv(1)  # until the caller goes away


def drip(head, piece):
    def dripping(connection):
        read_request(connection)
        connection.sendall(head)
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(piece)
                time.sleep(0.05)

    return dripping


def endless(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def packed(connection):
    read_request(connection)
    body = gzip.compress(b"x" * 1_000_000)
    head = f"HTTP/1.1 400 Bad\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    "dripping",
    [
        drip(b"HTTP/1.1 503 Busy\r\n", b"x-a: b\r\n"),
        drip(b"HTTP/1.1 503 Busy\r\nContent-Length: 10000\r\n\r\n", b"x"),
        drip(b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        drip(b"HTTP/1.1 202 Accepted\r\nContent-Length: 10000\r\n\r\n", b"x"),
    ],
)
def test_an_answer_that_drips_ends_at_the_limit_for_the_whole(graph_at, connect, monkeypatch, dripping):
    monkeypatch.setattr(sending, "ANSWER_WITHIN", 0.5)
    begun = time.monotonic()

    with pytest.raises(Uncertain) as refusal:
        connect(graph_at(dripping)).send(a_mail(), "t", renew=no_renewal)
    assert refusal.value.code == "no_answer"
    assert time.monotonic() - begun < 5


@pytest.mark.usefixtures("trusted")
def test_an_answer_that_does_not_end_is_not_read_to_its_end(graph_at, connect):
    with pytest.raises(Uncertain) as refusal:
        connect(graph_at(endless)).send(a_mail(), "t", renew=no_renewal)
    assert refusal.value.code == "no_answer"


@pytest.mark.usefixtures("trusted")
def test_an_answer_is_asked_for_as_it_is_and_not_unpacked(graph_at, connect):
    with pytest.raises(Misconfigured) as refusal:
        connect(graph_at(packed)).send(a_mail(), "t", renew=no_renewal)
    assert refusal.value.code == "http_400"


def rubbish(connection):
    read_request(connection)
    connection.sendall(b"This is not HTTP.\r\n\r\n")


@pytest.mark.usefixtures("trusted")
def test_a_mail_goes_over_tls(graph_at, connect):
    connection = connect(graph_at(answer))

    assert connection.send(a_mail(), "t", renew=no_renewal) == "6f9d"


@pytest.mark.usefixtures("trusted")
def test_the_connection_is_kept_for_the_next_mail(graph_at, connect):
    connection = connect(graph_at(answer_twice))

    for _ in range(2):
        connection.send(a_mail(), "t", renew=no_renewal)


@pytest.mark.usefixtures("trusted")
def test_a_kept_connection_that_graph_has_closed_costs_nothing(graph_at, connect):
    connection = connect(graph_at(answer_and_close, answer))
    connection.send(a_mail(), "t", renew=no_renewal)
    time.sleep(0.2)

    assert connection.send(a_mail(), "t", renew=no_renewal) == "6f9d"


@pytest.mark.usefixtures("trusted")
def test_nobody_who_listens_is_worth_another_try(connect):
    (port,) = programs.free_ports(1)

    with pytest.raises(TryLater) as refusal:
        connect(f"https://localhost:{port}").send(a_mail(), "t", renew=no_renewal)
    assert type(refusal.value) is TryLater
    assert refusal.value.code == "graph_unreachable"


@pytest.mark.usefixtures("trusted")
def test_a_name_that_is_not_known_is_worth_another_try(connect):
    with pytest.raises(TryLater) as refusal:
        connect("https://graph.invalid").send(a_mail(), "t", renew=no_renewal)
    assert refusal.value.code == "graph_unreachable"


@pytest.mark.usefixtures("trusted")
def test_a_connection_that_is_never_made_is_worth_another_try():
    with scripted_session(requests.exceptions.ConnectTimeout())[0] as session, pytest.raises(TryLater) as refusal:
        GraphConnection(URL, session=session).send(a_mail(), "t", renew=no_renewal)
    assert refusal.value.code == "graph_unreachable"


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("treatment", [reset_after_reading, reset_before_reading, end_within_the_answer, rubbish])
def test_a_connection_that_ends_without_an_answer_leaves_the_mail_uncertain(graph_at, treatment, connect):
    connection = connect(graph_at(treatment, answer))

    with pytest.raises(Uncertain) as refusal:
        connection.send(a_mail(), "t", renew=no_renewal)
    assert refusal.value.code == "no_answer"


@pytest.mark.usefixtures("trusted")
def test_a_kept_connection_that_is_reset_with_the_mail_leaves_it_uncertain(graph_at, connect):
    def then_reset(server):
        answer(server)
        reset_after_reading(server)

    connection = connect(graph_at(then_reset, answer))
    connection.send(a_mail(), "t", renew=no_renewal)

    with pytest.raises(Uncertain):
        connection.send(a_mail(), "t", renew=no_renewal)


@pytest.mark.usefixtures("trusted")
def test_an_answer_that_does_not_come_leaves_the_mail_uncertain(graph_at, monkeypatch, connect):
    # A setting of the module and no part of requests: nobody waits a minute here.
    monkeypatch.setattr(sending, "ANSWER_WITHIN", 0.3)
    connection = connect(graph_at(hang))

    with pytest.raises(Uncertain) as refusal:
        connection.send(a_mail(), "t", renew=no_renewal)
    assert refusal.value.code == "no_answer"


@pytest.mark.usefixtures("trusted")
def test_a_connection_that_ends_before_tls_is_never_taken_for_sent(graph_at, connect):
    connection = connect(graph_at(close_before_tls, answer))

    with pytest.raises((TryLater, Uncertain)):
        connection.send(a_mail(), "t", renew=no_renewal)
    assert connection.send(a_mail(), "t", renew=no_renewal) == "6f9d"


def test_a_certificate_of_a_strange_authority_is_a_matter_of_configuration(graph_at, monkeypatch, tmp_path, connect):
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "another.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "another.pem"))
    connection = connect(graph_at(answer))

    with pytest.raises(Misconfigured) as refusal:
        connection.send(a_mail(), "t", renew=no_renewal)
    assert refusal.value.code == "graph_untrusted"
    assert "REQUESTS_CA_BUNDLE" in str(refusal.value)


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name_is_a_matter_of_configuration(graph_at, connect):
    connection = connect(graph_at(answer, name="elsewhere.example.com"))

    with pytest.raises(Misconfigured):
        connection.send(a_mail(), "t", renew=no_renewal)


@pytest.mark.usefixtures("trusted")
def test_the_bundle_of_authorities_is_read_once_for_all_connections(graph_at, tmp_path, connect):
    """It takes 15 ms and half a mebibyte."""
    first, other = connect(graph_at(answer_and_close, answer)), connect(graph_at(answer))
    first.send(a_mail(), "t", renew=no_renewal)
    (tmp_path / "ca.pem").write_text("no certificate")

    assert first.send(a_mail(), "t", renew=no_renewal) == "6f9d"
    assert other.send(a_mail(), "t", renew=no_renewal) == "6f9d"


def test_a_bundle_that_holds_no_certificate_is_a_matter_of_configuration(monkeypatch, tmp_path, connect, graph_at):
    (tmp_path / "empty.pem").write_text("no certificate")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "empty.pem"))

    with pytest.raises(Misconfigured) as refusal:
        connect(graph_at(answer)).send(a_mail(), "t", renew=no_renewal)
    assert "REQUESTS_CA_BUNDLE" in str(refusal.value)


def test_a_bundle_of_authorities_that_is_not_there_is_a_matter_of_configuration(monkeypatch, tmp_path, connect):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "gone.pem"))

    with pytest.raises(Misconfigured) as refusal:
        connect(URL).send(a_mail(), "t", renew=no_renewal)
    assert "REQUESTS_CA_BUNDLE" in str(refusal.value)


@pytest.mark.usefixtures("trusted")
def test_a_proxy_that_cannot_be_reached_sends_nothing(monkeypatch, connect):
    (port,) = programs.free_ports(1)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")

    with pytest.raises(TryLater):
        connect(URL).send(a_mail(), "t", renew=no_renewal)


@pytest.mark.usefixtures("trusted")
def test_a_refusal_of_the_mail_is_final_over_the_wire_too(graph_at, connect):
    def refuse(connection):
        read_request(connection)
        body = b'{"error":{"code":"ErrorInvalidRecipients"}}'
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with pytest.raises(GiveUp):
        connect(graph_at(refuse)).send(a_mail(), "t", renew=no_renewal)


# Looking into Sent Items


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
