"""Work in proportion to input: what a request costs grows with its length and not with its square."""

import contextlib
import time

import pytest

from mailer.delivery.message import read_message
from mailer.errors import MOST_PROBLEMS, InvalidRequest, Problem
from mailer.request.attachment import MAX_ATTACHMENTS
from mailer.request.members import MAX_RECIPIENTS
from mailer.request.parse import MOST_PARTS, parse, read_request
from tests.builders import RULES, as_bytes, members

A_FILE = {"filename": "a.pdf", "content": "QUFB"}
SMALL = 60_000  # characters, the large ones have sixteen times as many


def with_template(**use):
    return {"to": "ada@example.com", "template": {"id": "order-confirmation", "variables": {"order": 7}} | use}


# By the scan that they are about: what n characters make.
TEXTS = {
    "subject": lambda n: as_bytes(members(subject="<!-- " * (n // 5))),
    "subject of blanks": lambda n: as_bytes(members(subject=" \x01\n" * (n // 3))),
    "subject of words": lambda n: as_bytes(members(subject="=?a?q?" * (n // 6))),
    "text": lambda n: as_bytes(members(text="\x1b[0m" * (n // 4))),
    "html": lambda n: as_bytes(members(html="<" * n)),
    "address": lambda n: as_bytes(members(to="a" * n)),
    "addresses in a string": lambda n: as_bytes(members(to="a@b.de;" * (n // 7))),
    "address of dots": lambda n: as_bytes(members(to=["@" + "." * 1000] * (n // 1000))),
    "address of signs": lambda n: as_bytes(members(to=["a@." * 400] * (n // 1200))),
    "name of quotes": lambda n: as_bytes(members(to=[';"' + '\\"' * 400 + "<a@b.de>"] * (n // 810))),
    "name of words": lambda n: as_bytes(members(to=["=?a?q?a?= " + "=?a?q?x" * 100 + "<a@b.de>"] * (n // 720))),
    "filename of words": lambda n: as_bytes(
        members(attachments=[A_FILE | {"filename": "=?a?q?a?= " + "=?a?q?x" * 140}] * (n // 1000))
    ),
    "filename": lambda n: as_bytes(members(attachments=[A_FILE | {"filename": " ." * (n // 2)}])),
    "content": lambda n: as_bytes(members(attachments=[A_FILE | {"content": "QUFB\n" * (n // 5)}])),
    "content of signs": lambda n: as_bytes(members(attachments=[A_FILE | {"content": "-" * n}])),
    "content type": lambda n: as_bytes(members(attachments=[A_FILE | {"content_type": "a/" * (n // 2)}])),
    "blob": lambda n: as_bytes(members(attachments=[{"filename": "a", "blob": "./" * (n // 2)}])),
    "locale": lambda n: as_bytes(with_template(locale="a-" * (n // 2))),
    "template": lambda n: as_bytes(with_template(id="a" * n)),
    "instant": lambda n: as_bytes(members(scheduled_at="2" * n)),
    "header": lambda n: as_bytes(members(headers={"x-" + "a" * n: "b" * n})),
    "unknown name": lambda n: as_bytes(members(**{"s" * n: 1})),
    "unknown names": lambda n: as_bytes(members() | {f"subjec{number}": 1 for number in range(n // 14)}),
    "names that stand twice": lambda n: b"{" + b'"a":1,' * (n // 6) + b'"b":1}',
    "variables": lambda n: as_bytes(with_template(variables={"order": [{"a": 1}] * (n // 10)})),
    "recipients": lambda n: as_bytes(members(to=["x"] * (n // 5))),
    "lists in lists": lambda n: as_bytes(members(cc=[[["a"] * 10] * 10] * (n // 700))),
    "depth": lambda n: b'{"a":' * (n // 5),
    "base64": lambda n: b"eyJ" + b"A" * n,
    "base64 in lines": lambda n: b"eyJ\n" * (n // 4),
    "blanks": lambda n: b" " * n,
    "braces": lambda n: b"{" * n,
    "quotes": lambda n: b'"' * n,
}


def cost(body):
    """Seconds of the processor that reading this takes."""
    start = time.process_time()
    for read in (lambda: parse(body, rules=RULES), lambda: read_request(read_message(body)[0], rules=RULES)):
        with contextlib.suppress(InvalidRequest):
            read()
    return time.process_time() - start


@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS)
def test_sixteen_times_the_text_is_not_more_than_some_forty_times_the_work(make):
    """A square would be 256 times; the smallest of three runs, and what is too quick to measure counts as 2 ms."""
    small, large = make(SMALL), make(16 * SMALL)
    most = 40 * max(0.002, min(cost(small) for _ in range(3)))

    assert any(cost(large) <= most for _ in range(3))


@pytest.mark.parametrize(
    ("content", "target", "words"),
    [
        (members(to=["x"] * 100_000), "to", "at most 500 entries; this has 100000"),
        (members(bcc=["x"] * 100_000), "bcc", "at most 500 entries"),
        (members(reply_to=["x"] * 100_000), "reply_to", "at most 50 entries"),
        (members(attachments=[{}] * 100_000), "attachments", "at most 250 entries"),
        (members(headers={f"y{number}": 1 for number in range(100_000)}), "headers", "at most 5 entries"),
        (members(tags={f"y{number}": 1 for number in range(100_000)}), "tags", "at most 10 entries"),
        (members(categories=[1] * 100_000), "categories", "at most 25 entries"),
    ],
)
def test_a_list_is_measured_before_its_entries_are_looked_at(content, target, words):
    with pytest.raises(InvalidRequest) as refusal:
        parse(as_bytes(content), rules=RULES)

    (problem,) = refusal.value.problems
    assert problem.target == target
    assert words in problem.message


@pytest.mark.parametrize(
    "content",
    [
        members() | {f"x{number}": 1 for number in range(MOST_PARTS)},
        members(attachments=[{f"x{number}": 1 for number in range(1000)}] * 11),
        members(zebra=[[0] * 101] * 100),
        members(template={"id": "x", "more": list(range(MOST_PARTS))}),
    ],
)
def test_more_parts_than_any_mail_has_are_one_problem(content):
    with pytest.raises(InvalidRequest) as refusal:
        parse(as_bytes(content), rules=RULES)

    assert refusal.value.code == "request_too_large"


def test_the_largest_mail_is_not_too_large():
    people = [{"address": f"person{number}@example.com", "name": "A"} for number in range(MAX_RECIPIENTS)]
    files = [A_FILE | {"content_type": "application/pdf"}] * MAX_ATTACHMENTS
    variables = {"order": list(range(10 * MOST_PARTS))}
    content = with_template(variables=variables) | {"to": people, "attachments": files}

    assert parse(as_bytes(content), rules=RULES).recipients == MAX_RECIPIENTS


def test_fifty_problems_are_named_and_the_others_counted():
    with pytest.raises(InvalidRequest) as refusal:
        parse(as_bytes(members(to=["x"] * 300)), rules=RULES)

    assert len(refusal.value.problems) == MOST_PROBLEMS
    assert str(refusal.value).endswith("There are 250 more problems.")


def test_problems_that_are_not_a_validators_are_counted_too():
    refusal = InvalidRequest((Problem(code="c", message="m") for _ in range(1000)), more=7)

    assert (len(refusal.problems), refusal.more) == (MOST_PROBLEMS, 957)


@pytest.mark.parametrize("text", ["a\nERROR forged", "a\r\nb", "a\u2028b", "a\x1b[31m", "x" * 5000, "\ud800"])
def test_no_problem_forges_a_line_of_a_log(text):
    refusal = InvalidRequest([Problem(code="c", message=text, target=text)])

    (problem,) = refusal.problems
    for said in (str(refusal), problem.message, problem.target):
        assert said.isprintable()
        assert len(said) <= 600
