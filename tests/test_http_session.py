"""The kept session: what it reads of the environment, and how many connections it keeps."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mailer.http_session import KeptSession


class Server(ThreadingHTTPServer):
    """Answers every request once `together` of them are there; counts connections, keeps the last headers."""

    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections, self.headers, self.together = 0, {}, threading.Barrier(1)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        self.server.connections += 1
        super().setup()

    def do_GET(self):
        self.server.headers = dict(self.headers)
        self.server.together.wait(10)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()


def get(session, server):
    url = f"http://127.0.0.1:{server.server_port}/"
    return session.request("GET", url, headers={"Authorization": "Bearer ours"}, body=None, timeout=(5, 10))


def test_requests_does_without_the_package_that_guesses_encodings_which_others_may_still_import():
    code = "import sys, mailer.http_session as s; print('charset_normalizer' in sys.modules); "
    code += "import charset_normalizer; r = s.requests.Response(); r._content = b'caf\\xe9'; print(r.text)"

    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "caf\ufffd"]


def test_a_netrc_of_the_machine_replaces_no_token(server, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    get(KeptSession(), server)

    assert server.headers["Authorization"] == "Bearer ours"


def test_as_many_connections_are_kept_as_threads_send_at_once(server):
    session, threads = KeptSession(), 32
    server.together = threading.Barrier(threads)

    with ThreadPoolExecutor(threads) as pool:
        for _ in range(3):
            assert all(reply.ok for reply in pool.map(lambda _: get(session, server), range(threads)))

    assert server.connections == threads


def test_a_proxy_is_looked_up_once_for_a_host(server, monkeypatch):
    session = KeptSession()
    get(session, server)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert get(session, server).ok
