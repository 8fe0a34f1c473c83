"""Event Grid's and CloudEvents' envelopes, in which Azure's event sources put onto a queue what a producer gave them.

https://learn.microsoft.com/azure/event-grid/event-schema and
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from mailer.errors import InvalidRequest, Problem
from mailer.request.base64_text import read_base64
from mailer.request.json_object import read_object

LONGEST_KEY = 256  # characters of an idempotency key

# What .NET's output binding and serialisers may write beside a mail's own members, and editors for themselves.
_BESIDE = re.compile(r"\$(AzureWebJobs\w*|schema|type|id)", re.ASCII)


def without_additions(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that a producer meant; https://github.com/Azure/azure-webjobs-sdk/issues/850 tells of another."""
    return {name: value for name, value in members.items() if not _BESIDE.fullmatch(name)}


def envelope_of(members: Mapping[str, Any]) -> str:
    """What kind of event this is, in words; nothing for what is no event."""
    if "to" in members:
        return ""
    if "specversion" in members and "type" in members:
        return f"a CloudEvents event (type {_shown(members['type'])})"
    if "eventType" in members and ("data" in members or "eventTime" in members):
        return f"an Event Grid event (type {_shown(members['eventType'])})"
    return ""


def mail_of(members: dict[str, Any]) -> dict[str, Any]:
    """The mail in an event, with the event's `source/id` as its key if it has none; what is no event stays as it is.

    Raises InvalidRequest with one sentence for an event whose data is no mail.
    """
    if "$content" in members and "to" not in members:
        message = "This is content as Logic Apps wraps it: put the object itself into the message, with `json(…)`."
        raise InvalidRequest([Problem(code="validation_error", message=message, target="$content")])
    kind = envelope_of(members)
    if not kind:
        return members
    data = _data(members, kind)
    if not any(name.casefold() == "to" for name in data):
        message = (
            f"This is {kind}, and its data is no mail: mailer sends an event whose `data` is a request, "
            "with `to` at least."
        )
        raise InvalidRequest([Problem(code="validation_error", message=message, target="data")])
    if data.get("idempotency_key") is None:
        data["idempotency_key"] = _key(members, kind)
    return data


def _data(members: Mapping[str, Any], kind: str) -> dict[str, Any]:
    data, encoded = members.get("data"), members.get("data_base64")
    fault, target = "", "data"
    if data is not None and encoded is not None:
        fault = "has both `data` and `data_base64`: it may have one of them"
    elif isinstance(data, str) and data.lstrip().startswith("{"):
        fault = "has JSON inside a JSON string as its `data`: send the object itself"
    elif encoded is not None:
        target = "data_base64"
        try:
            return without_additions(read_object(read_base64(encoded if isinstance(encoded, str) else "")))
        except (InvalidRequest, ValueError) as error:
            fault = "has in its `data_base64` no JSON object in base64" + (
                f" ({str(error).rstrip('.')})" if str(error) else ""
            )
    if fault:
        raise InvalidRequest([Problem(code="validation_error", message=f"This is {kind}; it {fault}.", target=target)])
    return without_additions(data) if isinstance(data, dict) else {}


def _key(members: Mapping[str, Any], kind: str) -> str:
    """CloudEvents makes `source` and `id` unique together; Event Grid's source is its topic, which it may leave out."""
    source, event = members.get("source", members.get("topic")), members.get("id")
    if not (isinstance(event, str) and event.strip() and isinstance(source, str | None)):
        message = f"This is {kind}, and it has no text as its `id`, by which a repetition could be known."
        raise InvalidRequest([Problem(code="validation_error", message=message, target="id")])
    key = f"{source}/{event}" if source else event
    if len(key) <= LONGEST_KEY and key.isprintable():
        return key
    return hashlib.sha256(key.encode()).hexdigest()


def _shown(kind: object) -> str:
    return kind if isinstance(kind, str) and re.fullmatch(r"[\w.:/-]{1,100}", kind, re.ASCII) else "…"
