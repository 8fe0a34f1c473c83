"""Thousands of calls and messages, each a little wrong: every one is accepted or refused, and nothing leaks."""

import copy
import json
import random

import azure.functions as func
import pytest

from mailer.delivery.message import read_message
from mailer.doors.replies import as_json, refused
from mailer.errors import InvalidRequest
from mailer.request.model import MailRequest
from mailer.request.parse import parse, read_request
from tests.builders import RULES, TEMPLATE, as_bytes, members

SECRET = "secret.person@example.com"
RIGHT = [
    members(),
    members(to=[{"address": SECRET, "name": "Ada"}], cc="bob@example.com", tags={"a": "b"}, headers={"x-order": "7"}),
    members(attachments=[{"filename": "a.pdf", "content": "YQ=="}], reply_to=[SECRET]),
    members(scheduled_at="2026-12-01T08:00:00Z", importance="high", categories=["x"], idempotency_key="k", html="<p>x"),
    {"to": SECRET, "template": {"id": TEMPLATE, "variables": {"order": {"number": 7}}, "locale": "fr-CA"}},
    {"specversion": "1.0", "type": "a", "source": "/s", "id": "1", "data": members(to=SECRET)},
]
WRONG = [
    *(None, True, 0, -1, 1e308, 2**70, "", " ", "\n", "\x00", "\u202e", "../x", "_-_-", "data:x", "x" * 5000),
    *([], {}, [[]], [None], [{}], {"a": None}, {"": ""}, {"\n": 1}, ["a"] * 600, '{"a":1}', "[", "=?utf-8?q?=0A?="),
    *(SECRET, f"{SECRET}\nERROR forged", f"{SECRET}, {SECRET}", {"address": SECRET}, f"<{SECRET}>", "\U0001f600" * 100),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-12-01T08:00:00Z"),
]
NAMES = ["To", "x", "mailer", "$type", "a.b", SECRET, "\n", "from", "zebra" * 30, "name", "id", "address", "blob"]


def places(value, path=()):
    """The paths of all that is in a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inner:
        yield (*path, step)
        yield from places(one, (*path, step))


def mutated(chance):
    """The bytes of a request of which one to three places have changed."""
    content = copy.deepcopy(chance.choice(RIGHT))
    for _ in range(chance.randint(1, 3)):
        *path, last = chance.choice([*places(content), ("new",)])
        parent = content
        for step in path:
            parent = parent[step]
        wrong = copy.deepcopy(chance.choice(WRONG))
        how = chance.random()
        if last == "new" or (how < 0.2 and isinstance(parent, dict)):
            parent[chance.choice(NAMES) if isinstance(parent, dict) else last] = wrong
        elif how < 0.3 and len(content) > 1:
            del parent[last]
        else:
            parent[last] = wrong if how < 0.8 else [parent[last]]
    body = bytearray(as_bytes(content))
    if chance.random() < 0.1:
        body[chance.randrange(len(body))] = chance.randrange(256)
    return bytes(body[: -chance.randrange(1, 9)] if chance.random() < 0.05 else body)


@pytest.mark.parametrize("seed", range(20))
def test_a_call_that_is_a_little_wrong_is_accepted_or_refused_and_nothing_leaks(seed):
    chance = random.Random(seed)
    for _ in range(130):
        body = mutated(chance)

        try:
            request = parse(body, rules=RULES)
            assert read_request(request.as_json(), rules=RULES) == request
            response = as_json(202, {})
        except InvalidRequest as refusal:
            response = refused(refusal)
        assert isinstance(response, func.HttpResponse)
        assert response.status_code in {202, 400, 413, 422}, body
        assert len(response.get_body()) < 64 * 1024
        error = json.loads(response.get_body()).get("error", {"code": "", "message": ""})
        assert error["message"].isprintable()
        assert (
            SECRET not in response.get_body().decode() or error["code"] == "template_not_found"
        )  # the builder's words


@pytest.mark.parametrize("seed", range(20))
def test_a_message_that_is_a_little_wrong_is_read_or_refused(seed):
    chance = random.Random(seed)
    for _ in range(130):
        body = mutated(chance)
        request, said = None, "refused"
        try:
            request = read_request(read_message(body)[0], rules=RULES)
        except InvalidRequest as refusal:
            said = str(refusal)
        assert isinstance(request, MailRequest) or said
        assert said.isprintable()
