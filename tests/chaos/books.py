"""What storage and cloud have in the end, brought together by the number of each mail."""

import base64
import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableClient
from azure.storage.queue import QueueClient

from mailer.local.cloud.model import AcceptedMail
from tests.chaos.mails import HEADER, TAG, Mail
from tests.chaos.producers import Outcome

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Grave:
    """A message of the poison queue, and what mailer wrote beside it."""

    text: str
    reason: Mapping[str, Any]

    @classmethod
    def of(cls, text: str) -> Self:
        try:
            reason = json.loads(text)["mailer"]
        except (ValueError, KeyError, TypeError):
            reason = None
        return cls(text=text, reason=reason if isinstance(reason, dict) else {})

    def marks(self) -> set[str]:
        """The words of the message, in whatever form its producer wrote it."""
        text = self.text
        with contextlib.suppress(ValueError):  # most are plain text
            text += base64.b64decode(text, validate=True).decode(errors="replace")
        return set("".join(letter if letter.isalnum() or letter == "-" else " " for letter in text).split())


@dataclass(frozen=True, kw_only=True)
class Books:
    """What storage and cloud have."""

    rows: list[Row]
    graves: list[Grave]
    sent: list[AcceptedMail]

    @classmethod
    def read(cls, storage: str, sent: list[AcceptedMail]) -> Self:
        """Read everything, once a run: it takes the poison queue's messages out of sight."""
        with QueueClient.from_connection_string(storage, "emails-poison") as poison:
            try:
                messages = list(poison.receive_messages(messages_per_page=32, visibility_timeout=600))
            except ResourceNotFoundError:
                messages = []
        return cls(rows=records(storage), graves=[Grave.of(str(one.content)) for one in messages], sent=sent)


def records(storage: str) -> list[Row]:
    """The rows of mails."""
    with TableClient.from_connection_string(storage, "emails") as table:
        try:
            return [dict(row) for row in table.list_entities() if "status" in row and "id" in row]
        except ResourceNotFoundError:
            return []


def number_of(row: Row) -> str | None:
    """The mail's own number, if its record has it."""
    number: str | None = json.loads(row.get("tags") or "{}").get(TAG)
    return number


@dataclass(kw_only=True)
class Account:
    """All that is known of one mail."""

    mail: Mail
    outcomes: list[Outcome] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    graves: list[Grave] = field(default_factory=list)
    sent: list[AcceptedMail] = field(default_factory=list)

    @property
    def was_accepted(self) -> bool:
        return self.ended("accepted")

    def ended(self, state: str) -> bool:
        """Whether a producer of it came to this end."""
        return any(outcome.state == state for outcome in self.outcomes)

    @property
    def row(self) -> Row | None:
        """The record that the producer was promised; without a promise, the one that names the mail."""
        promised = {outcome.id for outcome in self.outcomes if outcome.id}
        return next((row for row in self.rows if not promised or row["id"] in promised), None)

    @property
    def status(self) -> str:
        return str(self.row["status"]) if self.row else "no record"

    def history(self) -> str:
        """The mail's story, as each part tells it."""
        lines = [f"{self.mail.number} by {self.mail.door}, key {self.mail.key}, copies {self.mail.copies}"]
        lines += [f"producer: {one.state} {one.id or ''} {one.said}" for one in self.outcomes]
        for row in self.rows:
            times = ", ".join(f"{name[:-3]} {row[name]:%H:%M:%S.%f}" for name in row if name.endswith("_at"))
            about = f"attempts {row.get('attempts')}, {row.get('error_code') or 'no error'}"
            lines.append(f"record {row['id']}: {row['status']}, {about}; {times}")
        lines += [f"accepted by Graph {one.accepted_at:%H:%M:%S.%f}: {one.internet_message_id}" for one in self.sent]
        lines += [f"kept on the poison queue: {dict(one.reason)}" for one in self.graves]
        return "\n    ".join(lines)


def bring_together(outcomes: Iterable[Outcome], books: Books) -> tuple[list[Account], list[AcceptedMail]]:
    """One account for every mail that was handed in, and the mails that Graph took and nobody handed in."""
    accounts: dict[str, Account] = {}
    for outcome in outcomes:
        accounts.setdefault(outcome.mail.number, Account(mail=outcome.mail)).outcomes.append(outcome)
    for row in books.rows:
        if account := accounts.get(number_of(row) or ""):
            account.rows.append(row)
    _add_graves(accounts, books)
    strangers = []
    for mail in books.sent:
        if account := accounts.get(mail.headers.get(HEADER, "")):
            account.sent.append(mail)
        else:
            strangers.append(mail)
    return list(accounts.values()), strangers


def _add_graves(accounts: Mapping[str, Account], books: Books) -> None:
    """A malformed mail has no tags in its record; the message that is kept names both."""
    by_mark = {account.mail.mark: account for account in accounts.values()}
    by_id = {row["id"]: row for row in books.rows}
    for grave in books.graves:
        row = by_id.get(grave.reason.get("id"))
        for mark in grave.marks() & by_mark.keys():
            account = by_mark[mark]
            account.graves.append(grave)
            if row and row not in account.rows:
                account.rows.append(row)
