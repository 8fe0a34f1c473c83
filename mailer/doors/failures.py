"""Mails that failed, are in doubt, or wait to be mended, by their cause: shown, replayed, retried."""

from typing import TYPE_CHECKING, Any

import azure.functions as func

from mailer import wiring
from mailer.callers.policy import Caller
from mailer.doors.door import door
from mailer.doors.replies import as_json, own_parameters

if TYPE_CHECKING:
    from mailer.delivery.jobs import Job, Kind

failures = func.Blueprint()


@door(failures, "failures", methods=["GET"], may="read")
def get_failures(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Show why mails failed, are in doubt, or wait to be mended, and what to do."""
    from mailer.delivery.failures import read_failure_query
    from mailer.delivery.record import Status
    from mailer.delivery.search import Wanted

    query = read_failure_query(own_parameters(req))
    wanted = Wanted(
        statuses=(Status.FAILED, Status.UNCERTAIN),
        mending=True,
        callers=() if caller.sees(None) else (caller.name or "",),
        since=query.since,
        until=query.until,
    )
    groups, partial = wiring.failures(wanted)
    jobs = wiring.by_cause().latest() if caller.sees(None) else ()  # whose mails they are about, nobody else may know
    shown = {"value": [group.shown() for group in groups], "partial": partial, "jobs": [*map(_shown, jobs)]}
    return as_json(200, shown)


@door(failures, "failures/{code}/replay", methods=["POST"], may="operate")
def replay_failures(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Send the failed, uncertain and suppressed mails of a cause again."""
    from mailer.delivery.record import Action

    return _act(req, caller, Action.REPLAY)


@door(failures, "failures/{code}/retry", methods=["POST"], may="operate")
def retry_failures(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Let the mails go now that wait for this cause to be mended."""
    from mailer.delivery.record import Action

    return _act(req, caller, Action.RETRY)


def _act(req: func.HttpRequest, caller: Caller, action: "Kind") -> func.HttpResponse:
    from mailer.delivery.jobs import Job, checked_code, read_cause_request

    asked = read_cause_request(req.get_body())
    code = checked_code(str(req.route_params["code"]))
    job = Job.of(action, code, asked, by=caller.by, now=wiring.clock())
    counted = wiring.by_cause().count(job)
    begun = wiring.by_cause().begin(job, counted) if counted.count and not asked.dry_run else None
    shown = {"code": code, "count": counted.count, "may_double": counted.may_double, "dry_run": asked.dry_run}
    shown |= {"partial": counted.partial, "job": _shown(begun) if begun else None}
    return as_json(200 if asked.dry_run else 202, shown)


def _shown(job: "Job") -> dict[str, Any]:
    """A job as callers see it."""
    from mailer.doors.failure_answers import Job as Shown

    return Shown.of(job).model_dump(mode="json")
