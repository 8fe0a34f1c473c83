"""Who goes before bulk takes its slots, and nobody one that its mail may use at this moment."""

from datetime import timedelta

import pytest

from mailer.pace.lane import Row
from mailer.pace.slots import Slots
from mailer.request.members import Priority
from tests.fakes import START, MemorySlots
from tests.slots.given import BULK, GRID, MINUTE, NORMAL, SHOP, URGENT, another, take


@pytest.mark.parametrize("higher", [URGENT, NORMAL])
def test_a_higher_priority_takes_a_slot_from_bulk_and_leaves_at_once(slots, higher):
    bulk = take(slots, 40)

    (slot,) = take(another(slots), priority=higher)

    assert slot.due == START
    lost = [each for each in bulk if not slots.holds(SHOP, each.start, each.ticket)]
    assert [each.start for each in lost] == [slot.start]
    assert slot.start > START


@pytest.mark.parametrize("higher", [URGENT, NORMAL])
def test_a_higher_priority_takes_its_slot_by_one_call_however_long_bulks_queue_is(clock, higher):
    rows = MemorySlots()
    take(Slots(GRID, rows, clock=clock), 400)
    rows.calls.clear()

    assert take(Slots(GRID, rows, clock=clock), priority=higher)[0].due == START
    assert rows.calls == {"take": 1}


@pytest.mark.parametrize("later", Priority)
@pytest.mark.parametrize("first", Priority)
def test_a_slot_in_which_a_mail_may_leave_soon_is_one_mails_whoever_comes_first(slots, clock, first, later):
    """Of both rows; and whoever has lost his beforehand knows it."""
    mails = [(each, another(slots)) for each in [first] * 12 + [later] * 12]
    held = []
    for priority, instance in mails:
        clock.advance(seconds=0.7)
        (slot,) = take(instance, priority=priority, earliest=clock.now)
        held.append(slot)
    clock.now = max(slot.start for slot in held)
    leave = [slot.start for slot in held if another(slots).holds(SHOP, slot.start, slot.ticket)]

    assert len(leave) == len(set(leave))
    assert all(slot.start in leave for slot in held if slot.due <= START)


@pytest.mark.parametrize("level", [URGENT.level, NORMAL.level])
def test_a_slot_that_has_begun_stays_that_of_a_mail_in_the_row_of_an_earlier_release(rows, clock, level):
    """It put the ticket of a mail that goes before bulk into bulk's row."""
    minute, place = divmod(GRID.position(START), 29)
    rows.take(SHOP, minute, {Row(place, False): None}, level=level, ticket="old")
    slots = Slots(GRID, rows, clock=clock)

    taken = [*take(slots, 5, priority=BULK), *take(another(slots), 5, priority=URGENT)]

    assert START not in {slot.start for slot in taken}


def test_a_mail_of_an_earlier_release_that_has_lost_its_slot_looks_and_knows(rows, clock):
    minute, place = divmod(GRID.position(START + MINUTE), 29)
    rows.take(SHOP, minute, {Row(place, False): None}, level=NORMAL.level, ticket="old")
    slots = Slots(GRID, rows, clock=clock)
    assert slots.holds(SHOP, GRID.start(minute * 29 + place), "old")

    rows.take(SHOP, minute, {Row(place, True): None}, level=URGENT.level, ticket="new")

    assert not Slots(GRID, rows, clock=clock).holds(SHOP, GRID.start(minute * 29 + place), "old")


def test_urgent_goes_before_normal_and_bulk_before_nobody(slots):
    take(slots, 40, priority=NORMAL)

    assert take(another(slots), priority=URGENT)[0].due < START + timedelta(seconds=5)
    assert take(another(slots), priority=BULK)[0].due > START + MINUTE


def test_nobody_loses_a_slot_that_he_may_use_at_this_moment(slots, clock):
    bulk = take(slots, 40)
    clock.advance(seconds=4)
    others = [take(another(slots), priority=URGENT, earliest=clock.now)[0] for _ in range(5)]

    about_to_leave = [each for each in bulk if each.due < clock.now + timedelta(seconds=1.5)]
    assert {each.start for each in others} & {each.start for each in about_to_leave} == set()
