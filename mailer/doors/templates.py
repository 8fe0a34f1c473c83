"""The templates, shown and previewed; nothing is sent."""

import azure.functions as func

from mailer import wiring
from mailer.doors.replies import answer, as_json

templates = func.Blueprint()


@templates.route("templates", methods=["GET"])
def get_templates(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the trigger hands it over
    """Show the templates and their languages."""
    return answer(_list)


@templates.route("templates/{id}", methods=["GET"])
def get_template(req: func.HttpRequest) -> func.HttpResponse:
    """Show what a template asks for."""
    return answer(lambda: _describe(req), template_not_found=404)


@templates.route("templates/{id}/preview", methods=["POST"])
def preview_template(req: func.HttpRequest) -> func.HttpResponse:
    """Show what a template says."""
    return answer(lambda: _preview(req), template_not_found=404)


def _list() -> func.HttpResponse:
    from mailer.templating.preview import listed

    return as_json(200, {"data": listed(wiring.templates())})


def _describe(req: func.HttpRequest) -> func.HttpResponse:
    from mailer.templating.preview import described

    return as_json(200, described(req.route_params["id"], wiring.templates()))


def _preview(req: func.HttpRequest) -> func.HttpResponse:
    from mailer.templating.preview import SAFE, preview

    shown = preview(req.route_params["id"], req.get_body(), wiring.templates())
    if "text/html" not in req.headers.get("Accept", ""):
        return as_json(200, shown.as_json())
    headers = {"Content-Security-Policy": SAFE, "X-Content-Type-Options": "nosniff"}
    return func.HttpResponse(shown.as_page(), mimetype="text/html", headers=headers)
