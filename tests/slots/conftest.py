"""The slots of one instance, over memory and over Table Storage."""

from contextlib import closing
from uuid import uuid4

import pytest

from mailer.pace.slots import Slots
from mailer.storage.clients import kept_table
from mailer.storage.slot_rows import TableSlots
from tests.builders import storage_of
from tests.fakes import Clock, MemorySlots
from tests.slots.given import GRID


@pytest.fixture(params=["memory", "table"])
def rows(request):
    if request.param == "memory":
        yield MemorySlots()
        return
    with closing(kept_table(storage_of(request.getfixturevalue("storage")), f"t{uuid4().hex}")) as table:
        yield TableSlots(table)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def slots(rows, clock):
    return Slots(GRID, rows, clock=clock)
