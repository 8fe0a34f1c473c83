"""The embedded host shows functions what Microsoft's own worker library shows them. Python 3.13 and later."""

import base64
import json
import time
from uuid import uuid4

import pytest
import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueServiceClient

from mailer.local.host.errors import StartupError
from tests import host_sample

pytest.importorskip("azure_functions_runtime", reason="Microsoft's worker library needs Python 3.13")

from tests.worker import FunctionFailed, FunctionLoadError, Worker

# What a client adds by itself, and what a server does.
OWN_HEADERS = {"date", "content-length", "connection"}


@pytest.fixture(scope="module")
def queue_name():
    return f"drift-{uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def host(tmp_path_factory, storage, queue_name):
    only = ("--functions", "see", "cookies", "send", "take", "wrong", "see_literal")
    with host_sample.running(tmp_path_factory.mktemp("app"), storage, *only, QUEUE=queue_name) as program:
        yield program


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    return Worker(host_sample.write(tmp_path_factory.mktemp("app")))


def replied(reply):
    pairs = [(name.lower(), value) for name, value in reply.raw.headers.items() if name.lower() not in OWN_HEADERS]
    return reply.status_code, sorted(pairs), reply.content


@pytest.mark.parametrize(
    ("name", "method", "path", "headers", "body", "route_params"),
    [
        ("see", "GET", "/api/seen/7", {}, b"", {"id": "7"}),
        ("see", "GET", "/api/seen/a%20b/c?x=1&x=2&y=%C3%A9&z=", {"X-One": "1, 2"}, b"", {"id": "a b", "rest": "c"}),
        ("see", "POST", "/api/seen/7", {"Content-Type": "application/json"}, '{"é": 1}'.encode(), {"id": "7"}),
        ("see", "POST", "/api/seen/7", {"Content-Type": "text/plain"}, b"plain", {"id": "7"}),
        ("cookies", "GET", "/api/cookies", {}, b"", {}),
        ("see_literal", "GET", "/api/seen/literal", {}, b"", {}),
    ],
)
def test_a_request_and_its_response_are_the_same_as_in_the_worker(
    host, worker, name, method, path, headers, body, route_params
):
    url = host_sample.url(host) + path
    request = requests.Request(
        method, url, headers=headers | {"User-Agent": "test", "Accept-Encoding": "identity"}, data=body
    ).prepare()

    with requests.Session() as session:
        ours = replied(session.send(request, timeout=5))
    sent = {"host": url.split("/")[2]} | {key.lower(): value for key, value in request.headers.items()}
    status, answered, content = worker.invoke_http(
        name, method=method, url=url, headers=sent, body=body, route_params=route_params
    )

    assert ours == (status, sorted(answered.items()), content)


@pytest.mark.parametrize("what", ["dict", "none", "raise"])
def test_what_fails_in_the_worker_is_500_in_the_host(host, worker, what):
    url = f"{host_sample.url(host)}/api/wrong/{what}"

    with pytest.raises(FunctionFailed, match=r"TypeError|ValueError"):
        worker.invoke_http("wrong", method="GET", url=url, route_params={"what": what})

    assert requests.get(url, timeout=5).status_code == 500


@pytest.mark.parametrize("body", ['{"to": ["ada@example.com"]}', "grüezi", '{"id": "forged", "DEQUEUECOUNT": 99}'])
def test_a_message_looks_the_same_as_in_the_worker(host, worker, storage, queue_name, body):
    with QueueServiceClient.from_connection_string(storage.connection_string) as service:
        queue, results = service.get_queue_client(queue_name), service.get_queue_client(f"{queue_name}-seen")
        if queue_name not in [one.name for one in service.list_queues()]:
            queue.create_queue()
        queue.send_message(base64.b64encode(body.encode()).decode())
        ours = json.loads(base64.b64decode(_take(results).content))
    members = json.loads(body) if body.startswith("{") else {}
    inserted, expires, visible = (moment.replace(" ", "T") for moment in ours["times"])
    metadata = {
        "Id": members.get("id", ours["id"]),
        "DequeueCount": str(members.get("DEQUEUECOUNT", 1)),
        "InsertionTime": inserted,
        "ExpirationTime": expires,
        "NextVisibleTime": visible,
        "PopReceipt": ours["pop_receipt"],
    }

    theirs = json.loads(worker.invoke_queue("take", body, metadata)["$return"])

    assert ours == theirs


def test_outputs_are_the_same_as_in_the_worker(worker):
    outputs = worker.invoke_queue("take", '{"a": 1}', {"Id": "1", "DequeueCount": "1"})

    assert json.loads(outputs["$return"])["body"] == '{"a": 1}'


ROUTE = "@app.route(route='one')\n"
QUEUE = "@app.queue_output(arg_name='out', queue_name='q', connection='Storage')\n"
RETURN = QUEUE.replace("'out'", "'$return'") + "@app.timer_trigger(arg_name='t', schedule='0 * * * * *')\n"


@pytest.mark.parametrize(
    ("function", "accepted"),
    [
        (ROUTE + "def one(req): pass", True),
        (ROUTE + "def one(req: func.HttpRequest, context: func.Context) -> func.HttpResponse: pass", True),
        (ROUTE + "def one(req: func.HttpRequest, context: func.HttpRequest): pass", False),
        (ROUTE + "def one(req: func.HttpRequest, other): pass", False),
        (ROUTE + "def one(): pass", False),
        (ROUTE + "def one(req: func.TimerRequest): pass", False),
        (ROUTE + "def one(req: 'Missing'): pass", False),
        (ROUTE + "def one(req) -> str: pass", True),
        (ROUTE + "def one(req) -> None: pass", False),
        (ROUTE + "def one(req) -> dict: pass", False),
        (ROUTE + "def one(req) -> func.HttpResponse | None: pass", False),
        (ROUTE + "def one(req) -> Optional[func.HttpResponse]: pass", False),
        (ROUTE + QUEUE + "def one(req, out: func.Out[str]): pass", True),
        (ROUTE + QUEUE + "def one(req, out: func.Out[bytes]): pass", True),
        (ROUTE + QUEUE + "def one(req, out: func.Out[List[str]]): pass", True),
        (ROUTE + QUEUE + "def one(req, out: func.Out[func.QueueMessage]): pass", True),
        (ROUTE + QUEUE + "def one(req, out): pass", True),
        (ROUTE + QUEUE + "def one(req, out: func.Out[list[str]]): pass", False),
        (ROUTE + QUEUE + "def one(req, out: func.Out[Optional[str]]): pass", False),
        (ROUTE + QUEUE + "def one(req, out: func.Out[dict]): pass", False),
        (ROUTE + QUEUE + "def one(req, out: str): pass", False),
        (RETURN + "def one(t: func.TimerRequest) -> str: pass", True),
        (RETURN + "def one(t: func.TimerRequest) -> bytes: pass", True),
        (RETURN + "def one(t: func.TimerRequest) -> List[str]: pass", False),
        (RETURN + "def one(t: func.TimerRequest) -> int: pass", False),
        ("@app.queue_trigger('m', 'q', 'Storage')\ndef one(m: str): pass", True),
        ("@app.queue_trigger('m', 'q', 'Storage')\ndef one(m: bytes): pass", True),
        ("@app.queue_trigger('m', 'q', 'Storage')\ndef one(m: dict): pass", False),
    ],
)
def test_a_signature_is_accepted_just_when_the_worker_accepts_it(tmp_path, function, accepted):
    source = (
        f"from typing import List, Optional\nimport azure.functions as func\napp = func.FunctionApp()\n{function}\n"
    )
    root = host_sample.write(tmp_path, source)

    assert _accepts(lambda: Worker(root).names(), FunctionLoadError, NameError) == accepted
    assert _accepts(lambda: host_sample.load(root, {}), StartupError) == accepted


def _accepts(load, *refusals):
    try:
        load()
    except refusals:
        return False
    return True


def test_each_worker_runs_the_functions_of_its_own_folder(tmp_path):
    source = "import azure.functions as func\napp = func.FunctionApp()\n"
    source += "@app.route(route='one')\ndef one(req: func.HttpRequest):\n    return func.HttpResponse('{}')\n"
    first = Worker(host_sample.write(tmp_path / "a", source.format("first")))
    second = Worker(host_sample.write(tmp_path / "b", source.format("second")))

    bodies = [
        each.invoke_http("one", method="GET", url="http://localhost/api/one")[2] for each in (first, second, first)
    ]

    assert bodies == [b"first", b"second", b"first"]


def _take(queue):
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        try:
            if message := queue.receive_message(visibility_timeout=30):
                queue.delete_message(message)
                return message
        except ResourceNotFoundError:
            pass
        time.sleep(0.05)
    raise AssertionError("nothing came")
