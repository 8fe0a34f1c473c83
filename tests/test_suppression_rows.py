"""The list of suppressed addresses, over memory and over Table Storage, and a worker's copy of it."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest
from azure.data.tables import TableClient, UpdateMode
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import Misconfigured, Unreadable
from mailer.feedback.hashes import SIZE, Hashes
from mailer.feedback.suppressions import FRESH_FOR, Mark, Suppressions
from mailer.storage.clients import kept_table
from mailer.storage.recipients import Recipients
from mailer.storage.suppression_rows import TableSuppressions
from tests.builders import storage_of
from tests.fakes import START, Clock, MemorySuppressions

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def tables(storage):
    """The table of the records, and that of the key."""
    name = f"t{uuid4().hex}"
    with (
        closing(kept_table(storage_of(storage), name)) as table,
        closing(kept_table(storage_of(storage), f"{name}keys")) as keys,
    ):
        yield table, keys


@pytest.fixture
def in_tables(tables):
    return TableSuppressions(tables[0], Recipients(tables[1]))


@pytest.fixture(params=["memory", "table"])
def rows(request):
    return MemorySuppressions() if request.param == "memory" else request.getfixturevalue("in_tables")


@pytest.fixture
def clock():
    return Clock()


def worker(rows, clock):
    return Suppressions(rows, clock=clock)


def put(rows, address, *, reason=None, by=None, now=START):
    return rows.put(address, reason=reason, by=by, now=now)


# The list


def test_an_entry_says_why_since_when_and_by_whom(rows):
    entry, new = put(rows, ADA, reason="asked for it", by="ops")

    assert new
    assert (entry.reason, entry.by, entry.since) == ("asked for it", "ops", START)
    assert rows.find(ADA) == entry
    assert rows.find(BOB) is None


def test_the_first_entry_of_an_address_stands(rows):
    first, _ = put(rows, ADA, reason="first", by="ops")

    again, new = put(rows, "ADA@example.com", reason="second", by="shop", now=START + timedelta(days=1))

    assert (again, new) == (first, False)


def test_a_lifted_address_is_as_if_it_had_never_been_suppressed(rows):
    put(rows, ADA)

    assert rows.lift(ADA)
    assert not rows.lift(ADA)
    assert rows.find(ADA) is None
    assert put(rows, ADA, now=START + timedelta(days=1))[0].since == START + timedelta(days=1)


def test_pages_hold_every_entry_once(rows):
    for number in range(7):
        put(rows, f"a{number}@example.com")
    suppressions, found, after, sizes = worker(rows, Clock()), [], "", []
    while after is not None:
        entries, after = suppressions.page(3, after=after)
        found += [entry.hash for entry in entries]
        sizes.append(len(entries))

    assert sizes == [3, 3, 1]
    assert sorted(found) == sorted({rows.hash(f"a{number}@example.com").hex() for number in range(7)})


def test_a_row_that_cannot_be_read_ends_no_page(in_tables, tables):
    entries = sorted((put(in_tables, f"a{number}@example.com")[0] for number in range(4)), key=lambda one: one.hash)
    row = {"PartitionKey": "suppressions", "RowKey": f"a|{entries[1].hash}", "since": "yesterday"}
    tables[0].upsert_entity(row, mode=UpdateMode.MERGE)

    first, after = in_tables.page(2, after="")
    second, end = in_tables.page(2, after=after)
    assert [one.hash for one in (*first, *second)] == [one.hash for one in (entries[0], *entries[2:])]
    assert end is None


def test_a_look_tells_what_has_changed_since_the_last_one_and_nothing_else(rows):
    put(rows, ADA)
    first = rows.changes(Mark())
    nothing = rows.changes(first.mark)
    put(rows, BOB)
    second = rows.changes(first.mark)

    assert list(first.buckets) == [rows.hash(ADA)[0]]
    assert rows.hash(ADA) in first.buckets[rows.hash(ADA)[0]]
    assert (nothing.mark, dict(nothing.buckets)) == (first.mark, {})
    assert list(second.buckets) == [rows.hash(BOB)[0]]
    assert second.mark.number > first.mark.number
    assert [first.all, nothing.all, second.all] == [True, False, False]


def test_a_look_at_a_list_that_was_never_used_finds_nothing(rows):
    assert (rows.changes(Mark()).mark, dict(rows.changes(Mark()).buckets)) == (Mark(), {})


# A worker's copy


def test_only_who_is_suppressed_gets_no_mail(rows, clock):
    put(rows, ADA)

    assert worker(rows, clock).among([ADA, BOB]) == {ADA}


def test_a_change_is_in_force_everywhere_after_a_minute(rows, clock):
    here, there = worker(rows, clock), worker(rows, clock)
    assert there.among([ADA]) == set()

    here.suppress(ADA)
    assert here.among([ADA]) == {ADA}
    clock.advance(seconds=FRESH_FOR.total_seconds())
    assert there.among([ADA]) == {ADA}

    here.lift(ADA)
    assert here.among([ADA]) == set()
    clock.advance(seconds=FRESH_FOR.total_seconds())
    assert there.among([ADA]) == set()


def test_a_worker_looks_once_a_minute_however_many_mails_there_are(clock):
    rows = MemorySuppressions()
    put(rows, ADA)
    copy = worker(rows, clock)
    for _ in range(100):
        copy.among([f"a{number}@example.com" for number in range(500)])

    assert rows.calls["changes"] == 1
    clock.advance(seconds=FRESH_FOR.total_seconds())
    copy.among([ADA])
    assert rows.calls["changes"] == 2


@pytest.fixture(params=["memory", "table"])
def emptied(request):
    """The list, and how somebody empties it by hand."""
    if request.param == "memory":
        rows = MemorySuppressions()
        return rows, rows.empty
    table, _ = request.getfixturevalue("tables")

    def empty():
        for row in list(table.query_entities("PartitionKey eq 'suppressions'")):
            table.delete_entity(row["PartitionKey"], row["RowKey"])

    return request.getfixturevalue("in_tables"), empty


def test_who_is_suppressed_after_the_list_was_emptied_gets_no_mail_and_the_others_do(emptied, clock):
    rows, empty = emptied
    put(rows, ADA)
    copy = worker(rows, clock)
    assert copy.among([ADA, BOB]) == {ADA}

    empty()
    clock.advance(seconds=FRESH_FOR.total_seconds())
    assert copy.among([ADA, BOB]) == set()
    put(rows, ADA)
    clock.advance(seconds=FRESH_FOR.total_seconds())
    assert copy.among([ADA, BOB]) == {ADA}
    empty()
    put(rows, BOB)
    clock.advance(seconds=FRESH_FOR.total_seconds())
    assert copy.among([ADA, BOB]) == {BOB}


def test_a_look_that_failed_is_had_again_by_the_next_mail(clock):
    class Away(MemorySuppressions):
        away = True

        def changes(self, since):
            if self.away:
                raise Misconfigured("Away.", code="away")
            return super().changes(since)

    rows = Away()
    put(rows, ADA)
    copy = worker(rows, clock)
    with pytest.raises(Misconfigured):
        copy.among([ADA])
    rows.away = False

    assert copy.among([ADA]) == {ADA}


# Table Storage


def test_changes_at_the_same_time_all_count(in_tables):
    addresses = [f"a{number}@example.com" for number in range(24)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda address: put(in_tables, address), addresses))
        list(pool.map(in_tables.lift, addresses[::2]))

    assert worker(in_tables, Clock()).among(addresses) == {*addresses[1::2]}
    assert in_tables.changes(Mark()).mark.number == 36


def test_no_address_is_in_the_table(in_tables, tables, storage):
    put(in_tables, ADA, reason="asked for it", by="ops")

    with TableClient.from_connection_string(storage.connection_string, tables[0].table_name) as table:
        text = str([dict(row) for row in table.list_entities()]).lower()
    assert "ada" not in text
    assert "example.com" not in text


def test_a_row_that_cannot_be_read_holds_up_who_may_stand_in_it_and_nobody_else(in_tables, tables):
    others = [one for one in (f"a{number}@example.com" for number in range(9)) if one[1] != "0"]
    put(in_tables, ADA)
    bucket = in_tables.hash(ADA)[0]
    elsewhere = [one for one in others if in_tables.hash(one)[0] != bucket]
    row = {"PartitionKey": "suppressions", "RowKey": f"b|{bucket:02x}", "hashes": b"short"}
    tables[0].upsert_entity(row, mode=UpdateMode.MERGE)
    copy = worker(in_tables, Clock())

    assert copy.among(elsewhere) == set()
    with pytest.raises(Unreadable, match=rf"row `b\|{bucket:02x}` in the partition `suppressions`"):
        copy.among([*elsewhere, ADA])


def test_with_another_key_nothing_is_sent_for_nobody_knows_who_is_suppressed(in_tables, tables):
    put(in_tables, ADA)
    tables[1].delete_entity("keys", "recipients")
    others = TableSuppressions(tables[0], Recipients(tables[1]))

    with pytest.raises(Misconfigured, match=f"Restore that table.*{'suppressions'}") as lost:
        worker(others, Clock()).among([ADA])
    assert lost.value.code == "suppression_key_lost"
    assert tables[1].table_name in str(lost.value)
    for ask in (others.find, others.lift):
        with pytest.raises(Misconfigured):
            ask(ADA)


# Hashes


@given(st.lists(st.binary(min_size=SIZE, max_size=SIZE)), st.lists(st.binary(min_size=SIZE, max_size=SIZE)))
def test_hashes_are_a_set(some, others):
    known, hashes = set(), Hashes()
    for one in some:
        known.add(one)
        hashes = hashes.with_one(one)
    for one in [*some[::2], *others]:
        known.discard(one)
        hashes = hashes.without(one)

    assert len(hashes) == len(known)
    assert all((one in hashes) == (one in known) for one in [*some, *others])
    assert hashes.packed == b"".join(sorted(known))


def test_a_hundred_thousand_are_few_bytes_and_found_at_once():
    some = random.Random(7)
    packed = Hashes(b"".join(sorted(some.randbytes(SIZE) for _ in range(100_000))))

    assert len(packed.packed) == 1_600_000
    assert packed.packed[160:176] in packed
    assert b"x" * SIZE not in packed
