"""Hands accepted mails to the mail catcher by SMTP, in order, behind the caller's back."""

import queue
import smtplib
import threading
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from mailer.local.cloud.model import AcceptedMail, Attachment, Recipient
from mailer.plain_text import plain_text

WITHIN = 5.0  # seconds for one answer of the mail catcher
IDLE = 0.5  # seconds without a mail after which the connection is closed, so that MailDev can stop at once


class Courier:
    """A thread that delivers one mail after the other; it dies with the process.

    It keeps its connection as long as mails come: MailDev lets every new one wait for 100 ms.
    """

    def __init__(self, smtp_port: int) -> None:
        self._port = smtp_port
        self._mails: queue.SimpleQueue[tuple[AcceptedMail, list[bytes]]] = queue.SimpleQueue()
        self._smtp: smtplib.SMTP | None = None
        threading.Thread(target=self._deliver_all, name="courier", daemon=True).start()

    def hand_over(self, mail: AcceptedMail, contents: list[bytes]) -> None:
        """Take a mail for delivery; `contents` are the bytes of its attachments."""
        self._mails.put((mail, contents))

    def _deliver_all(self) -> None:
        while True:
            try:
                mail, contents = self._mails.get(timeout=IDLE if self._smtp else None)
            except queue.Empty:
                self._hang_up()
                continue
            try:
                self._deliver(mail, contents)
            except Exception as error:  # noqa: BLE001 - whatever one mail does, the next ones must go out
                print(
                    f"{mail.internet_message_id} was accepted, but MailDev on port {self._port} did not get it: "
                    f"{type(error).__name__}: {error}. Is it running? The mail is not tried again.",
                    flush=True,
                )
                self._hang_up()

    def _deliver(self, mail: AcceptedMail, contents: list[bytes]) -> None:
        envelope = [one.address for one in (*mail.to, *mail.cc, *mail.bcc)]
        if self._smtp is None:
            # A name of our own: looking ours up can take seconds.
            self._smtp = smtplib.SMTP("127.0.0.1", self._port, local_hostname="localhost", timeout=WITHIN)
        self._smtp.send_message(as_mime(mail, contents), mail.sender.address, envelope)

    def _hang_up(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp = None


def as_mime(mail: AcceptedMail, contents: list[bytes]) -> EmailMessage:
    """The mail as it goes over the wire, without its bcc recipients; HTML gets a text part, as from Exchange."""
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
    for name, value in mail.headers.items():
        message[name] = value
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


def addresses(recipients: tuple[Recipient, ...]) -> tuple[Address, ...]:
    """The recipients as the email package writes them into a header."""
    return tuple(Address(display_name=one.name, addr_spec=one.address) for one in recipients)


def media_type(attachment: Attachment) -> tuple[str, str]:
    """The attachment's main type and subtype."""
    main, _, sub = attachment.content_type.partition(";")[0].strip().partition("/")
    # Parts that hold other parts cannot be made from bytes.
    return (main, sub) if sub and main not in ("multipart", "message") else ("application", "octet-stream")
