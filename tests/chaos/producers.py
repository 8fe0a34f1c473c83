"""Sensible clients at both doors: what had no answer they repeat under its key, and they note what was accepted."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import requests
from azure.core.exceptions import AzureError
from azure.storage.queue import QueueClient

from tests.chaos.mails import DUE, Mail

AT_ONCE = 8
PATIENCE = 90.0  # seconds after which a client gives up
PAUSE = 0.25  # seconds before a request is repeated
ANSWER_WITHIN = 20.0  # seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a producer knows of one mail in the end.

    `unanswered`: there was no answer, and without a key it cannot be repeated. `refused`: a 4xx for a bad request.
    """

    mail: Mail
    state: Literal["accepted", "unanswered", "refused", "wrong"]
    said: str = ""
    id: str | None = None
    canceled: bool = False
    due: datetime | None = None  # the hour before which it must not be sent, where that is known


class Producers:
    """Threads that hand mails in; everything they have learnt is in `outcomes()`."""

    def __init__(self, url: str, storage: str) -> None:
        self._url = f"{url}/emails"
        self._queue = QueueClient.from_connection_string(storage, "emails", retry_total=0)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="producer")
        self._sent: list[Future[Outcome]] = []

    def hand_in(self, mail: Mail) -> None:
        """Start to hand the mail in, as often as it has copies."""
        door = self._post if mail.door == "HTTP" else self._put
        if mail.later:
            mail = replace(mail, body=mail.body.replace(DUE, _in(mail.later).isoformat()))
        self._sent += [self._pool.submit(door, mail) for _ in range(mail.copies)]

    def outcomes(self) -> list[Outcome]:
        """Wait until every mail is handed in or given up."""
        done = [future.result() for future in self._sent]
        self._pool.shutdown()
        self._queue.close()
        return done

    def _post(self, mail: Mail) -> Outcome:
        deadline = time.monotonic() + PATIENCE
        said = "never tried"
        while time.monotonic() < deadline:
            try:
                reply = requests.post(
                    self._url,
                    data=mail.body.encode(),
                    headers={"Content-Type": "application/json"},
                    timeout=ANSWER_WITHIN,
                )
            except requests.RequestException as error:
                said = type(error).__name__
                if mail.key is None and "refused" not in str(error):
                    break
            else:
                said = f"{reply.status_code} {reply.text[:300]}"
                if reply.status_code == requests.codes.accepted:
                    given = reply.json()["id"]
                    canceled = mail.cancel and self._changed("POST", f"{given}/cancel")
                    due = None
                    if mail.move:
                        due = _in(mail.move)
                        body = {"scheduled_at": due.isoformat()}
                        due = due if self._changed("PATCH", given, body) else None
                    return Outcome(mail=mail, state="accepted", id=given, canceled=canceled, due=due)
                if reply.status_code != requests.codes.unavailable:
                    right = not mail.proper and reply.status_code in {400, 422}
                    return Outcome(mail=mail, state="refused" if right else "wrong", said=said)
            time.sleep(PAUSE)
        return Outcome(mail=mail, state="unanswered", said=said)

    def _changed(self, method: str, path: str, body: dict[str, str] | None = None) -> bool:
        """Whether mailer has confirmed that the mail is canceled or moved; a 409 says that it comes too late."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                reply = requests.request(method, f"{self._url}/{path}", json=body, timeout=ANSWER_WITHIN)
            except requests.RequestException:
                time.sleep(PAUSE)
                continue
            if reply.status_code != requests.codes.unavailable:
                return reply.ok
            time.sleep(PAUSE)
        return False

    def _put(self, mail: Mail) -> Outcome:
        deadline = time.monotonic() + PATIENCE
        said = "never tried"
        while time.monotonic() < deadline:
            try:
                message = self._queue.send_message(mail.body)
            except AzureError as error:
                said = type(error).__name__
                if mail.key is None:
                    break
            else:
                return Outcome(mail=mail, state="accepted", said=f"message {message.id}")
            time.sleep(PAUSE)
        return Outcome(mail=mail, state="unanswered", said=said)


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
