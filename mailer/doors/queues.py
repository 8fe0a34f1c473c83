"""Mails from the queue, and the messages that the host has given up."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import azure.functions as func

from mailer import wiring
from mailer.doors import wrong_settings
from mailer.errors import ConfigError
from mailer.settings import read_settings, storage_connection

if TYPE_CHECKING:
    from mailer.delivery.deliver import Delivery
    from mailer.delivery.mail import QueuedMessage


def deliver_email(msg: func.QueueMessage) -> None:
    """Send one mail from the queue."""
    _taken(msg, lambda delivery, message: delivery.deliver(message))


def account_for_email(msg: func.QueueMessage) -> None:
    """Record as failed, and keep, what the host has moved to the poison queue."""
    _taken(msg, lambda delivery, message: delivery.give_up(message))


def _taken(msg: func.QueueMessage, take: "Callable[[Delivery, QueuedMessage], object]") -> None:
    """The message goes back onto the queue where a setting keeps the step from being plugged together."""
    from mailer.delivery.mail import QueuedMessage
    from mailer.delivery.put_back import put_back
    from mailer.delivery.several import each

    message = QueuedMessage(body=msg.get_body(), id=str(msg.id), inserted_at=msg.insertion_time)
    try:
        delivery = wiring.delivery()
    except ConfigError as reason:
        wrong, outbox, now = reason, wiring.stores().outbox, wiring.clock()
        each(message, lambda part: put_back(part, wrong, outbox=outbox, now=now), map)
        return
    take(delivery, message)


def queues(environ: Mapping[str, str]) -> func.Blueprint:
    """The triggers on the queues that these settings name; none while a setting is wrong, so that mails wait there."""
    doors = func.Blueprint()
    try:
        queue = read_settings(environ).queue
    except ConfigError as wrong:  # HTTP goes on, for the health page tells what is wrong
        wrong_settings.tell(wrong)
        return doors
    connection = storage_connection(environ)
    doors.queue_trigger(arg_name="msg", queue_name=queue, connection=connection)(deliver_email)
    doors.queue_trigger(arg_name="msg", queue_name=f"{queue}-poison", connection=connection)(account_for_email)
    return doors
