"""A row that cannot be read, by hand or by another version of mailer, is told by name and holds up no other."""

from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest
from azure.data.tables import UpdateMode

from mailer.delivery.envelope import Envelope
from mailer.delivery.message import MOST_TOGETHER
from mailer.delivery.record import Status
from mailer.delivery.search import Wanted
from mailer.errors import TryLater, Unreadable
from mailer.pace.grid import Grid
from mailer.pace.lane import Row
from mailer.pace.later import TOGETHER, Later
from mailer.pace.slots import Slots
from mailer.request.mail_id import mail_id
from mailer.request.members import Priority
from mailer.storage.alarms import TableAlarms
from mailer.storage.clean_up import CleanUpTable
from mailer.storage.clients import kept_table
from mailer.storage.held_rows import TableHeld
from mailer.storage.later_rows import LaterRows
from mailer.storage.pace_rows import TableCounts, TablePauses
from mailer.storage.record_pages import RecordPages
from mailer.storage.records import KEYS, TableLedger, row_of
from mailer.storage.slot_rows import TableSlots
from tests.builders import a_record, storage_of
from tests.fakes import START, Clock
from tests.post import DOWN
from tests.test_records import a_key_owner

HOUR = timedelta(hours=1)
SHOP = "shop@contoso.com"


@pytest.fixture
def table(storage):
    with closing(kept_table(storage_of(storage), f"t{uuid4().hex}")) as table:
        yield table


def spoil(table, row, changes):
    """Write the row with these values, and without those that are None; returns it as it was."""
    whole = dict(row)
    spoilt = {name: value for name, value in (whole | changes).items() if value is not None}
    table.upsert_entity(spoilt, mode=UpdateMode.REPLACE)
    return whole


def the_row(table, **values):
    (row,) = [row for row in table.list_entities() if values.items() <= row.items()]
    return row


def an_id(number):
    return mail_id(START, f"{number:010}".encode())


# What waits for its hour


class Outbox:
    """Mails that are due now, over a queue that refuses some of them."""

    def __init__(self, table, number):
        self.queue, self.refused = [], set()
        self.clock = Clock()
        self.later = Later(queue=self, rows=LaterRows(table), clock=self.clock)
        self.mails = [an_id(each) for each in range(number)]
        for mail in self.mails:
            self.later.put(Envelope(id=mail), b'{"text":"x"}', due=START + HOUR)
        self.clock.now = START + HOUR

    def send(self, text, *, after):  # noqa: ARG002 - the queue has it
        mails = [mail for mail in self.mails if mail in text]
        if self.refused.intersection(mails):
            raise DOWN
        self.queue += mails

    def release(self):
        self.queue.clear()
        self.later.release(map)
        return self.queue


def waiting_row(table, mail):
    return the_row(table, RowKey=f"{START + HOUR:%H%M}|{mail}")


@pytest.mark.parametrize(
    "changes",
    [
        {"due": None},
        {"due": "soon"},
        {"envelope": None},
        {"envelope": "nonsense"},
        {"envelope": '{"id": "x"}'},
        {"content": "text"},
        {"content": b"\xff"},
    ],
    ids=repr,
)
def test_a_mail_that_waits_in_an_unreadable_row_holds_up_no_other_and_goes_once_it_is_mended(table, changes, caplog):
    outbox = Outbox(table, 3)
    whole = spoil(table, waiting_row(table, an_id(1)), changes)

    assert outbox.release() == [an_id(0), an_id(2)]
    assert an_id(1) in caplog.text

    table.upsert_entity(whole, mode=UpdateMode.REPLACE)
    assert outbox.release() == [an_id(1)]
    assert outbox.release() == []


def test_a_mail_whose_row_is_unreadable_has_a_row_and_names_it(table):
    Outbox(table, 1)
    row = waiting_row(table, an_id(0))
    spoil(table, row, {"due": None})

    assert LaterRows(table).has(an_id(0), START + HOUR)
    with pytest.raises(Unreadable, match=f"{an_id(0)}.*{row['PartitionKey'].split('|')[1]}.*Mend or delete it"):
        LaterRows(table).get(an_id(0), START + HOUR)


def test_a_row_of_a_later_version_is_released(table):
    outbox = Outbox(table, 1)
    spoil(table, waiting_row(table, an_id(0)), {"envelope": f'{{"id": "{an_id(0)}", "of_a_later_version": 1}}'})

    assert outbox.release() == [an_id(0)]


def test_a_message_that_the_queue_does_not_take_holds_up_no_other(table):
    outbox = Outbox(table, 3)
    outbox.refused = {an_id(0)}
    assert outbox.release() == [an_id(1), an_id(2)]

    outbox.refused = set()
    assert outbox.release() == [an_id(0)]


def test_a_release_ends_soon_and_fails_while_the_queue_takes_nothing(table):
    outbox = Outbox(table, 3 * TOGETHER)
    asked = []
    outbox.send = lambda text, *, after: asked.append((text, after)) or outbox.refuse()
    outbox.refuse = lambda: (_ for _ in ()).throw(DOWN)

    with pytest.raises(TryLater):
        outbox.release()

    assert len(asked) == 2 * (TOGETHER - (-TOGETHER // MOST_TOGETHER))


# Records and keys

SPOILT_RECORDS = [
    {"status": None},
    {"status": "on its way"},
    {"due_at": "tomorrow"},
    {"attempts": "many"},
    {"tags": "{"},
    {"queued_at": "yesterday"},
    {"id": None},
    {"id": an_id(7)},
]


@pytest.mark.parametrize("changes", SPOILT_RECORDS, ids=repr)
def test_an_unreadable_record_is_told_by_name_and_all_others_are_found(table, changes, caplog):
    ledger = TableLedger(table, key_window=HOUR)
    known = {"status": Status.FAILED, "error_code": "c", "due_at": START}
    one, other = (ledger.write(a_record(entropy=entropy, **known)) for entropy in (b"0123456789", b"9876543210"))
    partition, row = row_of(one.id)
    spoil(table, table.get_entity(partition, row), changes)

    with pytest.raises(Unreadable, match=row):
        ledger.read(one.id)
    wanted = Wanted(error="c", statuses=[Status.FAILED])
    found, _ = RecordPages(table, None).on_day(START.date(), wanted, most=10, token=None)
    assert [each.id for each in found] == [other.id]
    if changes.get("status", "failed") == "failed":  # others are not even asked for
        assert row in caplog.text


@pytest.mark.parametrize("changes", [{"mail": None}, {"digest": 7}, {"expires_at": "never"}], ids=repr)
def test_a_key_that_cannot_be_read_makes_no_second_mail(table, changes):
    ledger = TableLedger(table, key_window=HOUR)
    ledger.own_key("order-7", a_key_owner(), now=START)
    spoil(table, the_row(table, PartitionKey=KEYS), changes)

    with pytest.raises(Unreadable, match=KEYS):
        ledger.own_key("order-7", a_key_owner(2), now=START)


# The pace


@pytest.mark.parametrize("priority", [Priority.BULK, Priority.NORMAL])
@pytest.mark.parametrize("changes", [{"level": None}, {"level": 9}, {"level": "urgent"}, {"for": None}], ids=repr)
def test_a_slot_that_cannot_be_read_is_nobodys_and_the_next_one_is_taken(table, changes, priority):
    slots = [Slots(Grid(30), TableSlots(table), clock=Clock()) for _ in range(2)]
    taken = slots[0].take(SHOP, priority, START + HOUR)
    spoil(table, the_row(table, **{"for": taken.ticket}), changes)

    other = slots[1].take(SHOP, priority, START + HOUR)

    assert other.start > taken.start
    assert slots[1].holds(SHOP, other.start, other.ticket)


def test_a_row_that_names_no_place_is_no_slot(table):
    rows = TableSlots(table)
    rows.take(SHOP, 7, {Row(0, False): None}, level=2, ticket="t")
    spoil(table, the_row(table, **{"for": "t"}), {"RowKey": "first"})

    assert list(rows.minute(SHOP, 7)) == [Row(0, False)]


def test_a_front_that_cannot_be_read_is_none(table):
    rows = TableSlots(table)
    rows.move_front(SHOP, 2, 7)
    spoil(table, the_row(table, PartitionKey="fronts"), {"minute": "late"})

    assert rows.fronts() == {}


def test_a_pause_that_cannot_be_read_holds_up_neither_its_mailbox_nor_another(table):
    pauses = TablePauses(table)
    pauses.put(SHOP, START + HOUR)
    pauses.put("alerts@contoso.com", START + HOUR)
    spoil(table, the_row(table, RowKey=pauses.key(SHOP)), {"until": "9999"})

    assert pauses.standing(START) == {pauses.key("alerts@contoso.com"): START + HOUR}


def test_a_count_that_cannot_be_read_counts_for_nothing(table):
    one, other = TableCounts(table), TableCounts(table)
    hour = int(START.timestamp()) // 3600
    one.put(SHOP, {hour: 3})
    other.put(SHOP, {hour: 4})
    spoil(table, the_row(table, count=3), {"count": "3"})

    assert dict(one.all(SHOP, hour)) == {hour: 4}


# The rest


@pytest.mark.parametrize("changes", [{"code": None}, {"at": "now"}, {"text": 7}], ids=repr)
def test_an_alarm_that_cannot_be_read_hides_no_other_and_costs_no_mail(table, changes):
    """A mail that is sent looks for alarms before its record says so."""
    clock = Clock()
    one, other = (TableAlarms(table, clock=clock) for _ in range(2))
    one.sound(SHOP, "first", "Mend it.")
    one.sound(SHOP, "second", "Mend it too.")
    spoil(table, the_row(table, code="first"), changes)

    assert [alarm.code for alarm in other.standing()] == ["second"]
    other.over(SHOP)
    assert other.standing() == []
    clock.advance(hours=1)
    other.sound(SHOP, "first", "Mend it.")
    assert [alarm.code for alarm in other.standing()] == ["first"]


@pytest.mark.parametrize("changes", [{"caller": None}, {"at": "now"}], ids=repr)
def test_a_held_mails_note_that_cannot_be_read_hides_no_other(table, changes):
    held = TableHeld(table)
    one, other = (
        a_record(entropy=entropy, caller=caller).moved(Status.UNCERTAIN, now=START)
        for entropy, caller in ((b"0123456789", "shop"), (b"9876543210", "ops"))
    )
    held.put(one)
    held.put(other)
    spoil(table, the_row(table, caller="shop"), changes)

    assert [mails.caller for mails in held.standing()] == ["ops"]


def test_a_mark_that_cannot_be_read_begins_anew(table):
    clean_up = CleanUpTable(table)
    clean_up.set_mark("keys", "abc")
    spoil(table, the_row(table, RowKey="keys"), {"at": None})

    assert clean_up.mark("keys") == ""
