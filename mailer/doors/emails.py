"""Mails by HTTP: accept one, show it, move it, cancel it, send it again."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import azure.functions as func

from mailer import wiring
from mailer.callers.policy import Caller
from mailer.doors.door import door
from mailer.doors.replies import as_json, link, own_parameters
from mailer.errors import UnknownMail

if TYPE_CHECKING:
    from datetime import datetime

    from mailer.delivery.record import MailRecord, Receipt
    from mailer.request.model import MailRequest

ROUTE_PREFIX = "api"  # host.json's `routePrefix`

emails = func.Blueprint()


@door(emails, "emails", methods=["POST"], may="send")
async def post_email(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Accept one mail."""
    from mailer.delivery.accept import accept
    from mailer.delivery.prefer import delivered, wished_wait

    stores, turns, clock = wiring.stores(), wiring.turns(), wiring.clock
    request = await asyncio.to_thread(_read, req, caller)
    within = wished_wait(req.headers.get("Prefer", ""), wiring.priority(request))
    accepted = await asyncio.to_thread(
        accept, request, stores=stores, turns=turns, clock=clock, within=within, caller=caller.name
    )
    if not within:
        return _receipt(accepted.receipt)
    deliver, pool = replace(wiring.delivery(), awaited=True).deliver, wiring.pool()
    return _receipt(
        await delivered(accepted, within=within, deliver=deliver, ledger=stores.ledger, pool=pool, clock=clock)
    )


@door(emails, "emails", methods=["GET"], may="read")
def get_emails(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """List mails, newest first; a caller who does not operate sees its own."""
    from mailer.delivery.search import Wanted, read_query

    asked = own_parameters(req)
    query = read_query(asked)
    wanted = Wanted.of(query, of=None if caller.sees(None) else caller.name)
    found = wiring.search().page(wanted, most=query.limit, begin=query.cursor)
    content: dict[str, Any] = {"value": [_shown(record) for record in found.records]}
    if found.goes_on:
        content["nextLink"] = link(req, asked | {"cursor": str(found.goes_on)})
    return as_json(200, content)


@door(emails, "emails/{id}", methods=["GET"], may="read")
def get_email(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Show what became of a mail."""
    record = wiring.ledger().read(_mail_id(req))
    if record is None or not caller.sees(record.caller):
        raise UnknownMail
    return as_json(200, _shown(record))


@door(emails, "emails/{id}", methods=["PATCH"], may="operate")
def patch_email(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Move a scheduled mail to another instant."""
    from mailer.request.parse import parse_schedule

    due_at = parse_schedule(req.get_body(), now=wiring.clock())
    return as_json(200, _shown(wiring.amendment().reschedule(_mail_id(req), due_at, by=caller.by)))


@door(emails, "emails/{id}/cancel", methods=["POST"], may="operate")
def cancel_email(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """See that a mail is not sent which nobody has begun to send."""
    return as_json(200, _shown(wiring.amendment().cancel(_mail_id(req), by=caller.by)))


@door(emails, "emails/{id}/replay", methods=["POST"], may="operate")
def replay_email(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Send a failed, uncertain or suppressed mail again."""
    return as_json(202, _shown(wiring.amendment().replay(_mail_id(req), by=caller.by)))


@door(emails, "emails/{id}/release", methods=["POST"], may="operate")
def release_email(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Let a mail go that is held because its caller has sent too much."""
    return as_json(202, _shown(wiring.amendment().release(_mail_id(req), by=caller.by)))


@door(emails, "emails/{id}/retry", methods=["POST"], may="operate")
def retry_email(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Let a mail go now that waits for something to be mended."""
    return as_json(202, _shown(wiring.amendment().retry(_mail_id(req), by=caller.by)))


def _read(req: func.HttpRequest, caller: Caller) -> "MailRequest":
    from mailer.request.parse import parse

    return parse(req.get_body(), rules=wiring.rules_for(caller), key=req.headers.get("Idempotency-Key"))


def _receipt(receipt: "Receipt") -> func.HttpResponse:
    content: dict[str, Any] = {
        "id": receipt.id,
        "status": receipt.status,
        "expected_at": instant(receipt.expected_at),
    }
    if receipt.error_code:
        content["error"] = {"code": receipt.error_code, "message": receipt.error_message}
    # Relative to the host, whose name a caller could forge: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.2
    headers = {"Location": f"/{ROUTE_PREFIX}/emails/{receipt.id}"}
    settled = receipt.status.final and receipt.status != "held"
    return as_json(200 if settled else 202, content, headers=headers)


def _mail_id(req: func.HttpRequest) -> str:
    from mailer.request.mail_id import is_mail_id

    mail = str(req.route_params["id"])
    if not is_mail_id(mail):
        raise UnknownMail
    return mail


def instant(at: "datetime | None") -> str | None:
    """An instant as callers see it."""
    return at.isoformat(timespec="milliseconds") if at else None


def _shown(record: "MailRecord") -> dict[str, Any]:
    """A record as callers see it."""
    from mailer.doors.answers import Mail

    return Mail.of(record).shown()
