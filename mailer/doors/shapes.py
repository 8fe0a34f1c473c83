"""What each call takes and gives, by the name of its function: the half of the API's description that types tell.

Codes that several calls have are added where the description is made: those of keys, callers, storage and settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field

from mailer.delivery.failures import FailureQuery
from mailer.delivery.jobs import CauseRequest
from mailer.delivery.search import MailQuery
from mailer.doors import answers, failure_answers, feedback_answers
from mailer.feedback.suppression_requests import LiftQuery, SuppressionQuery, SuppressionRequest
from mailer.request.members import Locale
from mailer.request.model import MailRequest, Schedule
from mailer.request.value import Value


class PreviewUse(Value):
    """What to preview a template with: its sample and default language where they are left out."""

    variables: dict[str, Any] = Field(default_factory=dict)
    locale: Locale | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """`takes` is the body's model, `query` that of the parameters; `gives` the answers' by their status.

    None is for an answer without content. `refuses` are the codes of errors by their status; `page`: it also answers
    as a page, to whoever accepts one.
    """

    gives: Mapping[int, type[BaseModel] | None]
    takes: type[BaseModel] | None = None
    takes_many: bool = False
    takes_nothing: bool = False
    query: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()
    refuses: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    page: bool = False


_CONTENT = (
    "validation_error",
    "idempotency_keys_differ",
    "sender_not_allowed",
    "header_not_allowed",
    "too_many_recipients",
    "header_repeated",
    "content_id_repeated",
    "too_far_ahead",
    "out_of_range",
    "image_not_shown",
    "image_not_found",
    "attachment_not_found",
    "template_not_found",
    "template_variable_missing",
    "template_variable_invalid",
    "template_failed",
)
_TOO_LARGE = ("request_too_large", "attachment_too_large")
_MAIL = {404: ("not_found",), 409: ("wrong_status",)}
_TEMPLATE = {404: ("template_not_found",), 422: ("template_failed",)}

_KEY = {503: ("suppression_key_lost",)}

SHAPES = {
    "post_email": Shape(
        takes=MailRequest,
        gives={200: answers.Receipt, 202: answers.Receipt},
        headers=("Idempotency-Key", "Prefer"),
        refuses={409: ("invalid_idempotent_request",), 413: _TOO_LARGE, 422: _CONTENT, 503: ("accepting",)},
    ),
    "post_batch": Shape(
        takes=MailRequest,
        takes_many=True,
        gives={202: answers.BatchAnswer},
        headers=("Idempotency-Key", "x-batch-validation"),
        refuses={
            409: ("invalid_idempotent_request",),
            413: _TOO_LARGE,
            422: _CONTENT,
            503: ("accepting",),
        },
    ),
    "get_emails": Shape(query=MailQuery, gives={200: answers.Mails}),
    "get_email": Shape(gives={200: answers.Mail}, refuses={404: ("not_found",)}),
    "patch_email": Shape(
        takes=Schedule, gives={200: answers.Mail}, refuses={**_MAIL, 422: ("too_far_ahead", "out_of_range")}
    ),
    "cancel_email": Shape(gives={200: answers.Mail}, refuses=_MAIL),
    "replay_email": Shape(gives={202: answers.Mail}, refuses=_MAIL),
    "retry_email": Shape(gives={202: answers.Mail}, refuses=_MAIL),
    "release_email": Shape(gives={202: answers.Mail}, refuses=_MAIL),
    "get_failures": Shape(query=FailureQuery, gives={200: failure_answers.Failures}),
    "replay_failures": Shape(
        takes=CauseRequest,
        takes_nothing=True,
        gives={200: failure_answers.CauseAnswer, 202: failure_answers.CauseAnswer},
    ),
    "retry_failures": Shape(
        takes=CauseRequest,
        takes_nothing=True,
        gives={200: failure_answers.CauseAnswer, 202: failure_answers.CauseAnswer},
    ),
    "get_suppressions": Shape(query=SuppressionQuery, gives={200: feedback_answers.Suppressions}, refuses=_KEY),
    "post_suppression": Shape(
        takes=SuppressionRequest,
        gives={200: feedback_answers.Suppression, 201: feedback_answers.Suppression},
        refuses={503: ("suppression_key_lost", "suppressions_full")},
    ),
    "delete_suppression": Shape(query=LiftQuery, gives={204: None}, refuses=_KEY),
    "get_templates": Shape(gives={200: answers.Templates}),
    "get_template": Shape(gives={200: answers.Template}, refuses=_TEMPLATE),
    "preview_template": Shape(
        takes=PreviewUse,
        takes_nothing=True,
        gives={200: answers.Preview},
        page=True,
        refuses=_TEMPLATE
        | {
            413: ("request_too_large",),
            422: ("template_variable_missing", "template_variable_invalid", "template_failed"),
        },
    ),
    "get_health": Shape(gives={200: answers.Health, 503: answers.Health}),
}
