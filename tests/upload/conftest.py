"""A mail that one call cannot carry: it leaves with all of its files, or not at all, and no draft stays behind."""

import pytest
import requests

from mailer.graph.connection import GraphConnection
from tests.upload.given import Cloud


@pytest.fixture(scope="module")
def running(local_cloud):
    with requests.Session() as session:
        session.trust_env, session.verify = False, local_cloud.ca
        yield Cloud(
            url=local_cloud.url,
            control=local_cloud.control,
            connection=GraphConnection(local_cloud.url, session=session),
            session=session,
            pauses=[],
        )


@pytest.fixture
def cloud(running):
    running.control.reset()
    running.control.set(roles=["Mail.Send", "Mail.ReadWrite"])
    running.pauses.clear()
    return running
