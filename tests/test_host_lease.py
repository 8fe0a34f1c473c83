"""The lease of a message in the embedded host, which a test of crashes shortens."""

import os
import subprocess
import sys
import time

from azure.storage.queue import QueueClient

from mailer.local import programs
from tests import host_sample


def test_a_message_of_a_host_that_was_killed_comes_back_after_the_lease_that_was_asked_for(storage, tmp_path):
    root = host_sample.write(tmp_path / "app", host_json={"version": "2.0", "extensions": {"queues": QUICK}})
    env = host_sample.environment(storage.connection_string, QUEUE="leased")
    with QueueClient.from_connection_string(storage.connection_string, "leased") as queue:
        queue.create_queue()
        host = host_sample.start(root, env, "--message-lease", "2")
        try:
            queue.send_message("slow")
            wait_until(lambda: not queue.peek_messages())
        finally:
            host.kill()
        taken = time.monotonic()

        wait_until(lambda: [one.dequeue_count for one in queue.peek_messages()] == [1])

        assert time.monotonic() - taken < 4


def test_a_lease_must_be_a_whole_number_of_seconds_from_1_up():
    command = [sys.executable, "-m", "mailer.local.host", "--message-lease", "0"]
    refused = subprocess.run(command, cwd=programs.ROOT, env=os.environ, capture_output=True, text=True, check=False)

    assert refused.returncode == 2
    assert "argument --message-lease: 0 is not a whole number of seconds from 1 up" in refused.stderr


QUICK = {"messageEncoding": "none", "maxPollingInterval": "00:00:00.100"}


def wait_until(holds, seconds=8):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
