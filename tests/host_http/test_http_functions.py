"""HTTP functions: what reaches them, and what their callers get."""

import pytest
import requests

from tests import host_sample


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
