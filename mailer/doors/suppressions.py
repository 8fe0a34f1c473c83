"""Who gets no mail any more: shown, suppressed, lifted.

An address stands in a query and never in a path, for the host writes paths into its telemetry.
"""

from typing import TYPE_CHECKING, Any

import azure.functions as func

from mailer import wiring
from mailer.callers.policy import Caller
from mailer.doors.door import door
from mailer.doors.replies import as_json, link, own_parameters

if TYPE_CHECKING:
    from mailer.feedback.suppressions import Suppression

suppressions = func.Blueprint()


@door(suppressions, "suppressions", methods=["GET"], may="operate")
def get_suppressions(req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Show whether an address gets no mail any more, or list all that do not, as hashes."""
    from mailer.feedback.suppression_requests import read_suppression_query

    asked = own_parameters(req)
    query = read_suppression_query(asked)
    if query.address:
        found = wiring.suppressions().find(query.address)
        return as_json(200, {"value": [_shown(found)] if found else []})
    entries, goes_on = wiring.suppressions().page(query.limit, after=query.cursor or "")
    content: dict[str, Any] = {"value": [_shown(entry) for entry in entries]}
    if goes_on:
        content["nextLink"] = link(req, asked | {"cursor": goes_on})
    return as_json(200, content)


@door(suppressions, "suppressions", methods=["POST"], may="operate")
def post_suppression(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Send an address nothing any more: 201, or 200 where that was so already and stays as it is."""
    from mailer.feedback.suppression_requests import read_suppression_request

    asked = read_suppression_request(req.get_body())
    entry, new = wiring.suppressions().suppress(asked.address, reason=asked.reason, by=caller.by)
    return as_json(201 if new else 200, _shown(entry))


@door(suppressions, "suppressions", methods=["DELETE"], may="operate")
def delete_suppression(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Let an address get mail again; it does no harm where it was not suppressed."""
    from mailer.feedback.suppression_requests import read_lift_query

    wiring.suppressions().lift(read_lift_query(own_parameters(req)).address, by=caller.by)
    return func.HttpResponse(status_code=204)


def _shown(entry: "Suppression") -> dict[str, Any]:
    from mailer.doors.feedback_answers import Suppression

    return Suppression.of(entry).model_dump(mode="json")
