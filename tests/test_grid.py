"""The slots of a mailbox as a grid in time, and that no 60 seconds can hold more than the rate and a tenth."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.pace.grid import LEAST_TOLERANCE, SAFE, Grid
from mailer.request.members import Priority

RATES = st.integers(min_value=10, max_value=3000)
INSTANTS = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2080, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it


@given(RATES, INSTANTS)
def test_a_slot_begins_at_or_before_every_instant_in_it(rate, at):
    grid = Grid(rate)
    position = grid.position(at)

    assert grid.position(grid.start(position)) == position
    assert grid.start(position) <= at < grid.start(position + 1)


@given(RATES, INSTANTS)
def test_no_60_seconds_hold_more_than_the_rate_and_a_tenth(rate, since):
    """Whoever has a slot leaves between its lead and its tolerance: so these slots, and no others, can be in there."""
    grid = Grid(rate)
    first, last = since - grid.tolerance, since + timedelta(minutes=1) + grid.lead
    slots = grid.position(last) - grid.position(first)

    assert slots <= rate * 11 // 10


@pytest.mark.parametrize("rate", [*range(10, 17), *range(20, 301)])
def test_bulk_alone_gets_nine_tenths_of_the_rate(rate):
    assert Grid(rate).per_minute >= 0.9 * rate


@pytest.mark.parametrize("rate", range(17, 20))
def test_at_a_few_rates_bulk_gets_a_little_less(rate):
    """A tenth of them is one mail, as of ten; what is left of the minute after it is too short for a late message."""
    assert 0.88 * rate <= Grid(rate).per_minute < 0.9 * rate


@pytest.mark.parametrize("rate", range(1, 301))
def test_a_mail_that_comes_as_late_as_a_queue_delivers_still_has_its_slot(rate):
    assert Grid(rate).tolerance >= LEAST_TOLERANCE


@pytest.mark.parametrize("rate", range(1, 301))
def test_a_bulk_mail_that_has_waited_in_hand_leaves_in_time(rate):
    assert Grid(rate).lag in {timedelta(), min(timedelta(seconds=3), Grid(rate).tolerance - timedelta(seconds=2.7))}


@pytest.mark.parametrize("rate", [10, 30, 600])
def test_who_takes_a_slot_from_bulk_in_time_leaves_at_once(rate):
    grid = Grid(rate)
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    soonest = next(p for p in range(grid.position(now), grid.position(now) + 100) if grid.start(p) >= now + SAFE)

    assert grid.opens(soonest, Priority.URGENT) <= now
