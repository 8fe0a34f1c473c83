"""A host that lacks its storage or its port."""

import subprocess

import requests

from mailer.local import programs
from tests import host_sample
from tests.host_http.given import eventually


def test_without_storage_http_still_answers_and_the_status_tells_why(tmp_path):
    dead = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=c2VjcmV0;"
    dead += "QueueEndpoint=http://127.0.0.1:9/devstoreaccount1;"
    env = host_sample.environment(dead)
    host = host_sample.start(host_sample.write(tmp_path), env, "--functions", "take", "see", "send")
    try:
        url = host_sample.url(host)
        assert requests.get(f"{url}/api/seen/7", timeout=5).status_code == 203
        status = eventually(lambda: requests.get(f"{url}/admin/functions/take/status", timeout=5).json())
        assert "Connection refused" in status["errors"][0]
        assert "The listener for function 'Functions.take' was unable to start." in host.log.read_text()
        assert requests.post(f"{url}/api/send", data="x", timeout=5).status_code == 500
        assert "OutputFailed: the output 'many' could not be sent to queue 'sample-many'" in host.log.read_text()
    finally:
        host.stop()


def test_a_busy_port_is_one_clear_line(tmp_path, storage):
    (port,) = programs.free_ports(1)
    root = host_sample.write(tmp_path)
    env = host_sample.environment(storage.connection_string)
    first = programs.host(root, port=port, env=env, root=root)
    first.command += ["--functions", "see"]
    first.start()
    try:
        second = subprocess.run(first.command, env=env, cwd=programs.ROOT, capture_output=True, text=True, check=False)
    finally:
        first.stop()

    assert second.returncode == 1
    assert second.stderr.strip().startswith(f"Port {port} of 127.0.0.1 is unavailable")
    assert second.stderr.strip().endswith("specify another port using --port.")
    assert len(second.stderr.strip().splitlines()) == 1
