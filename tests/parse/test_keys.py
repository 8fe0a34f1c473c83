"""The idempotency key, which requests are the same mail, and whatever anybody sends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import InvalidRequest
from mailer.request.model import MailRequest
from mailer.request.parse import parse, read_request
from tests.builders import RULES, a_request, as_bytes, members
from tests.parse.given import ALL_MEMBERS, problems

# The idempotency key


def test_the_key_may_come_as_a_header():
    assert parse(as_bytes(members()), rules=RULES, key="order-7").idempotency_key == "order-7"


@pytest.mark.parametrize("in_body", ["order-7", None])
def test_the_header_may_say_what_the_member_says(in_body):
    content = members() | {"idempotency_key": in_body}

    assert parse(as_bytes(content), rules=RULES, key="order-7").idempotency_key == "order-7"


def test_header_and_member_may_not_differ():
    assert problems(members(idempotency_key="a"), key="b") == {("idempotency_keys_differ", "idempotency_key")}


def test_a_key_in_doubt_does_not_hide_other_problems():
    assert problems(members(idempotency_key="a", subject=None), key="b") == {
        ("idempotency_keys_differ", "idempotency_key"),
        ("validation_error", "subject"),
    }


@pytest.mark.parametrize("key", ["", "k" * 257, "a\tb"])
def test_a_bad_header_is_refused(key):
    assert problems(members(), key=key) == {("validation_error", "idempotency_key")}


# Which requests are the same mail


@pytest.mark.parametrize(
    "other",
    [
        members(idempotency_key="another"),
        members(to={"address": "ada@example.com"}),
        members(to=["ada@example.com"]),
        members(cc=[]),
        members(importance="normal"),
        members(from_="Contoso Shop <shop@contoso.com>"),
        dict(reversed(members().items())),
    ],
)
def test_the_same_mail_written_in_another_way_is_the_same_mail(other):
    assert read_request(other, rules=RULES).digest() == a_request().digest()


@pytest.mark.parametrize(
    "change",
    [{"to": "bob@example.com"}, {"subject": "x"}, {"text": "x"}, {"bcc": "bob@example.com"}, {"tags": {"a": "b"}}],
)
def test_another_mail_is_another_mail(change):
    assert a_request(**change).digest() != a_request().digest()


# Whatever anybody sends

names = st.sampled_from(ALL_MEMBERS) | st.text()


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("ada@example.com")


values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["address", "name", "id", "variables", "x-a"]) | st.text(), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(names, values, max_size=8), st.none() | st.text())
def test_whatever_the_object_it_is_parsed_or_its_problems_are_named(content, key):
    problems = []
    try:
        assert isinstance(parse(json.dumps(content).encode(), rules=RULES, key=key), MailRequest)
    except InvalidRequest as refusal:
        problems = [refusal.problems]
    for found in problems:
        assert found
        for problem in found:
            assert problem.code
            assert problem.message.isprintable()
            assert "ada@" not in problem.message


@given(st.binary())
def test_whatever_the_bytes_they_are_parsed_or_refused(body):
    with pytest.raises(InvalidRequest):
        parse(body, rules=RULES)
