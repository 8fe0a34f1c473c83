"""What storage and cloud have in the end, brought together by the number of each mail."""

import base64
import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableClient
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from mailer.local.cloud.model import AcceptedMail, Draft
from tests.chaos.mails import FILE, HEADER, TAG, Mail
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
    requests: set[str]
    sent: list[AcceptedMail]
    drafts: list[Draft]

    @classmethod
    def read(cls, storage: str, *, sent: list[AcceptedMail], drafts: list[Draft]) -> Self:
        """Read everything, once a run: it takes the poison queue's messages out of sight."""
        with QueueClient.from_connection_string(storage, "emails-poison") as poison:
            try:
                messages = list(poison.receive_messages(messages_per_page=32, visibility_timeout=600))
            except ResourceNotFoundError:
                messages = []
        graves = [Grave.of(str(one.content)) for one in messages]
        requests = stored_requests(storage)
        return cls(rows=records(storage), graves=graves, requests=requests, sent=sent, drafts=drafts)


def records(storage: str) -> list[Row]:
    """The rows of mails."""
    with TableClient.from_connection_string(storage, "emails") as table:
        try:
            return [dict(row) for row in table.list_entities() if "status" in row and "id" in row]
        except ResourceNotFoundError:
            return []


def stored_requests(storage: str) -> set[str]:
    """The ids of the mails whose requests lie in blobs, where a replay finds them."""
    with ContainerClient.from_connection_string(storage, "emails") as container:
        try:
            return {Path(name).stem for name in container.list_blob_names(name_starts_with="requests/")}
        except ResourceNotFoundError:
            return set()


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
    can_be_replayed: bool = False
    sent: list[AcceptedMail] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)

    @property
    def was_accepted(self) -> bool:
        return self.ended("accepted")

    @property
    def was_canceled(self) -> bool:
        """By its record, or by the answer to its producer."""
        return self.status == "canceled" or any(outcome.canceled for outcome in self.outcomes)

    @property
    def was_sent_without_its_file(self) -> bool:
        return self.mail.has_file and any([file.size for file in mail.attachments] != [len(FILE)] for mail in self.sent)

    @property
    def is_kept(self) -> bool:
        """For a person: what it says and why it did not go; a proper one can also be sent again."""
        return bool(self.graves) and (self.can_be_replayed or not self.mail.proper)

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
        lines += [
            f"producer: {one.state} {one.id or ''} {one.said}{' canceled' * one.canceled}" for one in self.outcomes
        ]
        for row in self.rows:
            times = ", ".join(f"{name[:-3]} {row[name]:%H:%M:%S.%f}" for name in row if name.endswith("_at"))
            about = f"attempts {row.get('attempts')}, {row.get('error_code') or 'no error'}"
            lines.append(f"record {row['id']}: {row['status']}, {about}; {times}")
        lines += [f"accepted by Graph {one.accepted_at:%H:%M:%S.%f}: {one.internet_message_id}" for one in self.sent]
        lines += [f"draft of {one.created_at:%H:%M:%S.%f} in the mailbox" for one in self.drafts]
        lines += [f"kept on the poison queue: {dict(one.reason)}" for one in self.graves]
        lines += ["its request lies in a blob"] * self.can_be_replayed
        return "\n    ".join(lines)


def bring_together(outcomes: Iterable[Outcome], books: Books) -> tuple[list[Account], list[AcceptedMail]]:
    """One account for every mail that was handed in, and the mails that Graph took and nobody handed in."""
    accounts: dict[str, Account] = {}
    for outcome in outcomes:
        accounts.setdefault(outcome.mail.number, Account(mail=outcome.mail)).outcomes.append(outcome)
    for row in books.rows:
        if account := accounts.get(number_of(row) or ""):
            account.rows.append(row)
            account.can_be_replayed |= row["id"] in books.requests
    _add_graves(accounts, books)
    for draft in books.drafts:
        accounts[draft.headers[HEADER]].drafts.append(draft)
    strangers = []
    for mail in books.sent:
        if account := accounts.get(mail.headers.get(HEADER, "")):
            account.sent.append(mail)
        else:
            strangers.append(mail)
    return list(accounts.values()), strangers


def _add_graves(accounts: Mapping[str, Account], books: Books) -> None:
    """A large mail is buried by its id alone; the record of a malformed one has no tags, and its grave names both."""
    by_mark = {account.mail.mark: account for account in accounts.values()}
    by_id = {row["id"]: account for account in accounts.values() for row in account.rows}
    rows = {row["id"]: row for row in books.rows}
    for grave in books.graves:
        mail = grave.reason.get("id", "")
        named = [by_mark[mark] for mark in grave.marks() & by_mark.keys()]
        for account in named or filter(None, [by_id.get(mail)]):
            account.graves.append(grave)
            if mail in rows and rows[mail] not in account.rows:
                account.rows.append(rows[mail])
