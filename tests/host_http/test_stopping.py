"""The host is told to stop."""

import concurrent.futures
import json
import re
import signal
import time
from uuid import uuid4

import requests

from tests import host_sample
from tests.host_http.given import WITHIN, eventually, put, take


def test_a_stop_lets_what_runs_finish_and_ends_with_0(tmp_path, storage, service):
    name = f"stop-{uuid4().hex[:8]}"
    queue = service.create_queue(name)
    put(queue, "slow")
    root = host_sample.write(tmp_path)
    host = host_sample.start(
        root, host_sample.environment(storage.connection_string, QUEUE=name), "--functions", "take", "threads"
    )
    with concurrent.futures.ThreadPoolExecutor() as pool:
        request = pool.submit(requests.get, f"{host_sample.url(host)}/api/threads", timeout=5)
        eventually(
            lambda: {"take", "threads"} <= set(re.findall(r"Executing 'Functions\.(\w+)'", host.log.read_text()))
        )

        host.process.send_signal(signal.SIGTERM)

        assert request.result().text == "done"
    assert host.process.wait(WITHIN) == 0
    assert "Executed 'Functions.take' (Succeeded" in host.log.read_text()
    assert queue.get_queue_properties().approximate_message_count == 0
    assert json.loads(take(service.get_queue_client(f"{name}-seen")))["body"] == "slow"


def test_a_second_ctrl_c_ends_the_host_at_once(tmp_path, storage, service):
    name = f"kill-{uuid4().hex[:8]}"
    put(service.create_queue(name), "slow")
    root = host_sample.write(tmp_path)
    host = host_sample.start(
        root, host_sample.environment(storage.connection_string, QUEUE=name), "--functions", "take"
    )
    eventually(lambda: "Executing 'Functions.take'" in host.log.read_text())

    host.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    host.process.send_signal(signal.SIGINT)

    assert host.process.wait(1) == 128 + signal.SIGINT
    assert "Executed" not in host.log.read_text()
