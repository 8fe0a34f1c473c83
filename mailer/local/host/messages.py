"""A queue message's text ↔ what functions see: encoding, and the trigger's metadata. Pure.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#message-metadata
"""

import base64
import binascii
import json

from azure.functions.meta import Datum
from azure.storage.queue import QueueMessage


def decode(text: str, *, from_base64: bool) -> str:
    """The message's body; raises ValueError when it should be base64 and is not."""
    if not from_base64:
        return text
    try:
        # .NET's decoder skips white space, and nothing else.
        return base64.b64decode("".join(text.split()), validate=True).decode(errors="replace")
    except binascii.Error as problem:
        message = f"the message is not base64: {problem}"
        raise ValueError(message) from None


def encode(body: str | bytes, *, to_base64: bool) -> str:
    """The body as it is stored; raises ValueError for bytes that plain text cannot hold."""
    raw = body.encode() if isinstance(body, str) else body
    return base64.b64encode(raw).decode() if to_base64 else raw.decode()


def outgoing(datum: Datum) -> list[str | bytes]:
    """The messages that a queue output stands for; raises TypeError for func.QueueMessage."""
    if datum.type in {"string", "bytes"}:
        return [datum.value]
    items = json.loads(datum.value)
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        message = "a queue output must be str, bytes or a list of str: what Azure stores for others is undocumented"
        raise TypeError(message)
    return list(items)


def metadata(message: QueueMessage, body: str) -> dict[str, Datum]:
    """What the trigger tells about a message, as the host sends it to the worker."""
    told = {
        "Id": Datum(message.id, "string"),
        "DequeueCount": Datum(str(message.dequeue_count), "json"),
        "PopReceipt": Datum(message.pop_receipt, "string"),
    }
    times = {
        "ExpirationTime": message.expires_on,
        "InsertionTime": message.inserted_on,
        "NextVisibleTime": message.next_visible_on,
    }
    told |= {name: Datum(json.dumps(moment.isoformat()), "json") for name, moment in times.items() if moment}
    return overwritten(told, body)


def overwritten(told: dict[str, Datum], body: str) -> dict[str, Datum]:
    """The metadata after the host let the body's members replace it.

    If the body is a JSON object, each of its top-level members that is neither null nor a list becomes metadata,
    whatever the case of its name: a body with "id" changes the message's id as the function sees it.
    https://github.com/Azure/azure-functions-python-library/issues/49
    """
    try:
        members = json.loads(body) if body.lstrip().startswith("{") else {}
    except (ValueError, RecursionError):  # which the host cannot read either
        return told
    names = {name.casefold(): name for name in told}
    replaced = dict(told)
    for name, value in members.items():
        if value is not None and not isinstance(value, list):
            replaced[names.setdefault(name.casefold(), name)] = _member(value)
    return replaced


def _member(value: object) -> Datum:
    """An object travels as JSON, all else as .NET's text of it."""
    if isinstance(value, dict):
        return Datum(json.dumps(value), "json")
    return Datum(value if isinstance(value, str) else str(value), "string")
