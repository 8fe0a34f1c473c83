"""What can happen to a mail. Values, no I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailer.errors import (
    CannotLook,
    ConfigError,
    GiveUp,
    MailerError,
    Misconfigured,
    Suppressed,
    TryLater,
    Uncertain,
)

MESSAGE_MISSING = "message_missing"  # the code of a mail of which the clean-up found nothing but its record


class What(StrEnum):
    """What happened to a mail."""

    #: A message of it came, whichever.
    ARRIVED = "arrived"
    #: What came of an attempt, before its claim or after.
    SENT = "sent"
    TURNED_AWAY = "turned_away"
    NEEDS_MENDING = "needs_mending"
    REFUSED = "refused"
    SUPPRESSED = "suppressed"
    IN_DOUBT = "in_doubt"
    #: What came of a look into Sent Items; TURNED_AWAY is the fourth.
    FOUND = "found"
    NOT_FOUND = "not_found"
    CANNOT_LOOK = "cannot_look"
    #: Its mailbox's turn is another one's; it has one later.
    PACED = "paced"
    #: What a person asked for.
    REPLAYED = "replayed"
    MOVED = "moved"
    CANCELED = "canceled"
    RETRIED = "retried"
    RELEASED = "released"
    #: It is more than its caller may send in a day.
    SURPLUS = "surplus"
    #: The host has given its message up, after hundreds of failed runs.
    HOST_GAVE_UP = "host_gave_up"
    #: The clean-up has proved that it has no message, and its content lies in a blob or is gone.
    MESSAGE_LOST = "message_lost"
    CONTENT_LOST = "content_lost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What happened, with the reason; `after` is how long the other side asked us to wait, `to` where a mail moves.

    `request_id` is Graph's, of a mail that it took; `skipped` are the places of recipients who get no mail any more.
    """

    what: What
    code: str = ""
    text: str = ""
    after: timedelta | None = None
    to: datetime | None = None
    request_id: str = ""
    skipped: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: MailerError | ConfigError, *, skipped: tuple[str, ...] = ()) -> "Event":
        """How an attempt ended that was not sent."""
        kinds: dict[type[Exception], What] = {
            ConfigError: What.NEEDS_MENDING,
            Misconfigured: What.NEEDS_MENDING,
            TryLater: What.TURNED_AWAY,
            Suppressed: What.SUPPRESSED,
            GiveUp: What.REFUSED,
            Uncertain: What.IN_DOUBT,
            CannotLook: What.CANNOT_LOOK,
            MailerError: What.REFUSED,
        }
        what = next(what for kind, what in kinds.items() if isinstance(error, kind))
        after = error.after if isinstance(error, TryLater) else None
        return cls(what=what, code=error.code, text=str(error), after=after, skipped=skipped)


GAVE_UP = Event(
    what=What.HOST_GAVE_UP,
    code="host_gave_up",
    text="The host gave the mail's message up after many failed runs; the log has the reason. Mend it and replay it.",
)


def surplus_of(caller: str | None) -> Event:
    """What happens to a mail that is one too many of this caller's."""
    text = (
        f"The caller `{caller}` has reached its `recipients_per_day` in MAILER_CALLERS, so that this mail is held. "
        "Release it (POST /emails/{id}/release) or cancel it; for the next ones, raise the number."
    )
    return Event(what=What.SURPLUS, code="recipients_per_day", text=text)
