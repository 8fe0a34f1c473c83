"""What all instances know of a mailbox, over memory and over Table Storage: pauses, and recipients by the hour."""

from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest

from mailer.pace.lane import Row
from mailer.storage.clean_up import CleanUpTable
from mailer.storage.clients import kept_table
from mailer.storage.pace_rows import TableCounts, TablePauses
from mailer.storage.slot_rows import TableSlots
from tests.builders import storage_of
from tests.fakes import START, MemoryCounts, MemoryPauses, MemorySlots

SHOP, ALERTS = "shop@contoso.com", "alerts@contoso.com"
HOUR = int(START.timestamp()) // 3600


@pytest.fixture
def table(storage):
    with closing(kept_table(storage_of(storage), f"t{uuid4().hex}")) as table:
        yield table


@pytest.fixture(params=["memory", "table"])
def pauses(request):
    return MemoryPauses() if request.param == "memory" else TablePauses(request.getfixturevalue("table"))


@pytest.fixture(params=["memory", "table"])
def counts(request):
    """Those of two instances."""
    if request.param == "memory":
        one = MemoryCounts()
        return one, one.of_another_instance()
    table = request.getfixturevalue("table")
    return TableCounts(table), TableCounts(table)


def test_a_pause_stands_until_it_is_over(pauses):
    pauses.put(SHOP, START + timedelta(seconds=30))
    pauses.put(ALERTS, START + timedelta(seconds=10))

    assert pauses.standing(START + timedelta(seconds=10)) == {pauses.key(SHOP): START + timedelta(seconds=30)}


def test_recipients_are_those_of_all_instances(counts):
    one, other = counts
    one.put(SHOP, {HOUR: 3, HOUR + 1: 4})
    one.put(SHOP, {HOUR: 5})
    other.put(SHOP, {HOUR: 10})
    other.put(ALERTS, {HOUR: 100})

    assert dict(one.all(SHOP, HOUR)) == {HOUR: 15, HOUR + 1: 4}
    assert dict(one.all(SHOP, HOUR + 1)) == {HOUR + 1: 4}


@pytest.mark.parametrize("kind", ["memory", "table"])
def test_the_crowds_minute_is_the_last_that_was_told(kind, request):
    rows = MemorySlots() if kind == "memory" else TableSlots(request.getfixturevalue("table"))
    assert rows.fronts() == {}

    rows.move_front(SHOP, 2, 7)
    rows.move_front(SHOP, 2, 9)
    rows.move_front(ALERTS, 0, 3)

    assert rows.fronts() == {(rows.key(SHOP), 2): 9, (rows.key(ALERTS), 0): 3}


def test_what_is_over_is_cleaned_up_and_all_else_stays(table):
    counts, slots = TableCounts(table), TableSlots(table)
    counts.put(SHOP, {HOUR - 30: 1, HOUR: 1, HOUR + 5: 1})
    for minute in (HOUR * 60 - 11, HOUR * 60):
        slots.take(SHOP, minute, {Row(0, False): None, Row(1, False): None}, level=2, ticket="t")
    TablePauses(table).put(SHOP, START + timedelta(minutes=1))

    assert sum(CleanUpTable(table).forget_turns(now=START)) == 3

    assert dict(counts.all(SHOP, HOUR - 100)) == {HOUR: 1, HOUR + 5: 1}
    assert (len(slots.minute(SHOP, HOUR * 60 - 11)), len(slots.minute(SHOP, HOUR * 60))) == (0, 2)
    assert TablePauses(table).standing(START)
