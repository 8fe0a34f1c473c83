"""Several mails by one call."""

import asyncio
from typing import TYPE_CHECKING, Any

import azure.functions as func

from mailer import wiring
from mailer.callers.policy import Caller
from mailer.doors.door import door
from mailer.doors.emails import instant
from mailer.doors.replies import as_json
from mailer.errors import InvalidRequest, MailerError, Problem

if TYPE_CHECKING:
    from mailer.delivery.batch import Result
    from mailer.delivery.record import Receipt

LARGEST = 50_000_000  # bytes
LONGEST_KEY = 256  # characters
VALIDATION = "x-batch-validation"

batch = func.Blueprint()


@door(batch, "emails/batch", methods=["POST"], may="send")
async def post_batch(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Accept up to 100 mails, each by itself or all or none."""
    results = await asyncio.to_thread(_accepted, req, caller)
    data = [_accepted_one(result.index, result.receipt) for result in results if result.receipt]
    errors = [_refused_one(result.index, result.error) for result in results if result.error]
    return as_json(202, {"data": data, "errors": errors})


def _accepted(req: func.HttpRequest, caller: Caller) -> "list[Result]":
    from mailer.delivery.batch import MOST, Batch
    from mailer.request.json_object import read_items
    from mailer.request.parse import parse

    strict, key = _strict(req), _key(req)
    body = req.get_body()
    if len(body) > LARGEST:
        message = (
            f"The batch has {len(body)} bytes, and {LARGEST} are taken at once: put fewer mails into it, or give large "
            "files as a `blob`."
        )
        raise InvalidRequest([Problem(code="request_too_large", message=message)])
    entries = read_items(body, most=MOST)
    if not entries:
        raise _wrong("The batch is empty: give at least one mail.")
    rules = wiring.rules_for(caller)
    step = Batch(
        read=lambda entry: parse(entry, rules=rules),
        stores=wiring.stores(),
        turns=wiring.turns(),
        pool=wiring.batch_pool(),
        clock=wiring.clock,
    )
    return step.accept(entries, caller=caller.name, key=key, strict=strict)


def _strict(req: func.HttpRequest) -> bool:
    wish: str = req.headers.get(VALIDATION, "permissive").strip().casefold()
    if wish not in {"strict", "permissive"}:
        message = (
            f"The header `{VALIDATION}` holds `strict`, to refuse all where one mail is wrong, or `permissive`, to "
            "accept the others."
        )
        raise _wrong(message, target=VALIDATION)
    return wish == "strict"


def _key(req: func.HttpRequest) -> str | None:
    key: str | None = req.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        message = f"The header `Idempotency-Key` holds 1 to {LONGEST_KEY} characters, without a line break."
        raise _wrong(message, target="Idempotency-Key")
    return key


def _wrong(message: str, *, target: str | None = None) -> InvalidRequest:
    return InvalidRequest([Problem(code="validation_error", message=message, target=target)])


def _accepted_one(index: int, receipt: "Receipt") -> dict[str, Any]:
    content: dict[str, Any] = {
        "index": index,
        "id": receipt.id,
        "status": receipt.status,
        "expected_at": instant(receipt.expected_at),
    }
    if receipt.error_code:
        content["error"] = {"code": receipt.error_code, "message": receipt.error_message}
    return content


def _refused_one(index: int, error: MailerError) -> dict[str, Any]:
    """One entry a mail; where several things are wrong with it, they stand in `details`."""
    problems = error.problems if isinstance(error, InvalidRequest) else ()
    content: dict[str, Any] = {"index": index, "code": error.code, "message": str(error), "target": None}
    if len(problems) == 1:
        content["target"] = problems[0].target
    elif problems:
        content["details"] = [{"code": one.code, "message": one.message, "target": one.target} for one in problems]
    return content
