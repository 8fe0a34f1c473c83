"""The start and the end of the local cloud as a program."""

import http.client
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
import requests

from mailer.local import programs
from mailer.local.cloud import seed
from mailer.local.cloud.model import Fault
from tests.cloud_process.given import eventually, log_of, running


def test_it_prints_one_line_when_it_is_ready(cloud):
    assert log_of(cloud)[0] == f"The local cloud answers on https://localhost:{cloud.port}."


def test_it_listens_on_loopback_only(cloud):
    with socket.socket() as probe:
        probe.settimeout(1)
        # Any other address of this network would do; this one needs no knowledge of the machine.
        assert probe.connect_ex(("127.0.0.2", cloud.port)) != 0


def test_it_stops_within_a_second_even_while_a_request_hangs(tmp_path):
    with running(tmp_path) as cloud:
        number = cloud.control.fault(Fault(call="sendMail", outcome="hang"))
        failures = []

        def send():
            try:
                cloud.send()
            except requests.RequestException as error:
                failures.append(error)

        hanging = threading.Thread(target=send)
        hanging.start()
        eventually(lambda: cloud.control.hits(number))

        started = time.monotonic()
        cloud.program.process.terminate()
        cloud.program.process.wait(5)

        assert time.monotonic() - started < 1
        hanging.join()
        assert len(failures) == 1
        assert len(log_of(cloud)) == 1


def test_a_caller_who_leaves_in_the_middle_of_a_request_leaves_no_trace_in_the_log(cloud):
    trust = ssl.create_default_context(cafile=cloud.folder / "ca.pem")
    with closing(http.client.HTTPSConnection("localhost", cloud.port, context=trust, timeout=5)) as connection:
        connection.putrequest("POST", "/v1.0/users/shop@contoso.com/sendMail")
        connection.putheader("Content-Length", "1000")
        connection.endheaders(b"{")
        eventually(lambda: cloud.control.traffic().most_in_flight)

    assert cloud.send().status_code == 202
    assert "Traceback" not in cloud.program.log.read_text()


def test_a_taken_port_is_named(cloud, tmp_path):
    command = [sys.executable, "-m", "mailer.local.cloud", "--port", str(cloud.port), "--folder", str(tmp_path)]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, cwd=programs.ROOT)

    assert ended.returncode != 0
    assert str(cloud.port) in ended.stderr
    assert "in use" in ended.stderr


def test_a_reset_is_a_tcp_reset_and_not_an_ordinary_end(cloud):
    cloud.control.fault(Fault(call="discovery", outcome="reset", times=1))
    trust = ssl.create_default_context(cafile=cloud.folder / "ca.pem")

    with closing(http.client.HTTPSConnection("localhost", cloud.port, context=trust, timeout=5)) as connection:
        connection.connect()
        # Beneath TLS, since Python 3.11 shows a reset there as an ordinary end.
        with socket.socket(fileno=os.dup(connection.sock.fileno())) as beneath:
            beneath.settimeout(5)
            connection.request("GET", f"/{seed.TENANT}/v2.0/.well-known/openid-configuration")
            with pytest.raises(ConnectionResetError):
                list(iter(lambda: beneath.recv(4096), b""))
