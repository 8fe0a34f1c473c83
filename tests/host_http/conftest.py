"""The embedded host as a program, over the sample app: one host for each file of tests."""

from uuid import uuid4

import pytest
from azure.storage.queue import QueueServiceClient

from tests import host_sample


@pytest.fixture(scope="module")
def queue_name():
    return f"http-{uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def app(tmp_path_factory, storage, queue_name):
    few = {"PYTHON_THREADPOOL_THREAD_COUNT": "2", "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "5000"}
    with host_sample.running(tmp_path_factory.mktemp("app"), storage, QUEUE=queue_name, **few) as host:
        yield host


@pytest.fixture(scope="module")
def url(app):
    return host_sample.url(app)


@pytest.fixture(scope="module")
def service(storage):
    with QueueServiceClient.from_connection_string(storage.connection_string) as client:
        yield client
