"""How much a whole request may be, and for how far ahead. No I/O."""

from datetime import datetime

from mailer.errors import InvalidRequest, Problem
from mailer.request.members import ADVANCE, ONE_CALL
from mailer.request.model import MailRequest


def check_limits(request: MailRequest, now: datetime) -> None:
    """Raises InvalidRequest for a request that is too large, or scheduled too far ahead."""
    size = len(request.model_dump_json(by_alias=True, exclude_defaults=True, exclude={"attachments"}).encode())
    if size > ONE_CALL:
        message = f"The request has {size} bytes beside its attachments; Graph takes {ONE_CALL}. Shorten the content."
        raise InvalidRequest([Problem(code="request_too_large", message=message)])
    if request.scheduled_at and request.scheduled_at > now + ADVANCE:
        message = f"`scheduled_at` may be {ADVANCE.days} days ahead at most."
        raise InvalidRequest([Problem(code="too_far_ahead", message=message, target="scheduled_at")])
