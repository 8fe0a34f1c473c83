"""Spans and metrics of mails through the OpenTelemetry API, which does nothing where the host has set up no SDK.

A mail may wait for days between two spans, so the later one is linked to the earlier and no child of it: Storage queues
carry no context, therefore the message does (https://www.w3.org/TR/trace-context). No address is in any of it.

    accept ── span `send emails` (producer) ── traceparent in the message ── linked: span `process emails` (consumer)
                                                                                     └─ span `sendMail` (client)

Who sets an SDK up imports the API for it, before the first mail or later. Until then the API would do nothing, so it is
not even imported, which would take as long as thirty mails.
"""

import functools
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, Literal

NAME = "mailer"


@contextmanager
def accepting(door: Literal["http", "queue"]) -> Iterator[None]:
    """Around the acceptance of one mail."""
    with _span("send emails", "PRODUCER", {"mailer.door": door}):
        yield


@contextmanager
def processing() -> Iterator[None]:
    """Around the delivery of one message."""
    with _span("process emails", "CONSUMER"):
        yield


@contextmanager
def calling(call: Literal["sendMail", "upload", "sentItems"]) -> Iterator[None]:
    """Around one exchange with Graph."""
    with _span(call, "CLIENT"):
        yield


def traceparent() -> str | None:
    """The present span, in the form that a message carries; None where nobody records."""
    if not _is_set_up():
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


def note_mail(mail: str, *, traceparent: str | None = None) -> None:
    """Name the mail in the present span, and link that to the one in which its message was written."""
    if not _is_set_up():
        return
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    span = trace.get_current_span()
    span.set_attribute("mailer.mail", mail)
    if traceparent:
        written = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
        span.add_link(trace.get_current_span(written).get_span_context())


def count_accepted(door: Literal["http", "queue"]) -> None:
    """One more mail accepted."""
    if _is_set_up():
        _instruments().accepted.add(1, {"mailer.door": door})


def count_moved(status: str, code: str, *, accepted_at: datetime, now: datetime) -> None:
    """A mail in its next status, with the code of what went wrong, if anything did."""
    if not _is_set_up():
        return
    instruments = _instruments()
    attributes = {"mailer.status": status} | ({"error.type": code} if code else {})
    instruments.moved.add(1, attributes)
    if status == "sent":
        instruments.seconds.record((now - accepted_at).total_seconds())


def _is_set_up() -> bool:
    return "opentelemetry.trace" in sys.modules


def _span(name: str, kind: str, attributes: dict[str, str] | None = None) -> AbstractContextManager[Any]:
    if not _is_set_up():
        return nullcontext()
    from opentelemetry import trace

    return trace.get_tracer(NAME).start_as_current_span(name, kind=trace.SpanKind[kind], attributes=attributes)


class _Instruments:
    def __init__(self) -> None:
        from opentelemetry import metrics

        meter = metrics.get_meter(NAME)
        self.accepted = meter.create_counter("mailer.mails.accepted", "{mail}", "Mails accepted, by door")
        self.moved = meter.create_counter(
            "mailer.mails.moved",
            "{mail}",
            "Mails that were sent, failed, became uncertain or wait, by status and cause",
        )
        self.seconds = meter.create_histogram("mailer.mail.duration", "s", "From the acceptance of a mail to its 202")


@functools.cache
def _instruments() -> _Instruments:
    return _Instruments()
