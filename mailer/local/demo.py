"""One mail by HTTP and one by queue, as any app would send them, followed until they are in the inbox."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import requests
from azure.storage.queue import QueueClient

from mailer.delivery.mail import QueuedMessage
from mailer.local.stack import Stack
from mailer.request.model import TemplateUse
from mailer.templating.templates import PACKAGED, Templates

SENT_WITHIN = 60.0  # seconds
TEMPLATE = "order-confirmation"


class DemoFailed(Exception):
    """A mail did not get where it should; the text says which and how far it came."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One mail of the demo."""

    door: str
    id: str
    request: dict[str, Any]


def by_http(stack: Stack) -> Sent:
    """POST one templated mail."""
    request = _request("ada@example.com", number=7)
    reply = requests.post(f"{stack.url}/emails", json=request, timeout=30)
    if reply.status_code != requests.codes.accepted:
        message = f"POST /api/emails answered {reply.status_code}: {reply.text}"
        raise DemoFailed(message)
    return Sent(door="HTTP", id=reply.json()["id"], request=request)


def by_queue(stack: Stack) -> Sent:
    """Put one templated mail onto the queue, as any producer does."""
    request = _request("grace@example.com", number=8)
    queue = QueueClient.from_connection_string(stack.storage, stack.settings()["MAILER_QUEUE"])
    body = json.dumps(request)
    message = queue.send_message(body)
    # mailer makes the id of such a mail from the message itself.
    mail = QueuedMessage(body=body.encode(), id=message.id, inserted_at=message.inserted_on).mail_id
    return Sent(door="queue", id=mail, request=request)


def _request(recipient: str, *, number: int) -> dict[str, Any]:
    variables = json.loads((PACKAGED / TEMPLATE / "sample.json").read_text())
    variables["order"]["number"] = number
    return {"to": recipient, "template": {"id": TEMPLATE, "variables": variables}, "tags": {"flow": "demo"}}


def follow(stack: Stack, mail: Sent) -> str:
    """Wait until the mail is sent; the line that tells how its status moved."""
    record = _until(lambda: _record(stack, mail), SENT_WITHIN)
    if record is None or record["status"] != "sent":
        shown = _record(stack, mail, whole=True)
        message = f"The mail by {mail.door} ({mail.id}) is not sent after {SENT_WITHIN:.0f} s: {shown}"
        raise DemoFailed(message)
    moves = " → ".join(f"{status} {instant[11:23]}" for status, instant in record["times"].items())
    return f"{mail.door:5}  {mail.id}  {moves}"


def _record(stack: Stack, mail: Sent, *, whole: bool = False) -> dict[str, Any] | None:
    reply = requests.get(f"{stack.url}/emails/{mail.id}", timeout=30)
    record: dict[str, Any] = reply.json()
    return record if whole or record.get("status") == "sent" else None


def check(stack: Stack, mail: Sent) -> str:
    """See that the inbox has the mail as it was rendered; raises DemoFailed."""
    caught = _until(lambda: next(_caught(stack, mail), None), SENT_WITHIN)
    if caught is None:
        message = f"The mail by {mail.door} ({mail.id}) is sent, but not in the inbox."
        raise DemoFailed(message)
    expected = Templates().content(TemplateUse.model_validate(mail.request["template"]))
    recipients = [to["address"] for to in caught["to"]]
    seen = {"subject": caught["subject"], "to": recipients, "html": _text(caught["html"])}
    wanted = {"subject": expected.subject, "to": [mail.request["to"]], "html": _text(expected.body)}
    for part, value in wanted.items():
        if seen[part] != value:
            message = f"The mail by {mail.door} ({mail.id}) arrived with another {part}: {seen[part]!r}, not {value!r}."
            raise DemoFailed(message)
    return f"{mail.door:5}  {mail.id}  arrived: “{caught['subject']}” for {', '.join(recipients)}"


def _caught(stack: Stack, mail: Sent) -> Iterator[dict[str, Any]]:
    mails: list[dict[str, Any]] = requests.get(f"{stack.inbox}/api/email", timeout=30).json()
    return (caught for caught in mails if mail.id in caught["headers"].get("message-id", ""))


def _text(html: str) -> str:
    """Mail lines may end in CRLF."""
    return "\n".join(html.split())


def _until(look: Callable[[], dict[str, Any] | None], seconds: float) -> dict[str, Any] | None:
    deadline = time.monotonic() + seconds
    found = look()
    while not found and time.monotonic() < deadline:
        time.sleep(0.1)
        found = look()
    return found
