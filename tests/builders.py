"""Values to test with: each builder gives something valid, and takes what a test is about."""

import json
from dataclasses import replace
from datetime import timedelta

from mailer.delivery.decide import LEASE
from mailer.delivery.record import MailRecord, Status
from mailer.errors import Problem
from mailer.request.address import Address
from mailer.request.attachment import File
from mailer.request.mail_id import mail_id
from mailer.request.model import MailRequest
from mailer.request.parse import Rules, read_request
from mailer.request.rendered import Content, RenderedMail
from mailer.settings import Storage
from tests.fakes import START

SHOP = Address(address="shop@contoso.com", name="Contoso Shop")
ALERTS = Address(address="alerts@contoso.com")
HEADERS = ("x-order", "x-shop", "x-a", *(f"x-{number}" for number in range(6)))
TEMPLATE = "order-confirmation"
SOME_ID = mail_id(START, b"0123456789")


def members(**changes):
    """A request's members; None leaves one out, and `from_` is `from`."""
    content = {"to": "ada@example.com", "subject": "Hello", "text": "Hello, Ada"}
    content |= {name.removesuffix("_"): value for name, value in changes.items()}
    return {name: value for name, value in content.items() if value is not None}


def as_bytes(content):
    return json.dumps(content).encode()


def content_problems(request):
    """What a set of templates would say that has one template with one variable."""
    use = request.template
    if use is None:
        return
    if use.id != TEMPLATE:
        yield Problem(code="template_not_found", message="There is no such template.", target="template.id")
    elif "order" not in use.variables:
        yield Problem(code="template_variable_missing", message="`order` is missing.", target="order")


RULES = Rules(senders=(SHOP, ALERTS), content_problems=content_problems, headers=HEADERS)


def a_request(*, rules=RULES, **changes) -> MailRequest:
    return read_request(members(**changes), rules=rules)


def a_mail(*, id=SOME_ID, content=None, files=(), **changes) -> RenderedMail:  # noqa: A002 - the field's own name
    content = content or Content(subject="Hello", body="Hello, Ada", content_type="text")
    return RenderedMail(id=id, request=a_request(**changes), content=content, files=tuple(files))


def composed(request, *, mail) -> RenderedMail:
    """A mail as composing would make it, had its template one line."""
    content = Content(subject=request.subject or "", body="b", content_type="text")
    return RenderedMail(id=mail, request=request, content=content)


def a_file(content=b"%PDF", **changes) -> File:
    known = {"filename": "a.pdf", "content_type": "application/pdf", "size": len(content)}
    return File(**known | changes, read=lambda offset, length: content[offset : offset + length])


def a_record(*, at=START, entropy=b"0123456789", **changes) -> MailRecord:
    known = {"digest": "d1", "template": TEMPLATE, "recipients": 1, "tags": {"flow": "checkout"}}
    return MailRecord(id=mail_id(at, entropy), **{**known, "times": {Status.QUEUED: at}, **changes})


def claimed(record, *, claim="worker", now=START, **changes) -> MailRecord:
    """The record while this worker sends the mail."""
    sending = record.moved(Status.SENDING, now=now)
    known = {"claim": claim, "leased_until": now + LEASE, "attempts": record.attempts + 1}
    return replace(sending, **known | changes)


def minutes(number):
    return timedelta(minutes=number)


def storage_of(running):
    """The settings of a running Azurite."""
    return Storage(connection_string=running.connection_string)
