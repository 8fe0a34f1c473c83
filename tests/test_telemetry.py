"""Spans and metrics of a mail, in memory: from its acceptance over the queue to Graph, and no address in any of it."""

import json
import subprocess
import sys
from datetime import timedelta

import pytest

from mailer.local.programs import ROOT

# A process of its own: OpenTelemetry's providers are set once for a process.
IN_A_PROCESS = """
import json, sys
from datetime import timedelta
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
metrics.set_meter_provider(MeterProvider([reader]))

from tests.post import BUSY, NO_ANSWER, REFUSED, Post, raising

post = Post()
post.deliver(post.by_http(to="Ada <ada@example.com>"), send=raising(BUSY))
post.run()
post.deliver(post.by_queue(to="grace@example.com"), send=raising(REFUSED))
post.deliver(post.by_queue(), send=raising(NO_ANSWER))
points = {
    (metric.name, json.dumps(dict(point.attributes), sort_keys=True)): getattr(point, "value", getattr(point, "sum", 0))
    for resource in reader.get_metrics_data().resource_metrics
    for scope in resource.scope_metrics
    for metric in scope.metrics
    for point in metric.data.data_points
}
print(json.dumps({
    "spans": [
        {
            "name": span.name,
            "kind": span.kind.name,
            "id": f"{span.context.span_id:x}",
            "parent": span.parent and f"{span.parent.span_id:x}",
            "links": [f"{link.context.span_id:x}" for link in span.links],
        }
        for span in spans.get_finished_spans()
    ],
    "points": [[name, json.loads(attributes), value] for (name, attributes), value in points.items()],
    "all": [span.to_json() for span in spans.get_finished_spans()],
}))
"""


@pytest.fixture(scope="module")
def told():
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def named(told, name):
    return [span for span in told["spans"] if span["name"] == name]


def test_a_delivery_is_linked_to_what_put_its_message_on_the_queue(told):
    (accepted,) = named(told, "send emails")
    first, second, *_ = named(told, "process emails")

    assert (accepted["kind"], first["kind"]) == ("PRODUCER", "CONSUMER")
    assert first["links"] == [accepted["id"]]
    assert second["links"] == [first["id"]], "the retry follows from the attempt before"


def test_the_call_to_graph_belongs_to_its_delivery(told):
    deliveries = [span["id"] for span in named(told, "process emails")]
    calls = named(told, "sendMail")

    assert [call["parent"] for call in calls] == deliveries
    assert {call["kind"] for call in calls} == {"CLIENT"}


def test_mails_are_counted_by_door_status_and_cause(told):
    points = {(name, *sorted(attributes.values())): value for name, attributes, value in told["points"]}

    assert points["mailer.mails.accepted", "http"] == 1
    assert points["mailer.mails.accepted", "queue"] == 2
    assert points["mailer.mails.moved", "http_503", "queued"] == 1
    assert points["mailer.mails.moved", "sent"] == 1
    assert points["mailer.mails.moved", "ErrorInvalidRecipients", "failed"] == 1
    assert points["mailer.mails.moved", "no_answer", "uncertain"] == 1
    assert 0 < points[("mailer.mail.duration",)] < timedelta(minutes=2).total_seconds()


def test_no_address_is_in_any_of_it(told):
    assert not any(word in json.dumps(told) for word in ("ada@", "Ada", "grace", "shop@", "Hello"))


def test_where_nobody_records_a_message_carries_no_trace():
    code = "from tests.post import Post; post = Post(); post.accept(); print(post.queue[0][1].decode())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "trace" not in done.stdout
