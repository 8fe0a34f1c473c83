"""The local cloud's drafts and upload sessions, the way of large mails: what they take, what they refuse and how."""

import pytest
import requests

from tests.cloud_drafts.given import Cloud


@pytest.fixture(scope="module")
def running(local_cloud):
    with requests.Session() as session:
        session.trust_env, session.verify = False, local_cloud.ca
        yield Cloud(url=local_cloud.url, control=local_cloud.control, session=session)


@pytest.fixture
def cloud(running):
    running.control.reset()
    running.allow("Mail.Send", "Mail.ReadWrite")
    return running
