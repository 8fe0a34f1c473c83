"""Why mails fail: those that failed, are in doubt, or wait to be mended, grouped by their cause, each with its cure."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from mailer.delivery.cures import explained, may_double
from mailer.delivery.record import MailRecord, Status
from mailer.delivery.search import Search, Since, Wanted, read_parameters
from mailer.request.value import Value

MOST_MAILS = 5000  # that one call looks at
MOST_DAYS = 150  # requests of one call, of which each reads a day
SHOWN = 3  # ids of a group


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """The mails of one code and status; the oldest and the newest by when they came to it."""

    code: str
    status: Status
    count: int
    oldest: datetime
    newest: datetime
    ids: Sequence[str]
    message: str
    cure: str
    may_double: int

    @classmethod
    def of(cls, records: Sequence[MailRecord], remedies: Collection[str]) -> Self:
        """The group of these mails, which are at least one."""
        latest = sorted(records, key=_since, reverse=True)
        message, cure = explained(latest[0], remedies)
        return cls(
            code=latest[0].error_code,
            status=latest[0].status,
            count=len(records),
            oldest=_since(latest[-1]),
            newest=_since(latest[0]),
            ids=[record.id for record in latest[:SHOWN]],
            message=message,
            cure=cure,
            may_double=sum(map(may_double, records)),
        )

    def shown(self) -> dict[str, Any]:
        """The group as answers have it."""
        instants = {name: getattr(self, name).isoformat(timespec="milliseconds") for name in ("oldest", "newest")}
        return asdict(self) | instants


class FailureQuery(Value):
    """The parameters of the list of failures."""

    since: Annotated[Since | None, Field(description="Accepted at this instant or later; a day begins in UTC.")] = None
    until: Annotated[Since | None, Field(description="Accepted before this instant.")] = None


def read_failure_query(parameters: Mapping[str, str]) -> FailureQuery:
    """The query in these parameters. Raises InvalidRequest with all that is wrong."""
    return read_parameters(FailureQuery, parameters)


def failures(search: Search, wanted: Wanted, *, remedies: Collection[str]) -> tuple[Sequence[Failure], bool]:
    """The groups, the latest first, and whether there are older mails that were not looked at. Raises TryLater."""
    found = search.page(wanted, most=MOST_MAILS, requests=MOST_DAYS)
    groups: defaultdict[tuple[str, Status], list[MailRecord]] = defaultdict(list)
    for record in found.records:
        groups[record.error_code, record.status].append(record)
    told = [Failure.of(records, remedies) for records in groups.values()]
    return sorted(told, key=lambda group: group.newest, reverse=True), found.goes_on is not None


def _since(record: MailRecord) -> datetime:
    return record.times.get(record.status, record.accepted_at)
