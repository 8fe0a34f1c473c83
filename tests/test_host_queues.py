"""The life of a queue message in the embedded host, step by step, against Azurite."""

import asyncio
import base64
import json
import time
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueServiceClient

from mailer.local.host import messages
from mailer.local.host.host_json import QueueOptions
from mailer.local.host.queues import QueueListener, back_off, poison_name

QUICK = QueueOptions(
    batch_size=4, new_batch_threshold=0, max_polling_interval=timedelta(milliseconds=100), base64=False
)
WITHIN = 8.0


@pytest.fixture
def service(storage):
    with QueueServiceClient.from_connection_string(storage.connection_string) as client:
        yield client


@pytest.fixture
def queue(service):
    return service.create_queue(f"jobs-{uuid4().hex[:12]}")


@pytest.fixture
def poison(service, queue):
    return service.get_queue_client(poison_name(queue.queue_name))


def options(**changes):
    return QueueOptions(**{name: getattr(QUICK, name) for name in QUICK.__dataclass_fields__} | changes)


@asynccontextmanager
async def listening(queue, poison, run, settings=QUICK, **lease):
    listener = QueueListener("take", queue, poison, run, settings, **lease)
    loop = asyncio.create_task(listener.listen())
    try:
        yield listener
    finally:
        listener.stop()
        await loop
        await listener.drain()


def follow(queue, poison, run, until, settings=QUICK, **lease):
    """Listen until the condition holds, or fail."""

    async def go():
        async with listening(queue, poison, run, settings, **lease):
            deadline = time.monotonic() + WITHIN
            while not await asyncio.to_thread(until):
                assert time.monotonic() < deadline, "it did not happen in time"
                await asyncio.sleep(0.02)

    asyncio.run(go())


def count(queue):
    """Messages on the queue, the invisible ones included; None when there is no queue."""
    with suppress(ResourceNotFoundError):
        return queue.get_queue_properties().approximate_message_count
    return None


def recorder(outcome=True):
    """A function that notes each message it sees."""
    seen = []

    async def run(message, body):
        seen.append((message.dequeue_count, body))
        return outcome

    return seen, run


def test_a_message_that_succeeds_is_deleted(queue, poison):
    queue.send_message('{"to": "ada@example.com"}')
    seen, run = recorder()

    follow(queue, poison, run, lambda: count(queue) == 0)

    assert seen == [(1, '{"to": "ada@example.com"}')]
    assert count(poison) is None


def test_a_message_that_fails_comes_back_until_its_count_then_goes_to_poison_as_it_was(queue, poison):
    queue.send_message("nothing helps")
    seen, run = recorder(outcome=False)

    follow(queue, poison, run, lambda: count(poison) == 1, options(max_dequeue_count=3))

    assert seen == [(1, "nothing helps"), (2, "nothing helps"), (3, "nothing helps")]
    assert count(queue) == 0
    moved = poison.peek_messages()[0]
    assert (moved.content, moved.dequeue_count) == ("nothing helps", 0)


def test_the_last_failure_moves_a_message_to_poison_at_once(queue, poison):
    queue.send_message("once")
    settings = options(max_dequeue_count=1, visibility_timeout=timedelta(hours=1))

    follow(queue, poison, recorder(outcome=False)[1], lambda: count(poison) == 1, settings)


def test_a_message_that_fails_waits_for_the_visibility_timeout(queue, poison):
    queue.send_message("again")
    times = []

    async def run(message, body):
        times.append(time.monotonic())
        return len(times) == 2

    follow(queue, poison, run, lambda: count(queue) == 0, options(visibility_timeout=timedelta(seconds=1)))

    assert times[1] - times[0] >= 0.9


def test_a_message_over_its_count_goes_to_poison_without_running(queue, poison):
    queue.send_message("crashed the host before")
    for _ in range(2):
        received = queue.receive_message(visibility_timeout=30)
        queue.update_message(received.id, received.pop_receipt, visibility_timeout=0)
    seen, run = recorder()

    follow(queue, poison, run, lambda: count(poison) == 1, options(max_dequeue_count=2))

    assert seen == []
    assert count(queue) == 0


def test_base64_is_decoded(queue, poison):
    queue.send_message(base64.b64encode("grüezi".encode()).decode())
    seen, run = recorder()

    follow(queue, poison, run, lambda: count(queue) == 0, options(base64=True))

    assert seen == [(1, "grüezi")]


def test_a_message_that_is_not_base64_goes_to_poison_raw_at_once_and_the_log_blames_the_count(queue, poison, capsys):
    queue.send_message('{"plain": "json"}')
    seen, run = recorder()

    follow(queue, poison, run, lambda: count(poison) == 1, options(base64=True))

    assert seen == []
    assert poison.peek_messages()[0].content == '{"plain": "json"}'
    told = f"Message has reached MaxDequeueCount of 5. Moving message to queue '{poison.queue_name}'."
    assert told in capsys.readouterr().out


def test_a_queue_without_a_poison_queue_keeps_its_failed_message_until_the_lease_ends(queue):
    queue.send_message("nowhere to go")
    seen, run = recorder(outcome=False)

    follow(queue, None, run, lambda: len(seen) == 2, options(max_dequeue_count=2), visibility=timedelta(seconds=1))

    assert [number for number, _ in seen] == [1, 2]
    assert count(queue) == 1


@pytest.mark.parametrize(
    ("queue_name", "its_poison"),
    [("emails", "emails-poison"), ("emails-poison", None), ("q" * 56, "q" * 56 + "-poison"), ("q" * 57, None)],
)
def test_the_poison_queue_is_named_after_its_queue_unless_the_name_cannot_be(queue_name, its_poison):
    assert poison_name(queue_name) == its_poison


def test_a_lease_is_renewed_while_the_function_runs(queue, poison):
    queue.send_message("long")
    seen = []

    async def run(message, body):
        seen.append(message.dequeue_count)
        await asyncio.sleep(2.3)
        return True

    lease = {"visibility": timedelta(seconds=1), "renew_every": timedelta(seconds=0.5)}
    follow(queue, poison, run, lambda: count(queue) == 0, options(new_batch_threshold=2), **lease)

    assert seen == [1]


def test_a_message_whose_receipt_is_stale_stays_without_a_word(queue, poison, capsys):
    queue.send_message("taken over")
    seen = []

    async def run(message, body):
        seen.append(message.dequeue_count)
        queue.update_message(message.id, message.pop_receipt, visibility_timeout=1)
        return True

    follow(queue, poison, run, lambda: len(seen) == 2)

    assert seen == [1, 2]
    assert count(queue) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("threshold", "most"), [(0, 4), (2, 6)])
def test_no_more_is_in_flight_than_a_batch_and_the_threshold(queue, poison, threshold, most):
    for number in range(9):
        queue.send_message(f"{number}")
    started, running, highest = 0, 0, 0
    full, go_on = asyncio.Event(), asyncio.Event()

    async def run(message, body):
        nonlocal started, running, highest
        started, running = started + 1, running + 1
        highest = max(highest, running)
        if started > 4 - threshold:  # what must end before the next batch is fetched ends at once
            if running == most and started > 4:
                full.set()
            await go_on.wait()
        running -= 1
        return True

    async def go():
        async with listening(queue, poison, run, options(new_batch_threshold=threshold)):
            await asyncio.wait_for(full.wait(), WITHIN)
            await asyncio.sleep(0.3)
            go_on.set()

    asyncio.run(go())

    assert highest == most


def test_a_queue_that_does_not_exist_yet_is_found_once_it_does(service):
    queue = service.get_queue_client(f"later-{uuid4().hex[:12]}")
    seen, run = recorder()

    def appears():
        if count(queue) is None:
            queue.create_queue()
            queue.send_message("first")
        return bool(seen)

    follow(queue, None, run, appears)

    assert seen == [(1, "first")]


def test_a_storage_that_cannot_be_reached_is_told_once_and_tried_again(capsys):
    dead = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=c2VjcmV0;"
    dead += "QueueEndpoint=http://127.0.0.1:9/devstoreaccount1;"
    with QueueServiceClient.from_connection_string(dead, retry_total=0) as service:
        listener = QueueListener("take", service.get_queue_client("jobs"), None, recorder()[1], QUICK)

        async def go():
            loop = asyncio.create_task(listener.listen())
            await asyncio.sleep(0.5)
            listener.stop()
            await loop

        asyncio.run(go())

    said = capsys.readouterr().out
    assert said.count("The listener for function 'Functions.take' was unable to start.") == 1
    assert "Connection refused" in said
    assert "Connection refused" in listener.problem


def test_what_was_received_before_the_stop_still_runs(queue, poison):
    queue.send_message("slow")
    started, done = asyncio.Event(), []

    async def run(message, body):
        started.set()
        await asyncio.sleep(0.5)
        done.append(body)
        return True

    async def go():
        async with listening(queue, poison, run):
            await started.wait()
            assert done == []

    asyncio.run(go())

    assert done == ["slow"]
    assert count(queue) == 0


def test_a_wake_ends_the_wait_at_once(queue, poison):
    seen, run = recorder()

    async def go():
        async with listening(queue, poison, run, options(max_polling_interval=timedelta(minutes=1))) as listener:
            await asyncio.sleep(0.8)
            await asyncio.to_thread(queue.send_message, "now")
            listener.wake()
            await asyncio.sleep(0.3)
            assert seen == [(1, "now")]

    asyncio.run(go())


def test_empty_polls_wait_longer_and_longer_up_to_the_longest():
    waits = back_off(timedelta(seconds=2))

    taken = [next(waits) for _ in range(8)]

    assert taken[0] == 0.1
    assert 0.26 <= taken[1] <= 0.34
    assert taken[1] < taken[2] < taken[3]
    assert taken[-2:] == [2, 2]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("plain text", {"Id": "m1", "DequeueCount": "3"}),
        ('["id"]', {"Id": "m1"}),
        ('{"id": "mine"}', {"Id": "mine", "DequeueCount": "3"}),
        ('{"ID": "mine", "dequeuecount": 9}', {"Id": "mine", "DequeueCount": "9"}),
        ('{"id": null}', {"Id": "m1"}),
        ('{"id": ["x"]}', {"Id": "m1"}),
        ('{"id": {"x": 1}}', {"Id": '{"x": 1}'}),
        ('{"id": true}', {"Id": "True"}),
        ('{"order": "7"}', {"Id": "m1", "order": "7"}),
        ('{"broken": ', {"Id": "m1"}),
        ('{"id": ' * 3000, {"Id": "m1"}),
    ],
)
def test_members_of_a_json_message_overwrite_what_the_trigger_tells(queue, body, told):
    queue.send_message(body)
    message = queue.receive_message()
    message.id, message.dequeue_count = "m1", 3

    metadata = messages.metadata(message, body)

    assert {name: metadata[name].value for name in told} == told
    assert {"Id", "DequeueCount", "PopReceipt", "ExpirationTime", "InsertionTime", "NextVisibleTime"} <= set(metadata)


@pytest.mark.parametrize(
    ("body", "stored"), [("é", "w6k="), (b"\x00\xff", "AP8="), (json.dumps({"a": 1}), "eyJhIjogMX0=")]
)
def test_an_output_is_stored_as_base64(body, stored):
    assert messages.encode(body, to_base64=True) == stored


def test_bytes_that_are_no_text_cannot_be_stored_as_plain_text():
    with pytest.raises(ValueError, match="utf-8"):
        messages.encode(b"\xff", to_base64=False)
