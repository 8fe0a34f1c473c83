"""What calls answer of recipients who get no mail any more."""

from typing import Annotated, Self

from pydantic import Field

from mailer.delivery.record import MailRecord, Status
from mailer.delivery.suppression import CODE
from mailer.doors.answer import Answer, Code, Instant, Message
from mailer.feedback import suppressions

_LEFT_OUT = "Left out: this recipient is on the list of suppressed addresses."


class Copy(Answer):
    """What became of one recipient's copy of a mail."""

    status: Annotated[str, Field(description="`suppressed`: it was left out, as the recipient gets no mail any more.")]
    code: Code
    message: Message
    at: Instant

    @classmethod
    def of_each(cls, record: MailRecord) -> dict[str, Self]:
        """Those of which something is known, by the recipient's place in the request."""
        decided = record.times.get(Status.SUPPRESSED if record.status is Status.SUPPRESSED else Status.SENDING)
        left_out = cls(status="suppressed", code=CODE, message=_LEFT_OUT, at=decided or record.accepted_at)
        return dict.fromkeys(record.skipped or (), left_out)


class Suppression(Answer):
    """An address that gets no mail any more."""

    hash: Annotated[str, Field(description="The keyed hash of the address, which itself is not kept.")]
    reason: str | None
    since: Instant
    by: Annotated[str | None, Field(description="Who has asked for it, where callers have names.")]

    @classmethod
    def of(cls, entry: suppressions.Suppression) -> Self:
        """The entry as callers see it."""
        return cls(hash=entry.hash, reason=entry.reason, since=entry.since, by=entry.by)


class Suppressions(Answer):
    """A page of them, in the order of their hashes, or one address's, if it has one."""

    value: list[Suppression]
    next_link: Annotated[
        str | None, Field(alias="nextLink", description="The next page; not there on the last one.")
    ] = None
