"""What storage and cloud have in the end, brought together by the number of each mail."""

import base64
import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from mailer.local.cloud.model import AcceptedMail, Draft
from tests.chaos.archive import FINAL, Archive, Row
from tests.chaos.mails import FILE, HEADER, TAG, UNWANTED, Mail
from tests.chaos.producers import Outcome


@dataclass(frozen=True, kw_only=True)
class Books:
    """What storage and cloud have, and what was seen on the way there.

    `poison`: messages left on the poison queue; `waiting`: rows of mails that wait; `cut_off`: mails whose send was
    known when the storage went away.
    """

    archive: Archive
    sent: list[AcceptedMail]
    drafts: list[Draft]
    poison: int
    waiting: int
    longest_delay: int
    cut_off: set[str]


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
    without_content: set[str] = field(default_factory=set)
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
    def was_sent_to_who_gets_none(self) -> bool:
        return any(one.address == UNWANTED for mail in self.sent for one in (*mail.to, *mail.cc, *mail.bcc))

    @property
    def was_sent_early(self) -> bool:
        """Before the hour that its producer was last promised."""
        hours: list[datetime] = [one.due for one in self.outcomes if one.due]
        return any(mail.accepted_at < max(hours) for mail in self.sent) if hours else False

    @property
    def lacks_content(self) -> bool:
        """Its record says that a person may send it again, and there is nothing to send."""
        return self.row is not None and self.row["id"] in self.without_content

    @property
    def has_ended(self) -> bool:
        return self.row is not None and self.status in FINAL and not self.row.get("look")

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
        mail = self.mail
        lines = [f"{mail.number} by {mail.door}, key {mail.key}, copies {mail.copies}, later {mail.later}"]
        lines += [
            f"producer: {one.state} {one.id or ''} {one.said}{' canceled' * one.canceled} {one.due or ''}"
            for one in self.outcomes
        ]
        for row in self.rows:
            times = ", ".join(f"{name[:-3]} {row[name]:%H:%M:%S.%f}" for name in row if name.endswith("_at"))
            about = f"attempts {row.get('attempts')}, resent {row.get('resent')}, {row.get('error_code') or 'no error'}"
            lines.append(f"record {row['id']}: {row['status']}, {about}; {times}")
        lines += [f"accepted by Graph {one.accepted_at:%H:%M:%S.%f}: {one.internet_message_id}" for one in self.sent]
        lines += [f"draft of {one.created_at:%H:%M:%S.%f} in the mailbox" for one in self.drafts]
        lines += ["its content is gone"] * self.lacks_content
        return "\n    ".join(lines)


def bring_together(outcomes: Iterable[Outcome], books: Books) -> tuple[list[Account], list[AcceptedMail]]:
    """One account for every mail that was handed in, and the mails that Graph took and nobody handed in."""
    accounts: dict[str, Account] = {}
    without = books.archive.without_content
    for outcome in outcomes:
        known = accounts.setdefault(outcome.mail.number, Account(mail=outcome.mail, without_content=without))
        known.outcomes.append(outcome)
    by_mark = {account.mail.mark: account for account in accounts.values()}
    for mail, row in books.archive.rows.items():
        account = accounts.get(number_of(row) or "")
        if account is None:  # what cannot be read has no tags, and is known by the text that was kept of it
            account = next(
                (by_mark[one] for one in _words(books.archive.contents.get(mail, "")) & by_mark.keys()), None
            )
        if account:
            account.rows.append(row)
    for draft in books.drafts:
        accounts[draft.headers[HEADER]].drafts.append(draft)
    strangers = []
    for mail in books.sent:
        if account := accounts.get(mail.headers.get(HEADER, "")):
            account.sent.append(mail)
        else:
            strangers.append(mail)
    return list(accounts.values()), strangers


def _words(text: str) -> set[str]:
    """The words of a message, in whatever form its producer wrote it."""
    with contextlib.suppress(ValueError):  # most are plain text
        text += base64.b64decode(text, validate=True).decode(errors="replace")
    return set("".join(letter if letter.isalnum() or letter == "-" else " " for letter in text).split())
