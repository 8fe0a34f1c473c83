"""The app in Microsoft's own worker library: the loader and the converters that Azure uses, and nothing of our host."""

import json
import os
import subprocess
import sys

import pytest

from mailer.local.programs import ROOT
from tests.app import app_settings
from tests.doors import triggers

pytest.importorskip("azure_functions_runtime", reason="Microsoft's worker library exists for Python 3.13 and later")

# A process of its own, as in Azure: the app reads its settings from the environment, once.
IN_THE_WORKER = """
import json, pathlib, sys
from datetime import UTC, datetime
from azure.storage.queue import QueueClient
from tests.worker import Worker

worker = Worker(pathlib.Path.cwd())
request = {"to": "ada@example.com", "subject": "From Microsoft's worker", "text": "Hello"}
status, headers, body = worker.invoke_http(
    "post_email", method="POST", url="https://mailer.example.com/api/emails?code=key", body=json.dumps(request).encode()
)
accepted = json.loads(body)
queue = QueueClient.from_connection_string(*sys.argv[1:])
message = queue.receive_message()
worker.invoke_queue("deliver_email", message.content, {
    "Id": message.id,
    "DequeueCount": "1",
    "InsertionTime": message.inserted_on.isoformat(),
    "ExpirationTime": message.expires_on.isoformat(),
    "NextVisibleTime": datetime.now(UTC).isoformat(),
    "PopReceipt": message.pop_receipt,
})
_, _, batch = worker.invoke_http(
    "post_batch",
    method="POST",
    url="https://mailer.example.com/api/emails/batch",
    body=json.dumps([request, {}]).encode(),
)
_, _, record = worker.invoke_http(
    "get_email", method="GET", url="https://mailer.example.com/api/emails/x", route_params={"id": accepted["id"]}
)
print(json.dumps({
    "functions": worker.names(),
    "accepted": [status, headers["location"], accepted],
    "record": json.loads(record),
    "batch": json.loads(batch),
}))
"""


@pytest.fixture(scope="module")
def answers(storage, local_cloud):
    local_cloud.control.reset()
    with pytest.MonkeyPatch.context() as environ:
        queue = app_settings(storage, local_cloud, environ)["MAILER_QUEUE"]
        done = subprocess.run(
            [sys.executable, "-c", IN_THE_WORKER, storage.connection_string, queue],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_worker_finds_every_function(answers):
    assert set(answers["functions"]) == {*triggers(), "deliver_email", "account_for_email"}  # which need settings


def test_a_mail_accepted_and_delivered_by_the_worker_is_sent(answers):
    status, location, accepted = answers["accepted"]

    assert status == 202
    assert location == f"/api/emails/{accepted['id']}"
    assert answers["record"]["id"] == accepted["id"]
    assert answers["record"]["status"] == "sent"


def test_a_batch_passes_the_worker(answers):
    assert [each["index"] for each in answers["batch"]["data"]] == [0]
    assert [each["index"] for each in answers["batch"]["errors"]] == [1]
