"""What an operator asks: what works and what does not."""

import azure.functions as func

from mailer import wiring
from mailer.doors.replies import answer, as_json

operations = func.Blueprint()


@operations.route("health", methods=["GET"])
def get_health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the trigger hands it over
    """Show what works and what does not."""
    return answer(_health)


def _health() -> func.HttpResponse:
    findings = wiring.health().findings()
    works = all(finding.ok for finding in findings.values())
    parts = {
        name: {"status": finding.status} | ({"problems": list(finding.problems)} if finding.problems else {})
        for name, finding in findings.items()
    }
    return as_json(200 if works else 503, {"status": "ok" if works else "failing", "parts": parts})
