"""What an operator asks: what works and what does not."""

from contextlib import suppress
from typing import Any

import azure.functions as func

from mailer import wiring
from mailer.callers.policy import Caller
from mailer.doors.door import door
from mailer.doors.replies import as_json
from mailer.errors import ConfigError

operations = func.Blueprint()


@door(operations, "health", methods=["GET"], may=None)
def get_health(_req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Show what works and what does not, also where MAILER_CALLERS itself is wrong."""
    findings = wiring.health().findings()
    works = all(finding.ok for finding in findings.values())
    parts = {
        name: {"status": finding.status} | ({"problems": list(finding.problems)} if finding.problems else {})
        for name, finding in findings.items()
    }
    content: dict[str, Any] = {"status": "ok" if works else "failing", "parts": parts}
    with suppress(ConfigError):  # which is among the findings
        if expires_on := wiring.graph_tokens().expires_on:
            content["secret_expires_on"] = expires_on.isoformat(timespec="seconds")
    return as_json(200 if works else 503, content)


@door(operations, "openapi.json", methods=["GET"], may=None)
def get_openapi(_req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Describe these calls, in OpenAPI 3.1."""
    from mailer.doors.openapi import description

    return as_json(200, description())
