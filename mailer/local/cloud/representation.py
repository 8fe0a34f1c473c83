"""How Graph shows a message, in a folder or as the answer to its creation.

https://learn.microsoft.com/graph/api/resources/message
"""

import hashlib
from typing import Any

from mailer.local.cloud.edm import TYPES, ancestry
from mailer.local.cloud.model import AcceptedMail, Draft, Recipient

PROPERTIES = {name for one in ancestry("message") for name in TYPES["types"][one]["props"]}


def as_graph(message: Draft | AcceptedMail, selected: set[str]) -> dict[str, Any]:
    """A draft or a sent mail as a Graph message, with the selected properties."""
    if isinstance(message, Draft):
        number, at = message.id, message.created_at
    else:
        at = message.accepted_at
        number = hashlib.sha256(f"{message.mailbox} {message.internet_message_id} {at}".encode()).hexdigest()
    time = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    everything: dict[str, Any] = {
        "id": number,
        "createdDateTime": time,
        "lastModifiedDateTime": time,
        "receivedDateTime": time,
        "sentDateTime": time,
        "isDraft": isinstance(message, Draft),
        "isRead": True,
        "hasAttachments": any(not attachment.is_inline for attachment in message.attachments),
        "internetMessageId": message.internet_message_id,
        "subject": message.subject,
        "importance": message.importance,
        "categories": message.categories,
        "isDeliveryReceiptRequested": message.is_delivery_receipt_requested,
        "isReadReceiptRequested": message.is_read_receipt_requested,
        "body": {"contentType": message.content_type, "content": message.body},
        "sender": wire(message.sender),
        "from": wire(message.sender),
        "toRecipients": [wire(one) for one in message.to],
        "ccRecipients": [wire(one) for one in message.cc],
        "bccRecipients": [wire(one) for one in message.bcc],
        "replyTo": [wire(one) for one in message.reply_to],
    }
    chosen = {name: value for name, value in everything.items() if name in selected}
    etag = hashlib.sha256(number.encode()).hexdigest()[:16]
    return {"@odata.etag": f'W/"{etag}"', **chosen}


def wire(recipient: Recipient) -> dict[str, dict[str, str]]:
    """A recipient as Graph writes it: one without a name is named by the address."""
    return {"emailAddress": {"name": recipient.name or recipient.address, "address": recipient.address}}
