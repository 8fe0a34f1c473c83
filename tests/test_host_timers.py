"""Timer functions of the embedded host fire by their schedule."""

import asyncio
import contextlib
import json
from datetime import UTC, datetime

import pytest

from mailer.local.host.errors import StartupError
from mailer.local.host.timers import Timer, timer_datum


def fired(schedule, seconds, *, takes=0.0, **options):
    """When the timer fired, and which of its runs ended, within a time and after it was told to stop."""
    began, ended = [], []

    async def run(data, reason):
        began.append((datetime.now(UTC), json.loads(data.value), reason))
        await asyncio.sleep(takes)
        ended.append(len(began))

    async def go():
        loop = asyncio.create_task(Timer(schedule, run, **options).fire_for_ever())
        await asyncio.sleep(seconds)
        loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loop
        await asyncio.sleep(takes)

    asyncio.run(go())
    return began, ended


def test_a_timer_fires_at_the_seconds_of_its_schedule():
    began, _ = fired("* * * * * *", 2.1)

    assert len(began) in {2, 3}  # as the seconds fall
    assert all(moment.microsecond < 200_000 for moment, _, _ in began)
    (first, told, reason), (_, then, _), *_ = began
    assert reason.startswith(f"Timer fired at {first:%Y-%m-%dT%H:%M:%S}")
    assert told["IsPastDue"] is False
    assert then["ScheduleStatus"]["Last"].startswith(f"{first:%Y-%m-%dT%H:%M:%S}")


def test_a_timer_does_not_run_on_startup_unless_told():
    assert fired("0 0 0 1 1 *", 0.1)[0] == []
    assert len(fired("0 0 0 1 1 *", 0.1, run_on_startup=True)[0]) == 1


def test_a_run_that_has_begun_ends_although_the_host_stops():
    began, ended = fired("0 0 0 1 1 *", 0.1, takes=0.3, run_on_startup=True)

    assert len(began) == 1
    assert ended == [1]


@pytest.mark.parametrize(
    ("schedule", "following"),
    [
        ("0 */5 * * * *", "2026-11-23T12:05:00+00:00"),
        ("0 0 * * * *", "2026-11-23T13:00:00+00:00"),
        ("30 0 9 * * 1-5", "2026-11-24T09:00:30+00:00"),
        ("0 0 0 1 jan *", "2027-01-01T00:00:00+00:00"),
        ("*/5 * * * *", "2026-11-23T12:05:00+00:00"),
    ],
)
def test_a_schedule_has_seconds_first_and_may_leave_them_out(schedule, following):
    now = datetime(2026, 11, 23, 12, 0, 1, tzinfo=UTC)

    assert json.loads(timer_datum(schedule, now, now).value)["ScheduleStatus"]["Next"] == following


@pytest.mark.parametrize("schedule", ["", "every day", "0 0 25 * * *", "00:05:00", "0 0 0 1 * 1"])
def test_a_schedule_that_cannot_be_is_refused(schedule):
    with pytest.raises(StartupError, match="is not valid"):
        Timer(schedule, None)
