"""The doors: what callers and the host see. Storage is Azurite, Entra, Key Vault and Graph are the local cloud."""

from types import SimpleNamespace

import pytest
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from tests.app import Worker


@pytest.fixture
def worker(environ):
    assert environ
    return Worker()


@pytest.fixture
def queues(environ, storage):
    """The queue and its poison queue."""
    clients = [
        QueueClient.from_connection_string(storage.connection_string, environ["MAILER_QUEUE"] + end)
        for end in ("", "-poison")
    ]
    with clients[0], clients[1]:
        yield SimpleNamespace(main=clients[0], poison=clients[1])


@pytest.fixture
def requests(environ, storage):
    """The container of requests."""
    with ContainerClient.from_connection_string(storage.connection_string, environ["MAILER_CONTAINER"]) as container:
        yield container
