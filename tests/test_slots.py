"""One slot for each mail, whoever takes it: over memory, and over Table Storage."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest

from mailer.pace.grid import SAFE, Grid
from mailer.pace.lane import Lane, Row
from mailer.pace.slots import Slots
from mailer.request.members import Priority
from mailer.storage.clients import kept_table
from mailer.storage.slot_rows import TableSlots
from tests.builders import storage_of
from tests.fakes import START, Clock, MemorySlots

SHOP = "shop@contoso.com"
URGENT, NORMAL, BULK = Priority
MINUTE = timedelta(minutes=1)
GRID = Grid(30)


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


class Counted:
    """The rows, with how often whether a slot is held was asked of them."""

    def __init__(self, rows):
        self.rows, self.calls = rows, Counter()

    def __getattr__(self, name):
        if name in {"ticket", "preferred"}:
            self.calls[name] += 1
        return getattr(self.rows, name)


def another(slots):
    """Another instance at the same rows."""
    return Slots(GRID, slots._rows, clock=slots._clock)


def is_there(slots, slot):
    """Whether its row is."""
    return slots._rows.ticket(SHOP, *slots._place(slot.start)) == slot.ticket


def take(slots, number=1, *, priority=BULK, earliest=START, mailbox=SHOP):
    return [slots.take(mailbox, priority, earliest) for _ in range(number)]


def test_the_first_mail_may_leave_at_once(slots):
    (slot,) = take(slots)

    assert slot.due == START
    assert slots.holds(SHOP, slot.start, slot.ticket)


def test_bulk_takes_one_slot_after_the_other(slots):
    starts = [slot.start for slot in take(slots, 60)]

    assert starts == [GRID.start(GRID.position(START) + number) for number in range(60)]


def test_a_slot_costs_one_call_while_nobody_else_takes_any():
    rows, clock = MemorySlots(), Clock()
    slots = Slots(GRID, rows, clock=clock)
    for _ in range(100):
        take(slots)
        clock.advance(seconds=3)

    assert rows.calls.total() == 100


@pytest.mark.parametrize(
    ("used", "ahead", "needed"),
    [
        pytest.param([1], 60, 1, id="one mail"),
        pytest.param([1, 2, 5, 20], 3600, 3, id="as many as a burst has used lately"),
        pytest.param([1, 2, 5, 20], 3, 2, id="but no more than in the time until they open"),
        pytest.param([100 + 2 * number for number in range(32)], 3600, 4, id="an eighth of what a long burst has used"),
        pytest.param([600 * number for number in range(24)], 3 * 3600, 8, id="what a flow needs in half of the time"),
        pytest.param([600 * number for number in range(24)], 1800, 1, id="which is soon over"),
        pytest.param([20 * number for number in range(32)], 1800, 4, id="a flow that has only begun is a burst"),
        pytest.param([0] * 64, 3600, 12, id="twelve at most"),
    ],
)
def test_an_instance_takes_beforehand_what_it_will_use(used, ahead, needed):
    lane = Lane(far=False)
    lane.takes.extend(START - timedelta(seconds=each) for each in used)

    assert lane.needs(START, timedelta(seconds=ahead)) == needed


@pytest.mark.parametrize("priority", Priority)
def test_what_is_known_of_slots_that_are_over_is_forgotten(clock, priority):
    slots = Slots(GRID, MemorySlots(), clock=clock)
    for _ in range(500):
        take(slots, priority=priority, earliest=clock.now)
        clock.advance(seconds=3)

    assert len(slots._mailboxes[SHOP].holders) < 100


def test_slots_that_are_minutes_away_are_taken_several_at_once_by_who_needs_many():
    rows = MemorySlots()
    starts = [slot.start for slot in take(Slots(GRID, rows, clock=Clock()), 400)]

    assert starts == [GRID.start(GRID.position(START) + number) for number in range(400)]
    assert rows.calls.total() <= 400 / 4


def test_mailboxes_have_slots_of_their_own(slots):
    (one,), (other,) = take(slots), take(slots, mailbox="alerts@contoso.com")

    assert one.start == other.start


@pytest.mark.parametrize("priority", Priority)
def test_instances_never_share_a_slot_and_leave_few_empty(slots, priority):
    instances = [slots, another(slots), another(slots)]

    with ThreadPoolExecutor(12) as pool:
        taken = list(pool.map(lambda number: take(instances[number % 3], priority=priority)[0].start, range(90)))

    assert len(set(taken)) == 90
    assert max(taken) <= START + 5 * MINUTE


def test_a_new_instance_finds_the_end_of_a_long_queue_by_few_calls():
    rows = MemorySlots()
    old = Slots(GRID, rows, clock=Clock())
    last = take(old, 29 * 150)[-1]
    rows.calls.clear()

    (slot,) = take(another(old))

    assert last.start < slot.start <= last.start + MINUTE
    assert rows.calls.total() <= 22


def test_where_the_crowds_of_all_mailboxes_are_is_read_at_once(clock):
    rows, boxes = MemorySlots(), [f"box{number}@contoso.com" for number in range(8)]
    slots = Slots(GRID, rows, clock=clock)
    taken = {box: take(slots, 200, mailbox=box)[-1] for box in boxes}
    slots = Slots(GRID, rows, clock=clock)

    assert all(take(slots, mailbox=box)[0].start > taken[box].start for box in boxes)
    assert rows.calls["front"] == 1


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


def test_what_is_scheduled_for_a_day_has_its_slots_there(slots):
    day = START + timedelta(days=30)
    take(slots, 40)

    taken = [slot.due for slot in take(slots, 40, earliest=day)]

    assert taken[0] == day
    assert max(taken) < day + 2 * MINUTE


def test_many_looks_in_a_second_cost_one_call_and_see_whose_slot_was_taken(rows, clock):
    slots, boxes = Slots(GRID, rows, clock=clock), [f"box{number}@contoso.com" for number in range(8)]
    mails = {box: take(slots, 3, mailbox=box)[-1] for box in boxes}
    taken = take(another(slots), priority=URGENT, mailbox=boxes[3])[0]
    while taken.start != mails[boxes[3]].start:
        taken = take(another(slots), priority=URGENT, mailbox=boxes[3])[0]
    looks = Counted(rows)
    slots = Slots(GRID, looks, clock=clock)

    held = {box for box, slot in mails.items() if slots.holds(box, slot.start, slot.ticket)}

    assert held == set(boxes) - {boxes[3]}
    assert looks.calls == {"preferred": 1}


def test_a_look_is_good_for_less_time_than_it_takes_to_lose_a_slot(rows, clock):
    slots = Slots(GRID, rows, clock=clock)
    bulk = take(slots, 5)
    assert all(slots.holds(SHOP, slot.start, slot.ticket) for slot in bulk)
    taken = take(another(slots), priority=URGENT)[0]
    clock.advance(seconds=1.6)

    assert [slot.start for slot in bulk if not slots.holds(SHOP, slot.start, slot.ticket)] == [taken.start]


PAUSE = timedelta(seconds=150)


@pytest.mark.parametrize("priority", Priority)
def test_nobody_leaves_from_a_slot_that_is_left_empty(rows, clock, priority):
    one = Slots(GRID, rows, clock=clock)
    before = take(one, 120, priority=priority)
    urgent = take(another(one), priority=URGENT)

    another(one).leave_empty(SHOP, START + PAUSE)

    fresh = Slots(GRID, rows, clock=clock)
    held = [slot for slot in before + urgent if fresh.holds(SHOP, slot.start, slot.ticket)]
    assert min(slot.due for slot in held) >= START + PAUSE
    assert len(held) >= 40, "whoever leaves after it keeps his slot"
    for others in Priority:
        assert take(Slots(GRID, rows, clock=clock), priority=others)[0].due >= START + PAUSE
        assert take(one, priority=others)[0].due >= START + PAUSE


def test_the_first_slots_after_a_pause_are_taken(slots):
    slots.leave_empty(SHOP, START + PAUSE)

    (slot,) = take(another(slots), priority=URGENT)

    assert slot.due <= START + PAUSE + MINUTE
    assert take(another(slots), mailbox="alerts@contoso.com")[0].due == START


def test_slots_are_left_empty_although_others_take_some_at_the_same_moment(slots):
    with ThreadPoolExecutor(4) as pool:
        taken = pool.submit(lambda: [take(another(slots), priority=NORMAL)[0] for _ in range(10)])
        slots.leave_empty(SHOP, START + PAUSE)
    late = [slot for slot in taken.result() if slot.due < START + PAUSE]

    assert not any(another(slots).holds(SHOP, slot.start, slot.ticket) for slot in late)


def test_a_pause_of_hours_leaves_a_quarter_of_an_hour_empty(slots):
    slots.leave_empty(SHOP, START + timedelta(hours=5))

    assert timedelta(minutes=14) < take(another(slots))[0].due - START < timedelta(minutes=18)


def test_of_a_high_rate_many_are_left_empty(rows, clock):
    grid = Grid(600)
    slots = Slots(grid, rows, clock=clock)
    slots.leave_empty(SHOP, START + timedelta(seconds=40))

    assert Slots(grid, rows, clock=clock).take(SHOP, NORMAL, START).due >= START + timedelta(seconds=40)


def test_a_look_is_good_no_longer_because_the_clock_was_set_back(rows, clock):
    slots = Slots(GRID, rows, clock=clock)
    bulk = take(slots, 5)
    clock.advance(seconds=10)
    assert all(slots.holds(SHOP, slot.start, slot.ticket) for slot in bulk)
    clock.now = START
    taken = take(another(slots), priority=URGENT)[0]

    assert [slot.start for slot in bulk if not slots.holds(SHOP, slot.start, slot.ticket)] == [taken.start]


def test_a_slot_that_was_given_up_can_be_taken(slots):
    (slot, _) = take(slots, 2)
    slots.free(SHOP, slot.start, "another")
    assert is_there(slots, slot)
    slots.free(SHOP, slot.start, slot.ticket)

    assert not is_there(slots, slot)
    assert take(another(slots))[0].start == slot.start


def test_nothing_is_taken_beyond_the_limit(slots):
    take(slots, 29)

    assert another(slots).take(SHOP, BULK, START, limit=START + timedelta(seconds=30)) is None


def test_slots_that_are_over_are_cleaned_up(storage):
    with closing(kept_table(storage_of(storage), f"t{uuid4().hex}")) as table:
        rows = TableSlots(table)
        slots = Slots(GRID, rows, clock=Clock())
        taken = take(slots, 70)

        assert sum(rows.forget(before=START + 2 * MINUTE)) >= 58

        assert [slot for slot in taken if is_there(slots, slot)] == taken[58:]


class Slow:
    """The rows, one write to which takes long: `meanwhile` is done before it is made, and `then` before its answer."""

    def __init__(self, rows, *, meanwhile=None, then=None):
        self.rows, self.meanwhile, self.then = rows, meanwhile, then

    def __getattr__(self, name):
        return getattr(self.rows, name)

    def take(self, *arguments, **options):
        meanwhile, then, self.meanwhile, self.then = self.meanwhile, self.then, None, None
        if meanwhile:
            meanwhile()
        versions = self.rows.take(*arguments, **options)
        if then:
            then()
        return versions


def test_a_slot_whose_write_came_after_the_look_of_the_mail_that_had_it_is_not_taken(rows, clock):
    (bulk,) = take(Slots(GRID, rows, clock=clock), earliest=START + MINUTE)
    clock.now = bulk.start - timedelta(seconds=1.6)
    leaving = []

    def leave():
        clock.now = bulk.start
        leaving.append(Slots(GRID, rows, clock=clock).holds(SHOP, bulk.start, bulk.ticket))

    (urgent,) = take(Slots(GRID, Slow(rows, meanwhile=leave), clock=clock), priority=URGENT, earliest=clock.now)

    assert leaving == [True]
    assert urgent.start != bulk.start


def test_a_slot_that_was_lost_before_its_write_was_answered_is_not_used_without_a_look(rows, clock):
    start = GRID.start(GRID.position(START) + 40)
    clock.now = start - SAFE - timedelta(seconds=0.1)
    lost = []

    def lose():
        lost.extend(take(Slots(GRID, rows, clock=clock), priority=URGENT, earliest=start))
        clock.advance(seconds=2)

    (bulk,) = take(Slots(GRID, Slow(rows, then=lose), clock=clock), earliest=start)

    assert lost[0].start == start
    assert bulk.start != start


@pytest.mark.parametrize("priority", Priority)
def test_a_mail_that_is_to_leave_in_a_while_takes_no_other_mail_along(slots, clock, priority):
    """As one that Graph did not take, and that comes back in a minute: the slots until then are for others."""
    others = another(slots)
    for _ in range(5):  # they meet
        take(slots), take(others)
    clock.now = START + 2 * MINUTE

    (later,) = take(slots, priority=priority, earliest=clock.now + timedelta(seconds=100))

    assert later.due >= clock.now + timedelta(seconds=100)
    for each in (slots, others, slots):
        assert take(each, priority=priority, earliest=clock.now)[0].due < clock.now + MINUTE


@pytest.mark.parametrize("rate", [10, 19, 29, 30, 60])
def test_a_slot_taken_beforehand_is_not_given_to_a_mail_that_comes_too_late_for_it(rate, clock):
    grid = Grid(rate)
    slots = Slots(grid, MemorySlots(), clock=clock)
    clock.now = START + min(grid.tolerance, grid.width * 0.99)
    slots.reserve(SHOP, BULK, clock.now, 3)
    clock.advance(seconds=1.9)

    (slot,) = take(slots, earliest=clock.now)

    assert not slots.is_late(slot.start, clock.now)


def test_mails_that_a_pause_holds_up_take_several_slots_at_once(clock):
    rows = MemorySlots()

    taken = take(Slots(GRID, rows, clock=clock), 8, earliest=START + MINUTE)

    assert len({slot.start for slot in taken}) == 8
    assert rows.calls.total() <= 4
