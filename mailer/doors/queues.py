"""Mails from the queue."""

import logging
from collections.abc import Mapping

import azure.functions as func

from mailer import wiring
from mailer.errors import ConfigError
from mailer.settings import read_settings, storage_connection

log = logging.getLogger("mailer")


def deliver_email(msg: func.QueueMessage) -> None:
    """Send one mail from the queue."""
    from mailer.delivery.deliver import QueuedMessage

    message = QueuedMessage(body=msg.get_body(), id=str(msg.id), inserted_at=msg.insertion_time)
    wiring.delivery().deliver(message)


def queues(environ: Mapping[str, str]) -> func.Blueprint:
    """The trigger on the queue that these settings name; none while a setting is wrong, so that mails wait there."""
    doors = func.Blueprint()
    try:
        queue = read_settings(environ).queue
    except ConfigError as wrong:
        # HTTP goes on, for the health page tells what is wrong.
        for problem in wrong.problems:
            log.error("setting_wrong %s", problem)  # noqa: TRY400 - where in the code says nothing here
    else:
        doors.queue_trigger(arg_name="msg", queue_name=queue, connection=storage_connection(environ))(deliver_email)
    return doors
