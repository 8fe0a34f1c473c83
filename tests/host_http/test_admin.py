"""The front page and the admin API."""

from uuid import uuid4

import pytest
import requests

from tests.host_http.given import taken_with


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
