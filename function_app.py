"""The doors of mailer: triggers in, replies out. The only file that knows azure.functions."""

import json
import logging
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import azure.functions as func

from mailer import wiring
from mailer.errors import (
    ConfigError,
    InvalidRequest,
    KeyReused,
    MailerError,
    Problem,
    TryLater,
    UnknownMail,
    WrongStatus,
)
from mailer.settings import read_settings, storage_connection

if TYPE_CHECKING:
    from mailer.lifecycle import MailRecord

log = logging.getLogger("mailer")

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)

# By the error's code, else by its class; https://github.com/microsoft/api-guidelines names the envelope.
STATUS_BY_CODE = {"validation_error": 400, "request_too_large": 413, "attachment_too_large": 413}
STATUS_BY_CLASS: dict[type[Exception], int] = {
    InvalidRequest: 422,
    KeyReused: 409,
    UnknownMail: 404,
    WrongStatus: 409,
    TryLater: 503,
    ConfigError: 503,
    MailerError: 500,
}


@app.route("emails", methods=["POST"])
def post_email(req: func.HttpRequest) -> func.HttpResponse:
    """Accept one mail."""
    return _answer(lambda: _post(req))


@app.route("emails/{id}", methods=["GET"])
def get_email(req: func.HttpRequest) -> func.HttpResponse:
    """Show what became of a mail."""
    return _answer(lambda: _get(_mail_id(req)))


@app.route("emails/{id}", methods=["PATCH"])
def patch_email(req: func.HttpRequest) -> func.HttpResponse:
    """Move a scheduled mail to another instant."""
    return _answer(lambda: _patch(req))


@app.route("emails/{id}/cancel", methods=["POST"])
def cancel_email(req: func.HttpRequest) -> func.HttpResponse:
    """See that a mail is not sent which nobody has begun to send."""
    return _answer(lambda: _json(200, _shown(wiring.amendment().cancel(_mail_id(req)))))


@app.route("emails/{id}/replay", methods=["POST"])
def replay_email(req: func.HttpRequest) -> func.HttpResponse:
    """Send a failed or uncertain mail again."""
    return _answer(lambda: _json(202, _shown(wiring.amendment().replay(_mail_id(req)))))


@app.route("templates", methods=["GET"])
def get_templates(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the trigger hands it over
    """Show the templates and their languages."""
    return _answer(_list_templates)


@app.route("templates/{id}", methods=["GET"])
def get_template(req: func.HttpRequest) -> func.HttpResponse:
    """Show what a template asks for."""
    return _answer(lambda: _describe_template(req), template_not_found=404)


@app.route("templates/{id}/preview", methods=["POST"])
def preview_template(req: func.HttpRequest) -> func.HttpResponse:
    """Show what a template says; nothing is sent."""
    return _answer(lambda: _preview_template(req), template_not_found=404)


@app.route("health", methods=["GET"])
def get_health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the trigger hands it over
    """Show what works and what does not."""
    return _answer(_health)


def deliver_email(msg: func.QueueMessage) -> None:
    """Send one mail from the queue."""
    from mailer.deliver import QueuedMessage

    message = QueuedMessage(body=msg.get_body(), id=str(msg.id), inserted_at=msg.insertion_time)
    wiring.delivery().deliver(message)


@app.timer_trigger(arg_name="timer", schedule="0 23 * * * *")
def sweep(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the trigger hands it over
    """Clean up what crashes left behind and what is past its time, once an hour."""
    wiring.sweep()


try:
    queue = read_settings(os.environ).queue
except ConfigError as wrong:
    # HTTP goes on, for the health page tells what is wrong; mails wait on the queue until it is mended.
    for problem in wrong.problems:
        log.error("setting_wrong %s", problem)  # noqa: TRY400 - where in the code says nothing here
else:
    app.queue_trigger(arg_name="msg", queue_name=queue, connection=storage_connection(os.environ))(deliver_email)


def _post(req: func.HttpRequest) -> func.HttpResponse:
    from mailer.accept import accept
    from mailer.parse import parse
    from mailer.prefer import accept_and_deliver, wished_wait

    request = parse(req.get_body(), rules=wiring.rules(), key=req.headers.get("Idempotency-Key"))
    within = wished_wait(req.headers.get("Prefer", ""))
    if within:
        receipt = accept_and_deliver(
            request,
            within=within,
            deliver=wiring.delivery().deliver,
            pool=wiring.pool(),
            ledger=wiring.ledger(),
            put=wiring.outbox().put,
            store=wiring.requests.put,
            clock=wiring.clock,
        )
    else:
        receipt = accept(
            request,
            ledger=wiring.ledger(),
            put=wiring.outbox().put,
            store=wiring.requests.put,
            clock=wiring.clock,
        )
    location = f"{req.url.partition('?')[0].rstrip('/')}/{receipt.id}"
    content = {"id": receipt.id, "status": receipt.status}
    return _json(200 if receipt.status.final else 202, content, headers={"Location": location})


def _get(mail_id: str) -> func.HttpResponse:
    record = wiring.ledger().read(mail_id)
    if record is None:
        raise UnknownMail
    return _json(200, _shown(record))


def _patch(req: func.HttpRequest) -> func.HttpResponse:
    from mailer.parse import parse_schedule

    due_at = parse_schedule(req.get_body(), now=wiring.clock())
    return _json(200, _shown(wiring.amendment().reschedule(_mail_id(req), due_at)))


def _mail_id(req: func.HttpRequest) -> str:
    from mailer.mail_id import is_mail_id

    mail = str(req.route_params["id"])
    if not is_mail_id(mail):
        raise UnknownMail
    return mail


def _list_templates() -> func.HttpResponse:
    from mailer.templating.preview import listed

    return _json(200, {"data": listed(wiring.templates())})


def _describe_template(req: func.HttpRequest) -> func.HttpResponse:
    from mailer.templating.preview import described

    return _json(200, described(req.route_params["id"], wiring.templates()))


def _preview_template(req: func.HttpRequest) -> func.HttpResponse:
    from mailer.templating.preview import SAFE, preview

    shown = preview(req.route_params["id"], req.get_body(), wiring.templates())
    if "text/html" not in req.headers.get("Accept", ""):
        return _json(200, shown.as_json())
    headers = {"Content-Security-Policy": SAFE, "X-Content-Type-Options": "nosniff"}
    return func.HttpResponse(shown.as_page(), mimetype="text/html", headers=headers)


def _health() -> func.HttpResponse:
    findings = wiring.health().findings()
    works = all(finding.ok for finding in findings.values())
    parts = {
        name: {"status": finding.status} | ({"problems": list(finding.problems)} if finding.problems else {})
        for name, finding in findings.items()
    }
    return _json(200 if works else 503, {"status": "ok" if works else "failing", "parts": parts})


def _shown(record: "MailRecord") -> dict[str, Any]:
    """A record as callers see it."""
    error = {"code": record.error_code, "message": record.error_message} if record.error_code else None
    return {
        "id": record.id,
        "status": record.status,
        "attempts": record.attempts,
        "resent": record.resent or 0,
        "gate": record.gate or None,
        "error": error,
        "template": record.template,
        "recipients": record.recipients,
        "tags": dict(record.tags or {}),
        "scheduled_at": record.due_at.isoformat() if record.status == "scheduled" and record.due_at else None,
        "times": {status: instant.isoformat(timespec="milliseconds") for status, instant in record.times.items()},
    }


def _answer(reply: Callable[[], func.HttpResponse], **statuses: int) -> func.HttpResponse:
    """The reply, or the error in Azure's envelope; `statuses` are those of codes that mean something else here."""
    try:
        return reply()
    except InvalidRequest as invalid:
        return _error(invalid, invalid.code, invalid.problems, status=statuses.get(invalid.code))
    except ConfigError as wrong:
        problems = [Problem(code="setting_wrong", message=text) for text in wrong.problems]
        return _error(wrong, "configuration_error", problems)
    except MailerError as error:
        return _error(error, error.code)


def _error(
    error: Exception,
    code: str,
    problems: tuple[Problem, ...] | list[Problem] = (),
    *,
    status: int | None = None,
) -> func.HttpResponse:
    by_class = next(status for kind, status in STATUS_BY_CLASS.items() if isinstance(error, kind))
    details = [_detail(problem) for problem in problems]
    content: dict[str, Any] = {"code": code, "message": str(error), "details": details}
    if len(problems) == 1:
        content["target"] = problems[0].target
    headers = {"Retry-After": "30"} if isinstance(error, TryLater) else {}
    return _json(status or STATUS_BY_CODE.get(code, by_class), {"error": content}, headers=headers)


def _detail(problem: Problem) -> dict[str, str | None]:
    return {"code": problem.code, "message": problem.message, "target": problem.target}


def _json(status: int, content: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    body = json.dumps(content, ensure_ascii=False)
    return func.HttpResponse(body, status_code=status, mimetype="application/json", headers=dict(headers or {}))
