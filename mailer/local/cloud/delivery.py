"""Hands accepted mails to the mail catcher by SMTP, in order, behind the caller's back."""

import queue
import smtplib
import threading

from mailer.local.cloud.mime import as_mime
from mailer.local.cloud.model import AcceptedMail, Content

WITHIN = 5.0  # seconds for one answer of the mail catcher
IDLE = 0.5  # seconds without a mail after which the connection is closed, so that MailDev can stop at once


class Courier:
    """A thread that delivers one mail after the other; it dies with the process.

    It keeps its connection as long as mails come: MailDev lets every new one wait for 100 ms.
    """

    def __init__(self, smtp_port: int) -> None:
        self._port = smtp_port
        self._mails: queue.SimpleQueue[tuple[AcceptedMail, list[Content]]] = queue.SimpleQueue()
        self._smtp: smtplib.SMTP | None = None
        threading.Thread(target=self._deliver_all, name="courier", daemon=True).start()

    def hand_over(self, mail: AcceptedMail, contents: list[Content]) -> None:
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

    def _deliver(self, mail: AcceptedMail, contents: list[Content]) -> None:
        envelope = [one.address for one in (*mail.to, *mail.cc, *mail.bcc)]
        if self._smtp is None:
            # A name of our own: looking ours up can take seconds.
            self._smtp = smtplib.SMTP("127.0.0.1", self._port, local_hostname="localhost", timeout=WITHIN)
        self._smtp.send_message(as_mime(mail, contents), mail.sender.address, envelope)

    def _hang_up(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._smtp = None
