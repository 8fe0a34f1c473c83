"""The promises of a Ledger, kept alike by the one in memory and the one in Table Storage."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from azure.data.tables import TableClient, UpdateMode

from mailer.delivery.record import Action, Conflict, KeyOwner, Status
from mailer.errors import TryLater
from mailer.local import programs
from mailer.request.members import Priority
from mailer.storage.clients import kept_table
from mailer.storage.records import TableLedger, row_of
from tests.builders import a_record, claimed, minutes, storage_of
from tests.fakes import START, MemoryLedger

WINDOW = timedelta(hours=24)
THREADS = 20


@pytest.fixture
def table(storage):
    with closing(kept_table(storage_of(storage), f"t{uuid4().hex}")) as table:
        yield table


@pytest.fixture(params=["memory", "table"])
def ledger(request):
    if request.param == "memory":
        return MemoryLedger(key_window=WINDOW)
    return TableLedger(request.getfixturevalue("table"), key_window=WINDOW)


def at_once(call):
    """What each of many threads gets from a call that all of them make at the same moment."""
    start = threading.Barrier(THREADS)

    def run(number):
        start.wait()
        return call(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def a_key_owner(number=1, digest="d1"):
    return KeyOwner(id=a_record(entropy=f"{number:010}".encode()).id, digest=digest)


def test_a_record_reads_as_it_was_written(ledger):
    written = ledger.write(a_record())

    assert ledger.read(written.id) == written


def test_a_turn_reads_as_it_was_written(ledger):
    turn = {"sender": "shop@contoso.com", "priority": Priority.URGENT, "slot": START, "ticket": "t"}
    written = ledger.write(a_record(**turn))

    read = ledger.read(written.id)
    assert read == written
    assert read.priority is Priority.URGENT


def test_what_was_sent_and_what_was_done_read_as_they_were_written(ledger):
    told = {"caller": "shop", "template_version": "v", "content_hash": "c", "request_id": "r"}
    written = ledger.write(a_record(**told).acted(Action.REPLAY, None, now=START).acted(Action.CANCEL, "a", now=START))

    assert ledger.read(written.id) == written


def test_there_is_no_record_of_an_unknown_mail(ledger):
    assert ledger.read(a_record().id) is None


def test_a_claimed_record_reads_as_it_was_claimed(ledger):
    record = ledger.write(a_record())

    written = ledger.write(claimed(record, claim="me", now=START + minutes(1)))

    assert ledger.read(record.id) == written
    assert (written.status, written.attempts, written.claim) == (Status.SENDING, 1, "me")
    assert written.leased_until == START + minutes(6)
    assert written.times == {Status.QUEUED: START, Status.SENDING: START + minutes(1)}


def test_a_mail_is_recorded_once(ledger):
    ledger.write(a_record())

    with pytest.raises(Conflict):
        ledger.write(a_record())


def test_a_record_is_changed_only_in_the_state_that_the_writer_knows(ledger):
    record = ledger.write(a_record())
    ledger.write(claimed(record, claim="me", now=START))

    with pytest.raises(Conflict):
        ledger.write(claimed(record, claim="another", now=START))
    assert ledger.read(record.id).claim == "me"


def test_a_record_that_is_gone_cannot_be_changed(ledger):
    record = ledger.write(a_record())
    ledger.withdraw(record)

    with pytest.raises(Conflict):
        ledger.write(claimed(record, claim="me", now=START))


def test_a_write_leaves_what_it_does_not_know(ledger):
    record = ledger.write(a_record(tags={"flow": "checkout"}, recipients=3))
    barely_known = replace(record, digest=None, template=None, recipients=None, tags=None, times={})

    ledger.write(barely_known.moved(Status.SENT, now=START + minutes(2)))

    kept = ledger.read(record.id)
    assert (kept.digest, kept.template, kept.recipients, kept.tags) == (
        "d1",
        "order-confirmation",
        3,
        {"flow": "checkout"},
    )
    assert kept.times == {Status.QUEUED: START, Status.SENT: START + minutes(2)}


def test_a_mail_that_was_sent_in_the_end_shows_no_error(ledger):
    record = ledger.write(a_record().moved(Status.QUEUED, now=START, code="http_503", message="busy"))

    ledger.write(record.moved(Status.SENT, now=START))

    assert (ledger.read(record.id).error_code, ledger.read(record.id).error_message) == ("", "")


def test_times_read_in_the_order_they_happened(ledger):
    record = ledger.write(a_record())
    record = ledger.write(claimed(record, claim="me", now=START + minutes(1)))
    ledger.write(record.moved(Status.QUEUED, now=START + minutes(2)))

    assert list(ledger.read(record.id).times.values()) == sorted(ledger.read(record.id).times.values())


def test_a_withdrawn_record_is_gone(ledger):
    record = ledger.write(a_record())

    ledger.withdraw(record)

    assert ledger.read(record.id) is None


def test_a_record_that_somebody_has_changed_cannot_be_withdrawn(ledger):
    record = ledger.write(a_record())
    ledger.write(claimed(record, claim="me", now=START))

    with pytest.raises(Conflict):
        ledger.withdraw(record)
    assert ledger.read(record.id).claim == "me"


def test_withdrawing_twice_does_no_harm(ledger):
    record = ledger.write(a_record())
    ledger.withdraw(record)

    ledger.withdraw(record)

    assert ledger.read(record.id) is None


def test_a_key_belongs_to_the_first_mail_that_asks(ledger):
    assert ledger.own_key("order-7", a_key_owner(1), now=START) == a_key_owner(1)
    assert ledger.own_key("order-7", a_key_owner(2, "d2"), now=START) == a_key_owner(1)


def test_a_mail_owns_its_key_also_when_it_asks_again(ledger):
    ledger.own_key("order-7", a_key_owner(1), now=START)

    assert ledger.own_key("order-7", a_key_owner(1), now=START) == a_key_owner(1)


def test_a_key_is_kept_to_the_end_of_its_window(ledger):
    ledger.own_key("order-7", a_key_owner(1), now=START)

    almost = START + WINDOW - timedelta(seconds=1)
    assert ledger.own_key("order-7", a_key_owner(2), now=almost) == a_key_owner(1)


def test_a_key_is_free_again_after_its_window(ledger):
    ledger.own_key("order-7", a_key_owner(1), now=START)

    later = START + WINDOW + timedelta(seconds=1)
    assert ledger.own_key("order-7", a_key_owner(2), now=later) == a_key_owner(2)
    assert ledger.own_key("order-7", a_key_owner(3), now=later) == a_key_owner(2)


@pytest.mark.parametrize("key", ["a/b\\c#d?e", "Größe 7 €", "x" * 256, "'"])
def test_any_text_can_be_a_key(ledger, key):
    ledger.own_key(key, a_key_owner(1), now=START)

    assert ledger.own_key(key, a_key_owner(2), now=START) == a_key_owner(1)


def test_keys_that_differ_in_case_are_two_keys(ledger):
    ledger.own_key("order-A", a_key_owner(1), now=START)

    assert ledger.own_key("order-a", a_key_owner(2), now=START) == a_key_owner(2)


def test_of_many_workers_one_claims_a_mail(ledger):
    record = ledger.write(a_record())

    def claim(number):
        try:
            return ledger.write(claimed(record, claim=f"worker {number}", now=START)).claim
        except Conflict:
            return None

    winners = [claim for claim in at_once(claim) if claim]
    assert winners == [ledger.read(record.id).claim]


def test_of_many_workers_one_claims_a_mail_that_has_no_record_yet(ledger):
    def claim(number):
        try:
            return ledger.write(claimed(a_record(), claim=f"worker {number}", now=START)).claim
        except Conflict:
            return None

    winners = [claim for claim in at_once(claim) if claim]
    assert winners == [ledger.read(a_record().id).claim]


def test_of_many_mails_one_owns_a_key(ledger):
    owners = at_once(lambda number: ledger.own_key("order-7", a_key_owner(number), now=START))

    assert len(set(owners)) == 1


def test_of_many_mails_one_takes_over_a_key_past_its_window(ledger):
    ledger.own_key("order-7", a_key_owner(99), now=START)
    later = START + WINDOW + minutes(1)

    owners = at_once(lambda number: ledger.own_key("order-7", a_key_owner(number), now=later))

    assert len(set(owners)) == 1
    assert owners[0] != a_key_owner(99)


# What only the table has


def test_the_table_is_made_when_it_is_first_missed(storage):
    name = f"t{uuid4().hex}"
    with closing(kept_table(storage_of(storage), name)) as table:
        ledger = TableLedger(table, key_window=WINDOW)

        assert ledger.read(a_record().id) is None
        record = ledger.write(a_record())

        assert ledger.read(record.id) == record


def test_many_workers_may_miss_the_table_at_once(table):
    ledger = TableLedger(table, key_window=WINDOW)

    written = at_once(lambda number: ledger.write(a_record(entropy=f"{number:010}".encode())))

    assert len({record.id for record in written}) == THREADS


def test_a_ping_makes_the_table(table):
    TableLedger(table, key_window=WINDOW).ping()

    assert list(table.list_entities()) == []


def test_a_column_of_somebody_else_survives_every_write(table):
    ledger = TableLedger(table, key_window=WINDOW)
    record = ledger.write(a_record())
    partition, row = row_of(record.id)
    table.update_entity({"PartitionKey": partition, "RowKey": row, "note": "mine"}, mode=UpdateMode.MERGE)

    ledger.write(claimed(ledger.read(record.id), claim="me", now=START))

    assert table.get_entity(partition, row)["note"] == "mine"


def testrow_ofs_of_a_day_come_newest_first(table):
    ledger = TableLedger(table, key_window=WINDOW)
    records = [ledger.write(a_record(at=START + minutes(number))) for number in range(3)]

    rows = table.query_entities(f"PartitionKey eq '{START:%Y-%m-%d}'")

    assert [row["id"] for row in rows] == [record.id for record in reversed(records)]


def test_a_record_never_holds_the_key_in_clear(table):
    TableLedger(table, key_window=WINDOW).own_key("ada@example.com/7", a_key_owner(), now=START)

    assert all("ada" not in str(value) for row in table.list_entities() for value in row.values())


def test_a_text_of_any_length_can_be_recorded(table):
    ledger = TableLedger(table, key_window=WINDOW)
    record = ledger.write(a_record())

    ledger.write(record.moved(Status.FAILED, now=START, code="validation_error", message="much is wrong. " * 5000))

    assert ledger.read(record.id).error_message.startswith("much is wrong.")


def test_a_key_whoserow_of_is_cleaned_up_meanwhile_is_free(table):
    """The row vanishes between the refused insert and the look at it."""
    ledger = TableLedger(table, key_window=WINDOW)
    ledger.own_key("order-7", a_key_owner(1), now=START)

    def clean_up(request):
        if request.http_request.method == "GET":
            for row in table.list_entities():
                table.delete_entity(row["PartitionKey"], row["RowKey"])

    with closing(_hooked(table, clean_up)) as hooked:
        ledger = TableLedger(hooked, key_window=WINDOW)
        assert ledger.own_key("order-7", a_key_owner(2), now=START) == a_key_owner(2)


def test_a_table_that_does_not_answer_is_worth_another_try():
    nowhere = f"http://127.0.0.1:{programs.free_ports(1)[0]}/devstoreaccount1"
    connection = f"AccountName=devstoreaccount1;AccountKey=bm9uZQ==;TableEndpoint={nowhere};"
    with closing(TableClient.from_connection_string(connection, "emails", retry_total=0)) as table:
        ledger = TableLedger(table, key_window=WINDOW)
        for call in (
            lambda: ledger.write(a_record()),
            lambda: ledger.read(a_record().id),
            lambda: ledger.withdraw(a_record()),
            lambda: ledger.own_key("order-7", a_key_owner(), now=START),
            ledger.ping,
        ):
            with pytest.raises(TryLater) as refusal:
                call()
            assert refusal.value.code == "storage_unavailable"


def _hooked(table, hook):
    """Another client of the same table, which calls the hook before each of its requests."""
    return TableClient(table.url, table.table_name, credential=table.credential, raw_request_hook=hook)
