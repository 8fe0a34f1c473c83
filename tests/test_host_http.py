"""The embedded host as a program: HTTP functions, queue and timer functions, the admin API, stopping."""

import base64
import concurrent.futures
import contextlib
import json
import re
import signal
import subprocess
import time
from uuid import uuid4

import pytest
import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueServiceClient

from mailer.local import programs
from tests import host_sample

WITHIN = 8.0


@pytest.fixture(scope="module")
def queue_name():
    return f"http-{uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def app(tmp_path_factory, storage, queue_name):
    root = host_sample.write(tmp_path_factory.mktemp("app"))
    env = host_sample.environment(
        storage.connection_string,
        QUEUE=queue_name,
        PYTHON_THREADPOOL_THREAD_COUNT="2",
        FUNCTIONS_REQUEST_BODY_SIZE_LIMIT="5000",
    )
    host = host_sample.start(root, env)
    yield host
    host.stop()


@pytest.fixture(scope="module")
def url(app):
    return host_sample.url(app)


@pytest.fixture(scope="module")
def service(storage):
    with QueueServiceClient.from_connection_string(storage.connection_string) as client:
        yield client


def eventually(found):
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def take(queue):
    """The next message of a queue, removed from it."""

    def first():
        try:
            message = queue.receive_message(visibility_timeout=30)
        except ResourceNotFoundError:
            return None
        if message:
            queue.delete_message(message)
        return message

    return decoded(eventually(first))


def decoded(message):
    return base64.b64decode(message.content).decode()


def taken_with(body, queue):
    """What the function saw of the message with this body; what it saw of others goes by."""
    return eventually(lambda: (seen := json.loads(take(queue))) and seen["body"] == body and seen)


def put(queue, body):
    queue.send_message(base64.b64encode(body.encode()).decode())


def test_a_request_reaches_the_function_whole(url):
    reply = requests.post(
        f"{url}/api/SEEN/a%20b/c%2Fd?x=1&x=2&empty=&y=%C3%A9",
        headers={"X-One": "1", "Content-Type": "application/json"},
        data='{"é": 1}'.encode(),
        timeout=5,
    )

    seen = reply.json()
    assert reply.status_code == 203
    assert reply.headers["Content-Type"] == "application/json"
    assert seen["method"] == "POST"
    assert seen["url"] == f"{url}/api/SEEN/a%20b/c%2Fd?x=1&x=2&empty=&y=%C3%A9"
    assert seen["params"] == {"x": "1,2", "empty": "", "y": "é"}
    assert seen["route_params"] == {"id": "a b", "rest": "c%2Fd"}
    assert seen["headers"]["x-one"] == "1"
    assert seen["body"] == '{"é": 1}'


def test_an_optional_route_value_that_is_absent_is_missing(url):
    assert requests.get(f"{url}/api/seen/7", timeout=5).json()["route_params"] == {"id": "7"}
    assert requests.get(f"{url}/api/seen/a%0A", timeout=5).json()["route_params"] == {"id": "a\n"}


def test_a_literal_route_wins_over_a_parameter(url):
    assert requests.get(f"{url}/api/seen/literal", timeout=5).text == "literal"


def test_a_route_whose_method_does_not_fit_leaves_the_request_to_the_next(url):
    assert requests.post(f"{url}/api/seen/literal", timeout=5).json()["route_params"] == {"id": "literal"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/api/seen/7"), ("HEAD", "/api/seen/7"), ("GET", "/seen/7"), ("GET", "/api"), ("GET", "/api/none")],
)
def test_a_request_that_fits_no_function_is_404_with_an_empty_body(url, method, path):
    reply = requests.request(method, url + path, timeout=5)

    assert (reply.status_code, reply.content) == (404, b"")


def test_headers_cookies_and_charset_of_a_response_arrive(url):
    reply = requests.get(f"{url}/api/cookies", timeout=5)

    assert reply.text == "é"
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["x-custom"] == "1"
    assert reply.raw.headers.getlist("set-cookie") == ["a=1; Path=/", "b=2; HttpOnly"]


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("wrong/dict", "TypeError: unable to send Python type 'dict' through the output binding 'http'"),
        ("wrong/none", "TypeError: unable to send Python type 'NoneType' through the output binding 'http'"),
        ("wrong/exit", "wrong called sys.exit()"),
        ("wrong/raise", 'raise ValueError("a reason to be logged")'),
        ("wrong-async", 'raise ValueError("an async reason")'),
    ],
)
def test_a_function_that_fails_is_500_with_an_empty_body_and_its_reason_in_the_log(app, url, path, logged):
    reply = requests.get(f"{url}/api/{path}", timeout=5)

    assert (reply.status_code, reply.content) == (500, b"")
    assert logged in app.log.read_text()


def test_a_body_over_the_limit_is_413(url):
    assert requests.post(f"{url}/api/seen/7", data=b"x" * 5000, timeout=5).status_code == 203
    assert requests.post(f"{url}/api/seen/7", data=b"x" * 5001, timeout=5).status_code == 413


def test_the_context_tells_of_the_invocation(app, url):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}

    context = requests.get(f"{url}/api/context", headers=headers, timeout=5).json()

    assert f"Executing 'Functions.about' (Reason='{REASON}', Id={context['id']})" in app.log.read_text()
    assert context["name"] == "about"
    assert context["directory"] == str(app.log.parent)
    assert context["trace"].split("-")[1] == trace
    assert context["retries"] == 0


REASON = "This function was programmatically called via the host APIs."


def test_the_console_reads_like_that_of_func(app, url, queue_name):
    requests.get(f"{url}/api/context", timeout=5)

    printed = app.log.read_text()
    assert "it is not Azure Functions Core Tools" in printed
    assert (
        f"\n\nFunctions:\n\n\tsee: [GET,POST] http://localhost:{app.ports[0]}/api/Seen/{{id}}/{{rest?}}\n\n" in printed
    )
    assert f"\tcookies: http://localhost:{app.ports[0]}/api/cookies\n" in printed
    assert "\ttake: queueTrigger\n" in printed
    assert re.search(r"^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] from about$", printed, re.MULTILINE)
    assert re.search(
        r"Executed 'Functions\.about' \(Succeeded, Id=[0-9a-f-]{36}, Duration=\d+ms\)$", printed, re.MULTILINE
    )
    assert "too quiet" not in printed
    assert "a system log" not in printed


def test_sync_functions_share_a_pool_of_the_size_that_is_set(url):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        began = time.monotonic()
        list(pool.map(lambda _: requests.get(f"{url}/api/threads", timeout=5), range(4)))

    assert 0.8 <= time.monotonic() - began < 1.6


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


def test_the_front_page_says_that_the_app_runs(url):
    reply = requests.get(url, timeout=5)

    assert reply.status_code == 200
    assert "Your function app is up and running" in reply.text


def test_the_host_tells_its_status(url):
    assert requests.get(f"{url}/admin/host/ping", timeout=5).content == b""
    assert requests.post(f"{url}/admin/host/ping", timeout=5).status_code == 200
    status = requests.get(f"{url}/admin/host/status", timeout=5).json()
    assert (status["state"], status["errors"]) == ("Running", [])
    assert status["processUptime"] > 0


def test_the_host_lists_its_functions_with_their_bindings(url):
    listed = {one["name"]: one for one in requests.get(f"{url}/admin/functions", timeout=5).json()}
    one = requests.get(f"{url}/admin/functions/TAKE", timeout=5).json()

    assert {"see", "take", "tick"} <= set(listed)
    assert one == listed["take"]
    assert [binding["type"] for binding in one["config"]["bindings"]] == ["queueTrigger", "queue"]
    assert requests.get(f"{url}/admin/functions/take/status", timeout=5).json() == {}
    assert requests.get(f"{url}/admin/functions/none", timeout=5).status_code == 404


def test_a_function_runs_by_hand_with_no_message_behind_it(url, service, queue_name):
    body = f"by hand {uuid4()}"

    reply = requests.post(f"{url}/admin/functions/take", json={"input": body}, timeout=5)

    assert (reply.status_code, reply.content) == (202, b"")
    assert taken_with(body, service.get_queue_client(f"{queue_name}-seen"))["id"] == ""


@pytest.mark.parametrize(("name", "body", "status"), [("none", b'{"input": ""}', 404), ("take", b"", 400)])
def test_a_run_by_hand_that_names_nothing_is_refused(url, name, body, status):
    assert requests.post(f"{url}/admin/functions/{name}", data=body, timeout=5).status_code == status


def test_with_auth_each_level_wants_its_key(tmp_path, storage):
    root = host_sample.write(tmp_path)
    env = host_sample.environment(storage.connection_string) | {"AzureWebJobs.cookies.Disabled": "true"}
    host = host_sample.start(root, env, "--enable-auth", "--functions", *KEYED)
    try:
        keys = json.loads((root / ".local/host-keys.json").read_text())
        master, everywhere, own = keys["master"], keys["host"], keys["functions"]["function_key"]
        url = host_sample.url(host)

        def status(path, header=None, code=None):
            headers = {"x-functions-key": header} if header is not None else {}
            reply = requests.get(url + path, headers=headers, params={"code": code} if code else None, timeout=5)
            assert reply.status_code == 200 or reply.content == b""
            return reply.status_code

        assert status("/api/context") == 200
        assert status("/api/function-key") == 401
        assert [status("/api/function-key", key) for key in (own, everywhere, master, "x")] == [200, 200, 200, 401]
        assert [status("/api/other-key", key) for key in (own, everywhere)] == [401, 200]
        assert [status("/api/master-key", key) for key in (own, everywhere, master)] == [401, 401, 200]
        assert status("/api/function-key", code=own) == 200
        assert status("/api/function-key", header="x", code=own) == 401
        assert [status("/api/cookies"), status("/api/cookies", master)] == [404, 200]
        assert [status("/admin/host/status", key) for key in (None, everywhere, master)] == [401, 401, 200]
        assert status("/admin/host/ping") == 200
        assert (root / ".local/host-keys.json").stat().st_mode & 0o077 == 0
        assert f"master: {master}" in host.log.read_text()
        assert "Function cookies is disabled." in host.log.read_text()
    finally:
        host.stop()


KEYED = ("function_key", "other_key", "master_key", "about", "cookies")


def test_a_stop_lets_what_runs_finish_and_ends_with_0(tmp_path, storage, service):
    name = f"stop-{uuid4().hex[:8]}"
    queue = service.create_queue(name)
    put(queue, "slow")
    root = host_sample.write(tmp_path)
    host = host_sample.start(
        root, host_sample.environment(storage.connection_string, QUEUE=name), "--functions", "take", "threads"
    )
    with concurrent.futures.ThreadPoolExecutor() as pool:
        request = pool.submit(requests.get, f"{host_sample.url(host)}/api/threads", timeout=5)
        eventually(
            lambda: {"take", "threads"} <= set(re.findall(r"Executing 'Functions\.(\w+)'", host.log.read_text()))
        )

        host.process.send_signal(signal.SIGTERM)

        assert request.result().text == "done"
    assert host.process.wait(WITHIN) == 0
    assert "Executed 'Functions.take' (Succeeded" in host.log.read_text()
    assert queue.get_queue_properties().approximate_message_count == 0
    assert json.loads(take(service.get_queue_client(f"{name}-seen")))["body"] == "slow"


def test_a_second_ctrl_c_ends_the_host_at_once(tmp_path, storage, service):
    name = f"kill-{uuid4().hex[:8]}"
    put(service.create_queue(name), "slow")
    root = host_sample.write(tmp_path)
    host = host_sample.start(
        root, host_sample.environment(storage.connection_string, QUEUE=name), "--functions", "take"
    )
    eventually(lambda: "Executing 'Functions.take'" in host.log.read_text())

    host.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    host.process.send_signal(signal.SIGINT)

    assert host.process.wait(1) == 128 + signal.SIGINT
    assert "Executed" not in host.log.read_text()


def test_without_storage_http_still_answers_and_the_status_tells_why(tmp_path):
    dead = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=c2VjcmV0;"
    dead += "QueueEndpoint=http://127.0.0.1:9/devstoreaccount1;"
    env = host_sample.environment(dead)
    host = host_sample.start(host_sample.write(tmp_path), env, "--functions", "take", "see", "send")
    try:
        url = host_sample.url(host)
        assert requests.get(f"{url}/api/seen/7", timeout=5).status_code == 203
        status = eventually(lambda: requests.get(f"{url}/admin/functions/take/status", timeout=5).json())
        assert "Connection refused" in status["errors"][0]
        assert "The listener for function 'Functions.take' was unable to start." in host.log.read_text()
        assert requests.post(f"{url}/api/send", data="x", timeout=5).status_code == 500
        assert "OutputFailed: the output 'many' could not be sent to queue 'sample-many'" in host.log.read_text()
    finally:
        host.stop()


def test_an_asgi_app_serves_from_the_root(tmp_path):
    source = """
import azure.functions as func

async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": scope["path"].encode()})

app = func.AsgiFunctionApp(asgi, http_auth_level=func.AuthLevel.ANONYMOUS)
"""
    host_json = {"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}
    host = host_sample.start(host_sample.write(tmp_path, source, host_json=host_json), host_sample.environment(""))
    try:
        replies = [requests.get(host_sample.url(host) + path, timeout=5).text for path in ("/", "/a/b")]
    finally:
        host.stop()

    assert replies == ["/", "/a/b"]


def test_a_busy_port_is_one_clear_line(tmp_path, storage):
    (port,) = programs.free_ports(1)
    root = host_sample.write(tmp_path)
    env = host_sample.environment(storage.connection_string)
    first = programs.host(root, port=port, env=env, root=root)
    first.command += ["--functions", "see"]
    first.start()
    try:
        second = subprocess.run(first.command, env=env, cwd=programs.ROOT, capture_output=True, text=True, check=False)
    finally:
        first.stop()

    assert second.returncode == 1
    assert second.stderr.strip().startswith(f"Port {port} of 127.0.0.1 is unavailable")
    assert second.stderr.strip().endswith("specify another port using --port.")
    assert len(second.stderr.strip().splitlines()) == 1
