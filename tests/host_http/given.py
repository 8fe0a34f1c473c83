"""What the tests of the host share: queues, and patience."""

import base64
import json
import time

from azure.core.exceptions import ResourceNotFoundError

WITHIN = 8.0


def eventually(found):
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def take(queue):
    """The next message of a queue, removed from it."""

    def first():
        try:
            message = queue.receive_message(visibility_timeout=30)
        except ResourceNotFoundError:
            return None
        if message:
            queue.delete_message(message)
        return message

    return decoded(eventually(first))


def decoded(message):
    return base64.b64decode(message.content).decode()


def taken_with(body, queue):
    """What the function saw of the message with this body; what it saw of others goes by."""
    return eventually(lambda: (seen := json.loads(take(queue))) and seen["body"] == body and seen)


def put(queue, body):
    queue.send_message(base64.b64encode(body.encode()).decode())
