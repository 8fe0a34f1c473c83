"""Functions that queues and timers trigger, and the queues that functions write to."""

import contextlib
import json
import re

import requests
from azure.core.exceptions import ResourceNotFoundError

from tests.host_http.given import decoded, take, taken_with


def test_a_message_reaches_the_function_and_its_return_value_the_next_queue(app, url, service, queue_name):
    requests.post(f"{url}/api/send", data='{"to": "ada@example.com"}', timeout=5)

    seen = taken_with('{"to": "ada@example.com"}', service.get_queue_client(f"{queue_name}-seen"))

    assert seen["dequeue_count"] == 1
    assert all(re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\+00:00", moment) for moment in seen["times"])
    printed = app.log.read_text()
    assert f"Executing 'Functions.take' (Reason='New queue message detected on '{queue_name}'.', Id=" in printed
    assert f"Trigger Details: MessageId: {seen['id']}, DequeueCount: 1, InsertedOn: 20" in printed


def test_a_list_becomes_one_message_each(url, service, queue_name):
    many = service.get_queue_client(f"{queue_name}-many")
    with contextlib.suppress(ResourceNotFoundError):
        many.clear_messages()

    requests.post(f"{url}/api/send", data="x", timeout=5)

    assert [take(many), take(many)] == ["one", "two"]


def test_outputs_of_a_function_that_fails_are_not_sent(url, service, queue_name):
    reply = requests.post(f"{url}/api/send?then-fail=1", data="never to be seen", timeout=5)

    assert reply.status_code == 500
    queues = [service.get_queue_client(name) for name in (queue_name, f"{queue_name}-seen")]
    peeked = [decoded(message) for queue in queues for message in queue.peek_messages(max_messages=32)]
    assert not any("never to be seen" in content for content in peeked)


def test_a_message_with_an_id_of_its_own_hides_the_real_one(url, service, queue_name):
    body = '{"id": "forged", "dequeueCount": 99}'
    requests.post(f"{url}/api/send", data=body, timeout=5)

    seen = taken_with(body, service.get_queue_client(f"{queue_name}-seen"))
    assert (seen["id"], seen["dequeue_count"]) == ("forged", 99)


def test_a_message_that_always_fails_ends_on_the_poison_queue(url, service, queue_name):
    requests.post(f"{url}/api/send", data="fail", timeout=5)

    assert take(service.get_queue_client(f"{queue_name}-poison")) == "fail"


def test_a_timer_that_runs_on_startup_has_run(service, queue_name):
    told = json.loads(take(service.get_queue_client(f"{queue_name}-ticks")))

    assert told["past_due"] is False
    assert told["status"]["Next"].endswith("-01-01T00:00:00+00:00")
