"""What happens by the clock."""

import logging

import azure.functions as func

from mailer import wiring
from mailer.errors import ConfigError

log = logging.getLogger("mailer")

timers = func.Blueprint()


@timers.timer_trigger(arg_name="timer", schedule="0 * * * * *")
def release(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the trigger hands it over
    """Put the mails on the queue that are due within the next minutes, and go on with replays and retries by cause."""
    wiring.release()
    try:
        wiring.carry_on()  # in the same run, for each one costs a second at least
    except ConfigError as wrong:
        for problem in wrong.problems:
            log.error("setting_wrong %s", problem)  # noqa: TRY400 - where in the code says nothing here


@timers.timer_trigger(arg_name="timer", schedule="0 23,53 * * * *")
def sweep(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the trigger hands it over
    """Clean up what crashes left behind and what is past its time, twice an hour."""
    wiring.sweep()
