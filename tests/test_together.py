"""Rows that several threads write at about the same time are one call; each of them has its own answer."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from mailer import gather
from mailer.delivery.record import Conflict, Status
from mailer.errors import TryLater
from mailer.gather import Company
from mailer.storage.clients import kept_table
from mailer.storage.records import TableLedger
from mailer.storage.together import MOST, Together
from tests.builders import a_record, minutes, storage_of
from tests.fakes import START


class Counted:
    """The table, each call to which is noted; `away` for so many of them."""

    def __init__(self, table):
        self.table, self.calls, self.away = table, [], 0

    def __getattr__(self, name):
        call = getattr(self.table, name)

        def counted(*arguments, **options):
            self.calls.append(name)
            if self.away:
                self.away -= 1
                raise TryLater("Away.", code="storage_unavailable")
            return call(*arguments, **options)

        return counted


@pytest.fixture
def table(storage):
    with closing(kept_table(storage_of(storage), f"t{uuid4().hex}")) as made:
        made.create_table()
        yield Counted(made)


def row(number, partition="p"):
    return {"PartitionKey": partition, "RowKey": f"{number:03}", "a": number}


class Threads:
    """Which write at once."""

    def __init__(self, table):
        self.company = Company()
        self.together = Together(table, self.company)

    def write(self, number, write):
        """What each of so many threads is answered, or raises."""
        start = threading.Barrier(number)

        def one(index):
            try:
                with self.company.member():
                    start.wait()
                    return write(self.together, index)
            except TryLater as failed:
                return failed

        with ThreadPoolExecutor(number) as pool:
            return list(pool.map(one, range(number)))


@pytest.fixture
def threads(table, monkeypatch):
    """Each of which waits for all others, however slow the machine is."""
    monkeypatch.setattr(gather, "LONGEST", 3600.0)
    return Threads(table)


def test_rows_that_are_written_at_the_same_time_are_one_call(table, threads):
    answers = threads.write(MOST, lambda together, number: together.write("create", row(number)))

    assert table.calls == ["submit_transaction"]
    kept = {found["RowKey"]: found.metadata["etag"] for found in table.table.query_entities("PartitionKey eq 'p'")}
    assert [answer["etag"] for answer in answers] == [kept[f"{number:03}"] for number in range(MOST)]


def test_rows_of_another_partition_are_another_call(table, threads):
    threads.write(8, lambda together, number: together.write("create", row(number, partition=f"p{number % 2}")))

    assert table.calls == ["submit_transaction"] * 2


def test_where_one_row_cannot_be_written_each_is_written_alone(table, threads):
    table.table.create_entity(row(3))

    assert threads.write(5, lambda together, number: together.write("create", row(number))) == [None] * 5
    assert len(list(table.table.query_entities("PartitionKey eq 'p'"))) == 1


def test_the_same_row_twice_is_written_alone_by_each(table, threads):
    assert threads.write(2, lambda together, _: together.write("upsert", row(1), mode="replace")) == [None, None]


def test_a_row_that_nobody_can_write_keeps_no_other_from_being_written(table, threads):
    rows = [row(0) | {"a": object()}, row(1)]

    assert threads.write(2, lambda together, number: together.write("create", rows[number])) == [None, None]


def test_while_the_table_is_away_all_of_them_hear_it(table, threads):
    table.away = 1

    heard = threads.write(5, lambda together, number: together.write("create", row(number)))

    assert [getattr(one, "code", None) for one in heard] == ["storage_unavailable"] * 5
    assert all(threads.write(5, lambda together, number: together.write("create", row(number))))


class Patient:
    """A ledger whose threads, two of them, keep nobody waiting."""

    def __init__(self, table):
        self.company = Company()
        self.ledger = TableLedger(table, key_window=timedelta(hours=1), company=self.company)

    def at_once(self, write, records):
        """What each of them is answered, or raises."""
        start = threading.Barrier(len(records))

        def one(record):
            with self.company.member(patient=True):
                start.wait()
                try:
                    return write(record)
                except Conflict as conflict:
                    return conflict

        with ThreadPoolExecutor(len(records)) as pool:
            return list(pool.map(one, records))


@pytest.fixture
def patient(table, monkeypatch):
    monkeypatch.setattr(gather, "PATIENCE", 3600.0)
    monkeypatch.setattr(gather, "FEW", 2)
    return Patient(table)


@pytest.mark.parametrize(("status", "call"), [(Status.QUEUED, "submit_transaction"), (Status.SENDING, "create_entity")])
def test_a_mail_whose_turn_has_come_is_claimed_without_waiting_for_others(table, patient, status, call):
    """One that waited for its turn in the worker's hand has no record before."""
    records = [a_record(entropy=f"{number:010}".encode(), due_at=START + minutes(1)) for number in range(2)]

    patient.at_once(patient.ledger.write, [record.moved(status, now=START) for record in records])

    assert set(table.calls) == {call}


@pytest.fixture
def two(patient):
    return [patient.ledger.write(a_record(entropy=f"{number:010}".encode())) for number in range(2)]


def test_mails_that_go_on_waiting_are_written_together_though_they_come_seconds_apart(table, patient, two):
    def postpone(record):
        time.sleep(record.due_at.second / 100)
        return patient.ledger.postpone(record, within=timedelta(hours=1))

    table.calls.clear()
    later = [replace(record, due_at=START + timedelta(seconds=30 * n)) for n, record in enumerate(two)]
    written = patient.at_once(postpone, later)

    assert table.calls == ["submit_transaction"]
    assert [patient.ledger.read(record.id) for record in two] == written
    assert [record.due_at for record in written] == [record.due_at for record in later]


def test_one_that_has_changed_meanwhile_holds_up_no_other_one_that_goes_on_waiting(patient, two):
    patient.ledger.write(two[0].moved(Status.CANCELED, now=START))

    later = [replace(record, due_at=START + minutes(5)) for record in two]
    heard = patient.at_once(lambda record: patient.ledger.postpone(record, within=timedelta(hours=1)), later)

    assert isinstance(heard[0], Conflict)
    assert heard[1] == patient.ledger.read(two[1].id)
    assert heard[1].due_at == START + minutes(5)


def test_who_has_little_time_waits_for_nobody_to_be_written_with(table, patient, two):
    table.calls.clear()
    (written,) = patient.at_once(
        lambda record: patient.ledger.postpone(record, within=timedelta(seconds=0.05)), [two[0]]
    )

    assert table.calls == ["update_entity"]
    assert written == patient.ledger.read(two[0].id)
