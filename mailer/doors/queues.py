"""Mails from the queue, and the messages that the host has given up."""

import logging
from collections.abc import Mapping

import azure.functions as func

from mailer import wiring
from mailer.errors import ConfigError
from mailer.settings import read_settings, storage_connection

log = logging.getLogger("mailer")


def deliver_email(msg: func.QueueMessage) -> None:
    """Send one mail from the queue."""
    from mailer.delivery.mail import QueuedMessage

    wiring.delivery().deliver(QueuedMessage(body=msg.get_body(), id=str(msg.id), inserted_at=msg.insertion_time))


def account_for_email(msg: func.QueueMessage) -> None:
    """Record as failed, and keep, what the host has moved to the poison queue."""
    from mailer.delivery.mail import QueuedMessage

    wiring.delivery().give_up(QueuedMessage(body=msg.get_body(), id=str(msg.id), inserted_at=msg.insertion_time))


def queues(environ: Mapping[str, str]) -> func.Blueprint:
    """The triggers on the queues that these settings name; none while a setting is wrong, so that mails wait there."""
    doors = func.Blueprint()
    try:
        queue = read_settings(environ).queue
    except ConfigError as wrong:
        # HTTP goes on, for the health page tells what is wrong.
        for problem in wrong.problems:
            log.error("setting_wrong %s", problem)  # noqa: TRY400 - where in the code says nothing here
        return doors
    connection = storage_connection(environ)
    doors.queue_trigger(arg_name="msg", queue_name=queue, connection=connection)(deliver_email)
    doors.queue_trigger(arg_name="msg", queue_name=f"{queue}-poison", connection=connection)(account_for_email)
    return doors
