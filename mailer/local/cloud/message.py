"""What Exchange makes of a message that Graph could read: a draft, or a mail to be submitted, or a refusal."""

import re
import uuid
from typing import Any

from mailer.local.cloud.attachments import one_line, take_file
from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.model import Content, Mailbox, Message, Recipient

ATOM = r"[^\s@<>(),;:\"\\\[\].]+"
ADDRESS = re.compile(rf"{ATOM}(\.{ATOM})*@{ATOM}(\.{ATOM})+")
HEADER_NAME = re.compile(r"[!-9;-~]+")
MOST_HEADERS = 5


def take_message(message: dict[str, Any], mailbox: Mailbox) -> tuple[Message, list[Content]]:
    """The message and the contents of its attachments; raises Refusal."""
    sender = sender_of(message, mailbox)
    to, cc, bcc = (recipients(message, f"{kind}Recipients") for kind in ("to", "cc", "bcc"))
    reply_to = recipients(message, "replyTo")
    headers = headers_of(message)
    files = [take_file(entry) for entry in message.get("attachments", ())]
    body: dict[str, Any] = message.get("body") or {}
    taken = Message(
        mailbox=mailbox.address,
        sender=sender,
        internet_message_id=one_line(message.get("internetMessageId") or "")
        or f"<{uuid.uuid4().hex.upper()}@local.prod.outlook.com>",
        subject=one_line(message.get("subject") or ""),
        to=to,
        cc=cc,
        bcc=bcc,
        reply_to=reply_to,
        headers=headers,
        content_type=(body.get("contentType") or "text").lower(),
        body=body.get("content") or "",
        importance=(message.get("importance") or "normal").lower(),
        categories=tuple(message.get("categories", ())),
        is_delivery_receipt_requested=message.get("isDeliveryReceiptRequested") or False,
        is_read_receipt_requested=message.get("isReadReceiptRequested") or False,
        attachments=tuple(attachment for attachment, _ in files),
    )
    return taken, [content for _, content in files]


def sender_of(message: dict[str, Any], mailbox: Mailbox) -> Recipient:
    """Whom the mail is from. An alias of the mailbox is rewritten to its address, as Exchange does by default."""
    chosen = Recipient(address=mailbox.address, name=mailbox.name)
    for key in ("sender", "from"):
        given = (message.get(key) or {}).get("emailAddress") or {}
        address = (given.get("address") or "").lower()
        name = one_line(given.get("name") or mailbox.name)
        if not address:
            continue
        if address in (mailbox.address, *mailbox.aliases):
            chosen = Recipient(address=mailbox.address, name=name)
        elif address in mailbox.send_as:
            chosen = Recipient(address=address, name=name)
        else:
            text = (
                "The user account which was used to submit this request does not have the right to send mail on behalf "
                "of the specified sending account."
            )
            raise Refusal(403, "ErrorSendAsDenied", text)
    return chosen


def recipients(message: dict[str, Any], key: str) -> tuple[Recipient, ...]:
    """The recipients under one property; raises Refusal for a malformed one."""
    return tuple(recipient(entry) for entry in message.get(key, ()))


def recipient(entry: dict[str, Any]) -> Recipient:
    """One recipient. Only the form of the address counts: an unknown one bounces later, as at Exchange."""
    email = entry.get("emailAddress") or {}
    address = (email.get("address") or "").strip()
    if not ADDRESS.fullmatch(address):
        text = (
            f"At least one recipient is not valid., Recipient '{address}' is not resolved. All recipients must be "
            "resolved before a message can be submitted."
        )
        raise Refusal(400, "ErrorInvalidRecipients", text)
    return Recipient(address=address, name=one_line(email.get("name") or ""))


def headers_of(message: dict[str, Any]) -> dict[str, str]:
    """The custom headers. Present but empty is refused, as by the service (microsoftgraph/msgraph-sdk-dotnet#2208)."""
    if "internetMessageHeaders" not in message:
        return {}
    entries = message["internetMessageHeaders"]
    if not 1 <= len(entries) <= MOST_HEADERS:
        text = (
            f"A message has 1 to {MOST_HEADERS} headers, or no header collection at all; this one has {len(entries)}."
        )
        raise Refusal(400, "InvalidInternetMessageHeaderCollection", text)
    for entry in entries:
        name = entry.get("name") or ""
        if not name.lower().startswith("x-") or not HEADER_NAME.fullmatch(name):
            text = f"The internet message header name '{name}' should start with 'x-' or 'X-'."
            raise Refusal(400, "InvalidInternetMessageHeader", text)
    return {entry["name"]: one_line(entry.get("value") or "") for entry in entries}
