"""The local cloud's Graph: what it accepts, what it refuses and how, and its faults."""

import pytest
import requests

from tests.cloud_graph.given import Cloud


@pytest.fixture(scope="module")
def running(local_cloud):
    with requests.Session() as session:
        session.trust_env, session.verify = False, local_cloud.ca
        yield Cloud(url=local_cloud.url, control=local_cloud.control, session=session)


@pytest.fixture
def cloud(running):
    running.control.reset()
    return running
