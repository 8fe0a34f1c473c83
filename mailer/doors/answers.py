"""What calls answer. The record is made of its model; of the others a test holds the answers to theirs."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field

from mailer.delivery.record import Action, MailRecord, Status
from mailer.doors.answer import Answer, Code, Instant, MailId, Message
from mailer.doors.feedback_answers import Copy
from mailer.request.members import Priority


class Reason(Answer):
    """What went wrong."""

    code: Code
    message: Message


class Problem(Reason):
    """One thing that is wrong."""

    target: Annotated[str | None, Field(description="The member or parameter that it is about.")]


class ErrorContent(Reason):
    """What is wrong; each thing by itself in `details`."""

    target: Annotated[str | None, Field(description="The member or parameter, where one thing is wrong.")] = None
    details: list[Problem]


class Error(Answer):
    """An error, in the envelope of Azure's own services."""

    error: ErrorContent


class Receipt(Answer):
    """An accepted mail."""

    id: MailId
    status: Status
    expected_at: Annotated[Instant | None, Field(description="When it leaves, as far as is known now.")]
    error: Annotated[Reason | None, Field(description="There where something has gone wrong already.")] = None


class Taken(Answer):
    """A mail of a batch that was accepted."""

    index: int
    id: MailId
    status: Status
    expected_at: Instant | None
    error: Annotated[Reason | None, Field(description="There where something has gone wrong already.")] = None


class NotTaken(Reason):
    """A mail of a batch that was not."""

    index: int
    target: str | None
    details: Annotated[list[Problem] | None, Field(description="There where several things are wrong.")] = None


class BatchAnswer(Answer):
    """The mails of a batch by their places in it."""

    data: list[Taken]
    errors: list[NotTaken]


class Done(Answer):
    """What somebody has done to a mail."""

    action: Action
    by: Annotated[
        str | None,
        Field(
            description="The caller, where callers have names; who has signed in, where that was by the command line."
        ),
    ]
    at: Instant


class Mail(Answer):
    """A mail's record. It never holds the mail's content, nor a recipient's address."""

    id: MailId
    status: Status
    sender: Annotated[str | None, Field(alias="from", description="The mailbox that sends.")]
    pool: Annotated[str | None, Field(description="The pool that was asked for, where `from` named one.")]
    priority: Priority
    caller: Annotated[str | None, Field(description="Who has asked for it, where callers have names.")]
    expected_at: Annotated[Instant | None, Field(description="When it leaves, while it waits.")]
    attempts: int
    resent: Annotated[int, Field(description="How often it was sent again in doubt.")]
    gate: Annotated[str | None, Field(description="What MAILER_GATE did to it.")]
    error: Reason | None
    template: str | None
    template_version: Annotated[str | None, Field(description="A hash of the template's files, as they were used.")]
    content_hash: Annotated[str | None, Field(description="A keyed hash of subject and body, as they were sent.")]
    request_id: Annotated[str | None, Field(description="Graph's request-id, for Microsoft's support.")]
    recipients: int | None
    tags: dict[str, str]
    scheduled_at: Instant | None
    times: Annotated[dict[Status, Instant], Field(description="When it came to each status, the earliest first.")]
    done: Annotated[list[Done], Field(description="What people have done to it; the last twenty things.")]
    delivery: Annotated[
        dict[str, Copy] | None,
        Field(description="By a recipient's place in the request, such as `to[0]`; there where something is known."),
    ] = None

    @classmethod
    def of(cls, record: MailRecord) -> Self:
        """The record as callers see it."""
        error = Reason(code=record.error_code, message=record.error_message) if record.error_code else None
        return cls(
            id=record.id,
            status=record.status,
            sender=record.sender,
            pool=record.pool,
            priority=record.priority or Priority.NORMAL,
            caller=record.caller,
            expected_at=record.due_at or record.accepted_at if record.status.waiting else None,
            attempts=record.attempts,
            resent=record.resent or 0,
            gate=record.gate or None,
            error=error,
            template=record.template,
            template_version=record.template_version,
            content_hash=record.content_hash,
            request_id=record.request_id,
            recipients=record.recipients,
            tags=dict(record.tags or {}),
            scheduled_at=record.due_at if record.status is Status.SCHEDULED else None,
            times=dict(record.times),
            done=[Done(action=one.action, by=one.by, at=one.at) for one in record.done or ()],
            delivery=Copy.of_each(record) or None,
        )

    def shown(self) -> dict[str, Any]:
        """As callers see it: what is not always there is never null."""
        return self.model_dump(mode="json", by_alias=True, exclude=set() if self.delivery else {"delivery"})


class Mails(Answer):
    """A page of mails, the newest first."""

    value: list[Mail]
    next_link: Annotated[
        str | None, Field(alias="nextLink", description="The next page; not there on the last one.")
    ] = None


class TemplateName(Answer):
    """A template and its languages, the default one first."""

    id: str
    locales: list[str]


class Templates(Answer):
    """All templates that the caller may use."""

    data: list[TemplateName]


class Variable(Answer):
    """A variable that a template uses."""

    path: str
    type: str
    optional: bool
    description: str | None = None


class Template(Answer):
    """What a template asks for."""

    id: str
    locales: list[str]
    variables: list[Variable]
    sample: dict[str, Any]
    json_schema: Annotated[
        dict[str, Any] | None, Field(alias="schema", description="The JSON Schema of its variables, if it has one.")
    ] = None


class Image(Answer):
    """An image in a mail."""

    content_id: str | None
    content_type: str
    size: Annotated[int, Field(description="In bytes.")]


class Preview(Answer):
    """What a mail would say."""

    subject: str
    html: str | None
    text: Annotated[str, Field(description="Of a mail in HTML, what a reader without HTML sees.")]
    locale: str
    images: list[Image]


class Part(Answer):
    """One part of the app."""

    status: Literal["ok", "warning", "failing"]
    problems: Annotated[list[str] | None, Field(description="What is wrong, or soon will be, and what to do.")] = None


class Health(Answer):
    """What works and what does not."""

    status: Literal["ok", "failing"]
    parts: dict[str, Part]
    secret_expires_on: Annotated[Instant | None, Field(description="When the app's secret expires.")] = None
