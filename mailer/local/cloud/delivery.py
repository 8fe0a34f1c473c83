"""Hands accepted mails to the mail catcher by SMTP, in order, behind the caller's back."""

import base64
import queue
import re
import secrets
import smtplib
import threading
from email.message import EmailMessage

from mailer.local.cloud.mime import as_mime
from mailer.local.cloud.model import AcceptedMail, Content
from mailer.request.mail_id import is_mail_id

WITHIN = 30.0  # seconds for one answer of the mail catcher, which reads a whole mail first
PIECE = 57 * 4096  # bytes; base64 writes 57 in a line
READY = 354  # SMTP for: send the mail
MARK = 48  # bytes; one line of base64
LONGEST = 998  # characters of a line: https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1
IDLE = 0.5  # seconds without a mail after which the connection is closed, so that MailDev can stop at once


class Connection(smtplib.SMTP):
    """Sends a mail in which marks stand for the files, and the files piece by piece, so that none is held twice."""

    files: dict[bytes, Content]

    def data(self, msg: bytes) -> tuple[int, bytes]:  # type: ignore[override]  # all that send_message gives it
        """The mail itself, which smtplib hands over as bytes with CRLF."""
        code, answer = self.docmd("DATA")
        if code != READY:
            raise smtplib.SMTPDataError(code, answer)
        text = re.sub(rb"(?m)^\.", b"..", msg)
        begin = 0
        for position, mark in sorted((text.index(mark), mark) for mark in self.files):
            self.send(text[begin:position])
            content = memoryview(self.files[mark])
            for start in range(0, len(content), PIECE):
                self.send(base64.encodebytes(content[start : start + PIECE]).replace(b"\n", b"\r\n"))
            begin = position + len(mark) + len(b"\r\n")
        self.send(text[begin:] + b".\r\n")
        return self.getreply()


class Courier:
    """A thread that delivers one mail after the other; it dies with the process.

    It keeps its connection as long as mails come: MailDev lets every new one wait for 100 ms.
    """

    def __init__(self, smtp_port: int, *, console: str | None = None) -> None:
        self._port = smtp_port
        self._console = console
        self._mails: queue.SimpleQueue[tuple[AcceptedMail, list[Content]]] = queue.SimpleQueue()
        self._smtp: Connection | None = None
        threading.Thread(target=self._deliver_all, name="courier", daemon=True).start()

    def hand_over(self, mail: AcceptedMail, contents: list[Content]) -> None:
        """Take a mail for delivery; `contents` are the bytes of its attachments."""
        self._mails.put((mail, contents))

    def _deliver_all(self) -> None:
        while True:
            self._deliver_next()

    def _deliver_next(self) -> None:
        try:
            mail, contents = self._mails.get(timeout=IDLE if self._smtp else None)
        except queue.Empty:
            self._hang_up()
            return
        try:
            self._deliver(mail, contents)
        except Exception as error:  # noqa: BLE001 - whatever one mail does, the next ones must go out
            print(
                f"{mail.internet_message_id} was accepted, but MailDev on port {self._port} did not get it: "
                f"{type(error).__name__}: {error}. Is it running? The mail is not tried again.",
                flush=True,
            )
            self._hang_up()

    def _deliver(self, mail: AcceptedMail, contents: list[Content]) -> None:
        envelope = [one.address for one in (*mail.to, *mail.cc, *mail.bcc)]
        if self._smtp is None:
            # A name of our own: looking ours up can take seconds.
            self._smtp = Connection("127.0.0.1", self._port, local_hostname="localhost", timeout=WITHIN)
        marks = [secrets.token_bytes(MARK) for _ in contents]
        self._smtp.files = {base64.encodebytes(mark).strip(): file for mark, file in zip(marks, contents, strict=True)}
        try:
            self._smtp.send_message(self._linked(as_mime(mail, marks), mail), mail.sender.address, envelope)
        finally:
            self._smtp.files = {}

    def _linked(self, message: EmailMessage, mail: AcceptedMail) -> EmailMessage:
        """With a header that leads to the mail's record in the console: https://www.rfc-editor.org/rfc/rfc5064."""
        own = mail.internet_message_id.strip("<>").partition("@")[0]
        if self._console and is_mail_id(own):
            message.policy = message.policy.clone(max_line_length=LONGEST)  # folded, no reader would find an address
            message["Archived-At"] = f"<{self._console}#mail={own}>"
        return message

    def _hang_up(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp = None
