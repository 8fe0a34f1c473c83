"""Microsoft Graph's wire format and what each of its replies means. Opens no socket.

https://learn.microsoft.com/graph/api/user-sendmail and https://learn.microsoft.com/graph/errors
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from mailer.errors import CannotLook, Refusal, TryLater
from mailer.graph.verdicts import GRANT_READ, not_graphs, refusal_of
from mailer.request.address import Address
from mailer.request.attachment import File
from mailer.request.rendered import RenderedMail

API = "/v1.0"
LONGEST_WAIT = timedelta(days=1)  # whatever a reply asks for
LONGEST_RETRY_AFTER = 1_000  # characters of the header
TO_NOBODY: dict[str, Any] = {  # Graph looks at the rights before it refuses this one
    "message": {"subject": "mailer", "body": {"contentType": "text", "content": ""}, "toRecipients": []},
    "saveToSentItems": False,
}
USER_AGENT = "mailer/1"  # fixed, because an organisation may allow REST clients by their User-Agent


_NEXT_VALUE = re.compile(r",(?! ?\d\d[ -][A-Za-z])")  # and not the comma of a date


def send_mail_path(sender: Address) -> str:
    """The path of sendMail for this mailbox."""
    return f"{user_path(sender)}/sendMail"


def message_id(mail: str, sender: Address) -> str:
    """The Message-ID header: made of the mail's own id, so that the mail can be found again in Sent Items."""
    return f"<{mail}@{sender.address.rpartition('@')[2]}>"


def send_mail_body(mail: RenderedMail) -> dict[str, Any]:
    """What sendMail is given. Reads the files."""
    attachments = [attachment(file) for file in mail.files]
    content = message(mail) | ({"attachments": attachments} if attachments else {})
    return {"message": content, "saveToSentItems": mail.request.save_to_sent_items}


def message(mail: RenderedMail) -> dict[str, Any]:
    """The message without its files; https://learn.microsoft.com/graph/api/resources/message."""
    request = mail.request
    content: dict[str, Any] = {
        "subject": mail.content.subject,
        "body": {"contentType": mail.content.content_type, "content": mail.content.body},
        "toRecipients": [_recipient(address) for address in request.to],
        "importance": request.importance,
        "internetMessageId": message_id(mail.id, mail.sender),
    }
    # Graph refuses an empty list of headers, so nothing that is empty is sent at all.
    if request.cc:
        content["ccRecipients"] = [_recipient(address) for address in request.cc]
    if request.bcc:
        content["bccRecipients"] = [_recipient(address) for address in request.bcc]
    if request.reply_to:
        content["replyTo"] = [_recipient(address) for address in request.reply_to]
    if request.headers:
        content["internetMessageHeaders"] = [{"name": name, "value": text} for name, text in request.headers.items()]
    if request.categories:
        content["categories"] = list(request.categories)
    if request.delivery_receipt:
        content["isDeliveryReceiptRequested"] = True
    if request.read_receipt:
        content["isReadReceiptRequested"] = True
    if mail.sender.name:
        content["from"] = _recipient(mail.sender)
    return content


def attachment(file: File) -> dict[str, Any]:
    """A file inside of a request; https://learn.microsoft.com/graph/api/resources/fileattachment. Reads it."""
    return file_facts(file) | {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "contentBytes": base64.b64encode(file.read(0, file.size)).decode(),
    }


def file_facts(file: File) -> dict[str, Any]:
    """What Graph is told about a file beside its bytes."""
    facts: dict[str, Any] = {"name": file.filename, "contentType": file.content_type}
    return facts | ({"isInline": True, "contentId": file.content_id} if file.content_id else {})


def request_headers(mail: str, token: str) -> dict[str, str]:
    """The mail's id is the client-request-id, by which Microsoft's support finds a request."""
    return {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "client-request-id": mail,
        "return-client-request-id": "true",
    }


def _recipient(address: Address) -> dict[str, Any]:
    named = {"address": address.address, "name": address.name} if address.name else {"address": address.address}
    return {"emailAddress": named}


def check_reply(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """Graph's request-id if the mail was accepted; otherwise raises the Refusal that the reply means.

    Only 202 is success, also with a Retry-After; a 200 has been seen for mail that was not sent.
    """
    request_id = headers.get("request-id", "")
    if status == 202:
        return request_id
    raise refusal(status, headers, body)


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    """What a reply means that is no success.

    By code first and status second: permanent faults come as 500 and temporary ones as 403. A reply without Graph's
    error envelope is a proxy's or a firewall's, and no verdict on the mail.
    """
    code, after, request_id = _code(body), retry_after(headers), headers.get("request-id", "")
    if code is None:
        return not_graphs(status, after, request_id)
    said = " ".join(filter(None, [f"Graph answered {status}", code, request_id and f"(request-id {request_id})"]))
    return refusal_of(status, code, after, said)


def sent_items_path(mail: str, sender: Address) -> str:
    """Where the copy of this mail in Sent Items is looked for; needs a permission that sending does not."""
    query = quote(f"internetMessageId eq '{message_id(mail, sender)}'", safe="")
    return f"{user_path(sender)}/mailFolders/sentitems/messages?$filter={query}&$select=id,internetMessageId"


def user_path(sender: Address) -> str:
    """The path of a mailbox, of which https://learn.microsoft.com/graph/known-issues has a second form for a $ name."""
    if sender.address.startswith("$"):
        name = quote(sender.address.replace("'", "''"), safe="@$'")
        return f"{API}/users('{name}')"
    return f"{API}/users/{quote(sender.address, safe='@')}"


def read_sent_items(status: int, headers: Mapping[str, str], body: bytes, wanted: str) -> bool:
    """Whether a mail with the wanted Message-ID is in the answer, whatever else Graph lists.

    Raises CannotLook without the permission, TryLater without an answer.
    """
    code = error_code(body)
    name = code or f"http_{status}"
    if status != 200 and not is_graphs(body):
        refused = refusal(status, headers, body)
        raise refused if isinstance(refused, TryLater) else TryLater(str(refused), code=name)
    if status in {401, 403}:
        raise CannotLook(f"Graph answered {name} when asked for Sent Items. {GRANT_READ}", code=name)
    if status != 200:
        message = f"Graph answered {name} when asked for Sent Items."
        raise TryLater(message, code=name, after=retry_after(headers))
    try:
        return any(copy["internetMessageId"] == wanted for copy in json.loads(body)["value"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        message = "Graph's answer about Sent Items cannot be read."
        raise TryLater(message, code="unreadable_answer") from error


def error_code(body: bytes) -> str:
    """The reply's `error.code`; empty for anything that is not Graph's error envelope, such as a proxy's page."""
    return _code(body) or ""


def is_graphs(body: bytes) -> bool:
    """Whether a refusal is in Graph's own error envelope; https://learn.microsoft.com/graph/errors."""
    return _code(body) is not None


def _code(body: bytes) -> str | None:
    try:
        code = json.loads(body)["error"]["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return code if isinstance(code, str) else None


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> timedelta | None:
    """How long the reply asks us to wait: seconds, possibly with a fraction, or until a date; the longest of several.

    A date counts from `now`, else from the reply's own date, so that a clock that is wrong does no harm.
    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    text = headers.get("Retry-After", "")[:LONGEST_RETRY_AFTER]
    since = now or _date(headers.get("Date", "")) or datetime.now(UTC)
    return max(_waits(text, since), default=None)


def _waits(text: str, since: datetime) -> Iterator[timedelta]:
    for part in _NEXT_VALUE.split(text):  # a header that came twice is joined by commas
        until = _date(part)
        with suppress(ValueError, OverflowError):  # of what is neither, and of more than there is
            seconds = (until - since).total_seconds() if until else float(part)
            yield min(timedelta(seconds=max(0.0, seconds)), LONGEST_WAIT)


def _date(text: str) -> datetime | None:
    with suppress(ValueError, OverflowError):
        instant = parsedate_to_datetime(text)
        return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return None
