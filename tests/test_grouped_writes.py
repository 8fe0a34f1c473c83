"""Writes to one partition that come at the same time go by one call, and each is answered as if it had gone alone."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

from mailer.storage import tables
from mailer.storage.clients import kept_table
from mailer.storage.grouped_writes import GroupedWrites
from tests.builders import storage_of


class Slow:
    """The table, whose first write is answered only when it is let."""

    def __init__(self, table):
        self.table = table
        self.calls = []
        self.under_way, self.go_on = threading.Event(), threading.Event()

    def __getattr__(self, name):
        found = getattr(self.table, name)

        def call(*given, **named):
            self.calls.append(name)
            if len(self.calls) == 1:
                self.under_way.set()
                self.go_on.wait(10)
            return found(*given, **named)

        return call if callable(found) else found


@pytest.fixture(scope="module")
def table(storage):
    with closing(kept_table(storage_of(storage), f"t{uuid4().hex}")) as table:
        table.create_table()
        yield table


@pytest.fixture
def partition():
    return uuid4().hex


def at_once(table, first, others):
    """What each of the others hears that comes while the first one is under way; and the calls that were made."""
    slow = Slow(table)
    grouped = GroupedWrites(slow)
    with ThreadPoolExecutor(len(others) + 1) as pool:
        begun = pool.submit(first, grouped)
        assert slow.under_way.wait(10)
        waiting = [pool.submit(other, grouped) for other in others]
        while sum(len(line.waiting) for line in grouped._lines.values()) < len(others):
            pass
        slow.go_on.set()
        begun.result()
        return [each.exception() or each.result() for each in waiting], slow.calls


def creating(partition, key, **values):
    row = {"PartitionKey": partition, "RowKey": key, **values}
    return lambda table: table.create_entity(row)


def test_those_that_come_while_one_is_under_way_go_together(table, partition):
    heard, calls = at_once(table, creating(partition, "0"), [creating(partition, str(n)) for n in range(1, 20)])

    assert calls == ["create_entity", "submit_transaction"]
    written = {row["RowKey"]: row.metadata["etag"] for row in tables.rows(table, f"PartitionKey eq '{partition}'")}
    assert len(written) == 20
    assert sorted(answer["etag"] for answer in heard) == sorted(written[key] for key in written if key != "0")


def test_one_that_is_refused_hears_so_and_the_others_are_written(table, partition):
    creating(partition, "there")(table)
    version = creating(partition, "changed")(table)["etag"]
    table.upsert_entity({"PartitionKey": partition, "RowKey": "changed", "a": 1})

    def changing(key, etag):
        row = {"PartitionKey": partition, "RowKey": key, "a": 2}
        return lambda table: table.update_entity(row, mode=tables.MERGE, **tables.unchanged(etag))

    others = [
        creating(partition, "new"),
        creating(partition, "there"),
        changing("changed", version),
        changing("none", version),
    ]
    heard, _ = at_once(table, creating(partition, "first"), others)

    assert heard[0]["etag"] == table.get_entity(partition, "new").metadata["etag"]
    assert [type(each) for each in heard[1:]] == [ResourceExistsError, ResourceModifiedError, ResourceNotFoundError]
    assert table.get_entity(partition, "changed")["a"] == 1


def test_changes_and_insertions_keep_their_meaning_in_company(table, partition):
    versions = {key: creating(partition, key, a=1, b=1)(table)["etag"] for key in ("merged", "replaced", "upserted")}

    def changing(key, mode):
        row = {"PartitionKey": partition, "RowKey": key, "b": 2}
        return lambda table: table.update_entity(row, mode=mode, **tables.unchanged(versions[key]))

    row = {"PartitionKey": partition, "RowKey": "upserted", "b": 2}
    others = [
        changing("merged", tables.MERGE),
        changing("replaced", tables.REPLACE),
        lambda table: table.upsert_entity(row, mode=tables.REPLACE),
    ]
    _, calls = at_once(table, creating(partition, "first"), others)

    assert calls == ["create_entity", "submit_transaction"]
    found = {key: dict(table.get_entity(partition, key)) for key in versions}
    assert found["merged"] == {"PartitionKey": partition, "RowKey": "merged", "a": 1, "b": 2}
    assert [found[key].get("a") for key in ("replaced", "upserted")] == [None, None]


def test_a_write_to_another_partition_does_not_wait(table, partition):
    slow = Slow(table)
    grouped = GroupedWrites(slow)
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(creating(partition, "0"), grouped)
        assert slow.under_way.wait(10)
        creating(uuid4().hex, "1")(grouped)
        assert not begun.done()
        slow.go_on.set()


def test_a_write_that_fails_leaves_the_way_free(table, partition):
    grouped = GroupedWrites(table)
    creating(partition, "0")(grouped)
    with pytest.raises(ResourceExistsError):
        creating(partition, "0")(grouped)

    assert creating(partition, "1")(grouped)["etag"]
    assert not grouped._lines
