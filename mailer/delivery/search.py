"""Which mails there are: what a caller looks for, and the walk through the days that finds it, newest first.

A day's mails lie in one partition, so each request reads one day, from the newest on; what it filters, Table Storage
filters. A call makes a bounded number of requests, and then tells where the next call goes on: a page may be empty
although there are more.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Protocol, Self, TypeVar

from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema

from mailer.delivery.record import MailRecord, Status
from mailer.errors import InvalidRequest
from mailer.request.address import parse_address
from mailer.request.members import read_instant
from mailer.request.pool import pool_name
from mailer.request.value import Line, Value
from mailer.request.wording import found_problems, validation

T = TypeVar("T", bound=Value)

MOST_REQUESTS = 30  # of one call to the table
LONGEST = timedelta(seconds=10)  # after which a call leaves the rest to the next one
SKEW = timedelta(minutes=5)  # by which the clock that dates a mail may be ahead of this one
MOST = 100  # mails on a page
MOST_ROWS = 1000  # of a request: https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination


def _instant(value: object) -> object:
    """A day stands for its beginning in UTC. A plus that nobody has escaped is a space in a URL."""
    if not isinstance(value, str):
        return value
    text = f"{value}T00:00:00Z" if len(value) == len("2026-12-01") else value
    if len(text) > len("+01:00") and text[-6] == " ":
        text = f"{text[:-6]}+{text[-5:]}"
    try:
        return read_instant(text)
    except ValueError:
        message = "must be a day such as 2026-12-01, or ISO 8601 with an offset such as 2026-12-01T08:00:00Z"
        raise ValueError(message) from None


def _address(value: object) -> object:
    return parse_address(value).address.lower() if isinstance(value, str) else value


def _sender(value: object) -> object:
    """A mailbox's address, or the name of a pool; as in a request, a name to show may stand before either."""
    return pool_name(value) if isinstance(value, str) and "@" not in value else _address(value)


def _statuses(value: object) -> object:
    """One or several, separated by commas: in that form the host hands over a parameter that stands twice, too."""
    try:
        return tuple(dict.fromkeys(map(Status, value.split(",")))) if isinstance(value, str) else value
    except ValueError:
        message = f"must be {', '.join(Status)}, or several of them, separated by commas"
        raise ValueError(message) from None


def _tag(value: object) -> object:
    name, colon, text = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (name and colon):
        message = "must be a tag's name, a colon and its value, such as flow:checkout"
        raise ValueError(message)
    return name, text


class Position(Value):
    """Where a walk goes on: in which day, and from which row of it."""

    day: Annotated[date, Field(strict=False)]
    token: dict[str, str] | None = None

    @classmethod
    def of(cls, cursor: object) -> Self:
        """Read from its text. Raises ValueError."""
        try:
            content = json.loads(base64.b64decode(str(cursor), altchars=b"-_", validate=True))
            return cls.model_validate({"day": content[0], "token": content[1]})
        except (ValueError, LookupError, TypeError):
            message = "is none of mailer's: follow `nextLink` as it is"
            raise ValueError(message) from None

    def __str__(self) -> str:
        text = json.dumps([self.day.isoformat(), self.token], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode()


Statuses = Annotated[tuple[Status, ...], Field(min_length=1), BeforeValidator(_statuses)]
Since = Annotated[datetime, BeforeValidator(_instant)]
Tag = Annotated[tuple[str, str], BeforeValidator(_tag), WithJsonSchema({"type": "string", "pattern": "^[^:]+:"})]
Cursor = Annotated[Position, BeforeValidator(Position.of)]
AddressText = Annotated[str, BeforeValidator(_address), WithJsonSchema({"type": "string", "format": "email"})]
Code = Annotated[Line, Field(min_length=1, max_length=128)]
Sender = Annotated[Line, Field(min_length=1, max_length=320), BeforeValidator(_sender)]


class MailQuery(Value):
    """The parameters of a list of mails; all that are given must hold."""

    status: Annotated[Statuses | None, Field(description="Where the mail is: one status, or one of several.")] = None
    error: Annotated[Code | None, Field(description="What went wrong, such as ErrorAccessDenied.")] = None
    tag: Annotated[Tag | None, Field(description="A tag's name, a colon and its value: flow:checkout.")] = None
    template: Annotated[Code | None, Field(description="The id of a template.")] = None
    sender: Annotated[
        Sender | None, Field(alias="from", description="The mailbox that sends, or the name of the pool asked for.")
    ] = None
    to: Annotated[AddressText | None, Field(description="A recipient, found by a keyed hash of the address.")] = None
    caller: Annotated[Code | None, Field(description="The caller's name.")] = None
    since: Annotated[Since | None, Field(description="Accepted at this instant or later; a day begins in UTC.")] = None
    until: Annotated[Since | None, Field(description="Accepted before this instant.")] = None
    limit: Annotated[int, Field(strict=False, ge=1, le=MOST, description="The most mails on a page.")] = 50
    cursor: Annotated[Cursor | None, Field(description="Where the list goes on; `nextLink` has it.")] = None


def read_query(parameters: Mapping[str, str]) -> MailQuery:
    """The query in these parameters. Raises InvalidRequest with all that is wrong."""
    return read_parameters(MailQuery, parameters)


def read_parameters(model: type[T], parameters: Mapping[str, Any]) -> T:
    """The value that these are. Raises InvalidRequest with all that is wrong."""
    try:
        return model.model_validate(dict(parameters))
    except ValidationError as invalid:
        known = [field.alias or name for name, field in model.model_fields.items()]
        problems, more = found_problems(invalid, dict(parameters), known)
        raise InvalidRequest(problems, more=more) from None


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which mails to find. What is None or empty does not matter; `waiting` are those that wait for a mended cause."""

    statuses: Sequence[Status] = ()
    mending: bool = False
    error: str | None = None
    tag: tuple[str, str] | None = None
    template: str | None = None
    sender: str | None = None
    pool: str | None = None
    to: str | None = None
    #: Its caller is each of them.
    callers: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(cls, query: MailQuery, *, of: str | None = None) -> Self:
        """What a query asks for, of the mails of this caller alone if one is given."""
        same = ("error", "tag", "template", "to", "since", "until")
        is_address = query.sender is not None and "@" in query.sender
        callers = {one for one in (query.caller, of) if one}
        return cls(
            statuses=query.status or (),
            sender=query.sender if is_address else None,
            pool=None if is_address else query.sender,
            callers=tuple(callers),
            **{name: getattr(query, name) for name in same},
        )


class Table(Protocol):
    """The records by days. Each call is one request and may raise TryLater."""

    finds_recipients: bool

    def on_day(
        self, day: date, wanted: Wanted, /, *, most: int, token: Mapping[str, str] | None
    ) -> tuple[Sequence[MailRecord], dict[str, str] | None]:
        """Mails of this day, newest first, and from where the day goes on, if it does."""

    def first_day(self) -> date | None:
        """The oldest day that has mails."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A page of mails, and where the next one begins unless it is the last."""

    records: Sequence[MailRecord]
    goes_on: Position | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """The walk, with the parts it uses."""

    table: Table
    clock: Callable[[], datetime]

    def page(self, wanted: Wanted, *, most: int, begin: Position | None = None, requests: int = MOST_REQUESTS) -> Found:
        """At most so many mails, newest first, by at most so many requests. Raises InvalidRequest, TryLater."""
        if wanted.to and not self.table.finds_recipients:
            message = "`to` finds nothing: MAILER_RECIPIENT_SEARCH is `off`, so that no record tells whom it reached."
            raise InvalidRequest([validation(message, target="to")])
        began, found = self.clock(), list[MailRecord]()
        newest = min(filter(None, [wanted.until, began + SKEW]))
        at: Position | None = begin or Position(day=newest.date())
        oldest: date | None = None
        for _ in range(requests):
            if at is None or len(found) >= most or self.clock() - began > LONGEST:
                break
            records, token = self.table.on_day(at.day, wanted, most=min(most - len(found), MOST_ROWS), token=at.token)
            found += records
            if token:
                at = Position(day=at.day, token=token)
                continue
            oldest = oldest or self._oldest(wanted)
            at = Position(day=at.day - timedelta(days=1)) if oldest and at.day > oldest else None
        return Found(records=found, goes_on=at)

    def _oldest(self, wanted: Wanted) -> date | None:
        first = self.table.first_day()
        return max(first, wanted.since.date()) if first and wanted.since else first
