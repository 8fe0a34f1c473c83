"""Over real sockets: what has certainly not left, what may have, and what to mend."""

import contextlib
import socket
import ssl
import threading
import time

import pytest
import requests
import trustme

from mailer.errors import GiveUp, Misconfigured, TryLater, Uncertain
from mailer.graph import connection as sending
from mailer.graph.connection import GraphConnection
from mailer.local import programs
from tests.builders import a_mail
from tests.connection.given import URL, no_renewal
from tests.connection.sockets import (
    answer,
    answer_and_close,
    answer_twice,
    close_before_tls,
    drip,
    end_within_the_answer,
    endless,
    hang,
    packed,
    read_request,
    reset_after_reading,
    reset_before_reading,
    rubbish,
    serve,
)
from tests.fakes import scripted_session


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
            thread = threading.Thread(target=serve, args=(listener, context, treatments))
            thread.start()
            stack.callback(thread.join, 5)
            # A server that nobody came to any more must not wait for ever.
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            return f"https://localhost:{listener.getsockname()[1]}"

        yield start


@pytest.fixture
def connect():
    """A connection to this URL, closed when the test is over."""
    with requests.Session() as session:
        yield lambda url: GraphConnection(url, session=session)


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
    """It takes 15 ms and 0.7 MiB."""
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
