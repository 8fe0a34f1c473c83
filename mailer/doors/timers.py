"""What happens by the clock."""

import azure.functions as func

from mailer import wiring
from mailer.doors import wrong_settings
from mailer.errors import ConfigError

timers = func.Blueprint()


@timers.timer_trigger(arg_name="timer", schedule="0 * * * * *")
def release(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the trigger hands it over
    """Put the mails on the queue that are due within the next minutes, and go on with replays and retries by cause."""
    wiring.release()
    try:
        wiring.carry_on()  # in the same run, for each one costs a second at least
    except ConfigError as wrong:
        wrong_settings.tell(wrong)


@timers.timer_trigger(arg_name="timer", schedule="0 23,53 * * * *")
def sweep(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the trigger hands it over
    """Clean up what crashes left behind and what is past its time, twice an hour."""
    wiring.sweep()
