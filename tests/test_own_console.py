"""python -m mailer console: the page on loopback, by a person's own rights, for the one browser that was let in."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading

import pytest
import requests
from playwright.sync_api import expect

from mailer.cli.console_server import LARGEST, ConsoleServer
from mailer.doors.direct import Reply
from mailer.local.programs import ROOT
from tests.browser import launched
from tests.terminal import mailer


@contextlib.contextmanager
def served():
    """The server in front of doors that tell what they were asked."""
    asked = []

    def doors(method, url, headers, body):
        asked.append((method, url, headers, body))
        return Reply(status=200, headers={"Content-Type": "application/json"}, body=b'{"value": []}')

    with ConsoleServer(0, doors) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server, asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server():
    with served() as (running, asked):
        running.asked = asked
        yield running


def at(server, path):
    return f"http://127.0.0.1:{server.server_port}{path}"


@pytest.fixture
def let_in(server):
    """A session that has opened the address."""
    with requests.Session() as session:
        assert session.get(server.address, allow_redirects=False, timeout=10).status_code == 303
        yield session


def test_the_address_lets_one_browser_in_and_is_spent_by_it(server, let_in):
    assert let_in.get(at(server, "/api/emails?status=failed"), timeout=10).json() == {"value": []}
    assert server.asked[0][:2] == ("GET", "/api/emails?status=failed")

    for again in (f"/open?ticket={server.ticket}", "/open?ticket=None", "/open?ticket=", "/open"):
        answer = requests.get(at(server, again), allow_redirects=False, timeout=10)
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers


def test_a_guess_does_not_spend_the_address(server):
    assert requests.get(at(server, "/open?ticket=guess"), allow_redirects=False, timeout=10).status_code == 403
    assert requests.get(server.address, allow_redirects=False, timeout=10).status_code == 303


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/api/console", "/api/emails", "/api/emails/x/replay"])
def test_who_has_not_opened_the_address_gets_nothing(server, method, path):
    for cookie in ("", f"{server.cookie}=guess", f"{server.cookie}=", "\x00;=", "other=1"):
        answer = requests.request(method, at(server, path), headers={"Cookie": cookie}, timeout=10)
        assert answer.status_code == 403
    assert server.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example.com"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_other_sites_get_nothing_even_with_the_cookie(server, let_in, headers):
    """By a name of their own that leads here, or by a form that the browser sends with what it has."""
    assert let_in.post(at(server, "/api/emails/x/replay"), headers=headers, timeout=10).status_code == 403
    assert server.asked == []


def test_the_pages_own_calls_go_through_with_their_body_and_without_the_cookie(server, let_in):
    headers = {"Origin": at(server, ""), "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    let_in.post(at(server, "/api/failures/E/replay"), data=b'{"dry_run": true}', headers=headers, timeout=10)

    method, url, given, body = server.asked[0]
    assert (method, url, body) == ("POST", "/api/failures/E/replay", b'{"dry_run": true}')
    assert "cookie" not in given


def test_what_is_left_of_a_refused_call_is_never_taken_for_the_next_one(server, let_in):
    """Else a page of another site could hide a call in a body, to which the page's own next call gives its cookie."""
    hidden = b"POST /api/emails/x/replay HTTP/1.1\r\nX: "
    own = f"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\nCookie: {cookie(server)}\r\n\r\n"
    head = f"POST /api/emails HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\nOrigin: https://evil.example.com\r\n"
    for length in (f"Content-Length: {len(hidden)}", "Transfer-Encoding: chunked"):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
            connection.sendall(f"{head}{length}\r\n\r\n".encode() + hidden + own.encode())
            answers = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(4096):
                    answers += piece
        assert answers.count(b"HTTP/1.1 ") == 1
    assert server.asked == []


def cookie(server):
    return f"{server.cookie}={server.session}"


@pytest.mark.parametrize("length", [str(LARGEST + 1), "-1", "many"])
def test_a_request_that_is_too_large_is_refused(server, let_in, length):
    request = requests.Request("POST", at(server, "/api/emails"), headers={"Content-Length": length})
    answer = let_in.send(let_in.prepare_request(request), timeout=10)

    assert answer.status_code == 413
    assert server.asked == []


def test_a_taken_port_is_told(server):
    said = mailer("console", "--no-browser", "--port", server.server_port)

    assert said.code == 1
    assert f"Port {server.server_port} cannot be used" in said.err


def test_by_url_it_is_the_apps_own_page():
    said = mailer("console", "--no-browser", "--url", "https://shop.azurewebsites.net/api")

    assert (said.code, said.out) == (0, "Console  https://shop.azurewebsites.net/api/console\n")


def test_the_page_shows_the_mails_of_the_storage_account_by_ones_own_rights(stack):
    request = {"to": "ada@example.com", "subject": "S", "text": "T", "tags": {"flow": "by-hand"}}
    requests.post(f"{stack.url}/emails", json=request, headers={"Prefer": "wait=20"}, timeout=30).raise_for_status()
    command = [sys.executable, "-u", "-m", "mailer", "console", "--no-browser", "--port", "0"]
    env = {**os.environ, **stack.settings()}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = re.search(r"http://\S+", process.stdout.readline())[0]
            with launched() as browser, contextlib.closing(browser.new_context(locale="en-GB")) as context:
                page = context.new_page()
                page.goto(address)
                expect(page.locator("#mails tbody .tag", has_text="flow: by-hand").first).to_be_visible(timeout=15_000)
                assert page.url.endswith("/api/console")
                page.reload()
                expect(page.locator("#health .verdict")).to_be_visible(timeout=15_000)
        finally:
            process.send_signal(2)
            rest = process.stdout.read()
    assert process.returncode == 0
    assert rest.endswith("Stopped.\n")
