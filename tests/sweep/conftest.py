"""A storage account of its own for each test."""

from contextlib import ExitStack
from datetime import timedelta

import pytest

from mailer.delivery import sweep as sweeping
from tests.sweep.given import Store


@pytest.fixture
def store(storage):
    with ExitStack() as stack:
        yield Store(storage.connection_string, stack)


@pytest.fixture
def _orphans_at_once(monkeypatch):
    monkeypatch.setattr(sweeping, "ORPHANED_AFTER", timedelta(days=-3650))  # blobs carry the storage's own clock
