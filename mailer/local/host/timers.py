"""Timer triggers: an NCRONTAB schedule in UTC, one run at a time. Only the clock.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from azure.functions.meta import Datum
from cronsim import CronSim, CronSimError

from mailer.local.host.errors import StartupError


class Timer:
    """One timer function's loop. `run` gets the trigger's data and why it fires."""

    def __init__(
        self, schedule: str, run: Callable[[Datum, str], Awaitable[None]], *, run_on_startup: bool = False
    ) -> None:
        if problem := _problem(schedule):
            message = (
                f"The timer schedule '{schedule}' is not valid: {problem}. "
                "Use six fields: second, minute, hour, day, month, day of week."
            )
            raise StartupError(message)
        self._schedule = schedule
        self._run = run
        self._run_on_startup = run_on_startup

    async def fire_for_ever(self) -> None:
        """Wait and run until cancelled."""
        last = datetime.min.replace(tzinfo=UTC)
        if self._run_on_startup:
            last = await self._fire(last)
        while True:
            now = datetime.now(UTC)
            due = next(CronSim(self._schedule, now))
            await asyncio.sleep((due - now).total_seconds())
            last = await self._fire(last)

    async def _fire(self, last: datetime) -> datetime:
        now = datetime.now(UTC)
        # Told to stop, the loop ends; a function that runs goes on to its end.
        await asyncio.shield(self._run(timer_datum(self._schedule, last, now), f"Timer fired at {now.isoformat()}"))
        return now


def _problem(schedule: str) -> str | None:
    """Why this host cannot follow the schedule."""
    try:
        day, _, weekday = CronSim(schedule, datetime.now(UTC)).parts[-3:]
    except CronSimError as problem:
        return str(problem)
    both = not day.startswith("*") and not weekday.startswith("*")
    return "it sets both day and day of week, which cron and NCRONTAB read differently" if both else None


def timer_datum(schedule: str, last: datetime, now: datetime) -> Datum:
    """What a timer function is told."""
    status = {
        "Last": last.isoformat(),
        "Next": next(CronSim(schedule, now)).isoformat(),
        "LastUpdated": last.isoformat(),
    }
    return Datum(json.dumps({"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": False}), "json")
