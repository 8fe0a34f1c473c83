"""The templates, shown and previewed; nothing is sent."""

from collections.abc import Iterator
from contextlib import contextmanager

import azure.functions as func

from mailer import wiring
from mailer.callers.policy import Caller
from mailer.doors.door import door
from mailer.doors.replies import as_json
from mailer.errors import InvalidRequest

templates = func.Blueprint()


@door(templates, "templates", methods=["GET"], may="preview")
def get_templates(_req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Show the templates and their languages."""
    from mailer.templating.preview import listed

    return as_json(200, {"data": [one for one in listed(wiring.templates()) if caller.may_use(one["id"])]})


@door(templates, "templates/{id}", methods=["GET"], may="preview", template_not_found=404)
def get_template(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Show what a template asks for."""
    from mailer.templating.preview import described

    with _readable(caller):
        caller.check_template(req.route_params["id"])
        return as_json(200, described(req.route_params["id"], wiring.templates()))


@door(templates, "templates/{id}/preview", methods=["POST"], may="preview", template_not_found=404)
def preview_template(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Show what a template says."""
    from mailer.templating.preview import SAFE, preview

    with _readable(caller):
        caller.check_template(req.route_params["id"])
        shown = preview(req.route_params["id"], req.get_body(), wiring.templates())
    if "text/html" not in req.headers.get("Accept", ""):
        return as_json(200, shown.as_json())
    headers = {"Content-Security-Policy": SAFE, "X-Content-Type-Options": "nosniff"}
    return func.HttpResponse(shown.as_page(), mimetype="text/html", headers=headers)


@contextmanager
def _readable(caller: Caller) -> Iterator[None]:
    try:
        yield
    except InvalidRequest as refused:
        raise InvalidRequest(caller.readable(refused.problems), more=refused.more) from None
