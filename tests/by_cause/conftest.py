"""Failures by cause: shown with their cure, replayed and retried in pages. Records and jobs lie in Azurite."""

from contextlib import ExitStack
from uuid import uuid4

import pytest
from azure.data.tables import TableClient

from tests.by_cause.given import Desk


@pytest.fixture
def desk(storage):
    with ExitStack() as stack:
        name = f"t{uuid4().hex}"
        yield Desk(stack.enter_context(TableClient.from_connection_string(storage.connection_string, name)))
