"""An accepted mail as MIME, the form in which it travels by SMTP."""

from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from mailer.local.cloud.model import AcceptedMail, Attachment, Recipient
from mailer.templating.plain_text import plain_text


def as_mime(mail: AcceptedMail, contents: Sequence[bytes]) -> EmailMessage:
    """The mail as it goes over the wire, without its bcc recipients; HTML gets a text part, as from Exchange."""
    message = headed(mail)
    files = list(zip(mail.attachments, contents, strict=True))
    inline = [file for file in files if mail.content_type == "html" and file[0].is_inline and file[0].content_id]
    if mail.content_type == "text":
        message.set_content(mail.body)
    else:
        message.set_content(plain_text(mail.body))
        message.add_alternative(mail.body, subtype="html")
        html = list(message.iter_parts())[-1]
        for attachment, content in inline:
            main, sub = media_type(attachment)
            html.add_related(
                content, main, sub, cid=f"<{attachment.content_id}>", filename=attachment.name, disposition="inline"
            )
    for attachment, content in files:
        if (attachment, content) not in inline:
            main, sub = media_type(attachment)
            message.add_attachment(content, main, sub, filename=attachment.name)
    return message


def headed(mail: AcceptedMail) -> EmailMessage:
    """A message with the mail's headers and nothing in it."""
    message = EmailMessage(policy=SMTP)
    message["From"] = addresses((mail.sender,))
    for name, recipients in (("To", mail.to), ("Cc", mail.cc), ("Reply-To", mail.reply_to)):
        if recipients:
            message[name] = addresses(recipients)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.accepted_at)
    message["Message-ID"] = mail.internet_message_id
    if mail.importance != "normal":
        message["Importance"] = mail.importance
        message["X-Priority"] = {"high": "1", "low": "5"}[mail.importance]
    if mail.is_read_receipt_requested:
        message["Disposition-Notification-To"] = mail.sender.address
    if mail.is_delivery_receipt_requested:
        message["Return-Receipt-To"] = mail.sender.address
    for name, value in mail.headers.items():
        message[name] = value
    return message


def addresses(recipients: tuple[Recipient, ...]) -> tuple[Address, ...]:
    """The recipients as the email package writes them into a header."""
    return tuple(Address(display_name=one.name, addr_spec=one.address) for one in recipients)


def media_type(attachment: Attachment) -> tuple[str, str]:
    """The attachment's main type and subtype."""
    main, _, sub = attachment.content_type.partition(";")[0].strip().partition("/")
    # Parts that hold other parts cannot be made from bytes.
    return (main, sub) if sub and main not in ("multipart", "message") else ("application", "octet-stream")
