"""One local cloud for each file of tests."""

import email
import email.policy
import time

import pytest
import requests

from tests.cloud_process.given import eventually, find, running


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, inbox):
    with running(tmp_path_factory.mktemp("cloud"), smtp_port=inbox.smtp_port) as cloud:
        yield cloud


@pytest.fixture
def deliver(cloud, inbox):
    """Sends a message and gives what MailDev says about it, and the mail itself."""

    def deliver(**message):
        identifier = f"<{time.monotonic_ns()}@contoso.com>"
        assert cloud.send(internetMessageId=identifier, **message).status_code == 202
        row = eventually(lambda: find(inbox, identifier))
        source = requests.get(f"{inbox.url}/api/email/{row['id']}/source", timeout=5).content
        return row, email.message_from_bytes(source, policy=email.policy.default)

    return deliver
