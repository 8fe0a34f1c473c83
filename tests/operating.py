"""What tests of the running stack share that ask it as an operator does."""

import time

import requests


def posted(stack, **changes):
    """A mail that its caller waits for, where it can be delivered at once."""
    request = {"to": "ada@example.com", "subject": "Hello", "text": "Hello", **changes}
    return requests.post(f"{stack.url}/emails", json=request, timeout=60, headers={"Prefer": "wait=20"}).json()


def got(stack, path, *, status=200, **parameters):
    reply = requests.get(path if "://" in path else f"{stack.url}/{path}", params=parameters, timeout=60)
    assert reply.status_code == status, reply.text
    return reply.json()


def asked(stack, path, content=None, *, status=202):
    reply = requests.post(f"{stack.url}/{path}", json=content, timeout=60)
    assert reply.status_code == status, reply.text
    return reply.json()


def status(stack, mail):
    return got(stack, f"emails/{mail}")["status"]


def until(expected, look):
    """Look until it is so, half a minute at most."""
    deadline = time.monotonic() + 30
    while look() != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    assert look() == expected
