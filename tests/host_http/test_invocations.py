"""An invocation: what its function learns of it, what the console shows, and the thread it runs on."""

import concurrent.futures
import re
import time

import requests


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
