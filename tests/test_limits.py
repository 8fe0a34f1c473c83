"""How long each part of a request may be, and what becomes of characters that no mail holds."""

from datetime import UTC, datetime

import pytest

from mailer.errors import InvalidRequest
from mailer.request.members import LONGEST_HEADER, LONGEST_SUBJECT, ONE_CALL
from mailer.request.parse import parse
from tests.builders import RULES, TEMPLATE, a_request, as_bytes, members

A_FILE = {"filename": "a.pdf", "content": "YQ=="}


def with_template(**use):
    return {"to": "ada@example.com", "template": {"id": TEMPLATE, "variables": {"order": 7}} | use}


# By the member: a request with that member of n characters, and how many it may have.
LONGEST = {
    "subject": (lambda n: members(subject="s" * n), LONGEST_SUBJECT),
    "html": (lambda n: members(html="h" * n), ONE_CALL),
    "text": (lambda n: members(text="t" * n), ONE_CALL),
    "to.name": (lambda n: members(to={"address": "a@example.com", "name": "n" * n}), 256),
    "tags.flow": (lambda n: members(tags={"flow": "t" * n}), 256),
    "headers.x-a": (lambda n: members(headers={"x-a": "h" * n}), LONGEST_HEADER),
    "categories[0]": (lambda n: members(categories=["c" * n]), 255),
    "idempotency_key": (lambda n: members(idempotency_key="k" * n), 256),
    "attachments[0].filename": (lambda n: members(attachments=[A_FILE | {"filename": "f" * n}]), 255),
    "attachments[0].content_type": (
        lambda n: members(attachments=[A_FILE | {"content_type": f"a/{'b' * (n - 2)}"}]),
        255,
    ),
    "attachments[0].blob": (lambda n: members(attachments=[{"filename": "a", "blob": "b" * n}]), 1024),
    "template.id": (lambda n: with_template(id="t" * n), 128),
    "template.locale": (lambda n: with_template(locale="-".join(["aa"] * (n // 3)) + "aa"), 35),
}


@pytest.mark.parametrize(("target", "make", "most"), [(name, *limit) for name, limit in LONGEST.items()], ids=LONGEST)
def test_every_text_has_a_limit(target, make, most):
    with pytest.raises(InvalidRequest) as refusal:
        parse(as_bytes(make(most + 1)), rules=RULES)
    assert target in {problem.target for problem in refusal.value.problems}

    refused = ()
    try:
        parse(as_bytes(make(most)), rules=RULES)
    except InvalidRequest as refusal:
        refused = refusal.problems
    assert {problem.code for problem in refused} <= {"template_not_found"}


@pytest.mark.parametrize("name", ["x-" + "a" * 63, "x-" + "a" * 5000])
def test_the_name_of_a_header_has_a_limit(name):
    with pytest.raises(InvalidRequest, match="at most 64 characters"):
        parse(as_bytes(members(headers={name: "1"})), rules=RULES)


def test_the_name_of_a_tag_has_a_limit():
    with pytest.raises(InvalidRequest, match="at most 64 characters"):
        parse(as_bytes(members(tags={"t" * 65: "1"})), rules=RULES)


@pytest.mark.parametrize(
    ("given", "subject"),
    [
        ("Cannot open database.\r\nLogin failed.", "Cannot open database. Login failed."),
        ("a\nb", "a b"),
        ("a\rb", "a b"),
        ("a\u2028b\u2029c\u0085d", "a b c d"),
        ("  a \t b\n", "a b"),
        ("a \x00 \u202e b", "a b"),
        ("a\x00\x1b[31mb\x7f", "a[31mb"),
        ("\u202eabc", "abc"),
        ("Grüße 👋 \u200f", "Grüße 👋 \u200f"),
        ("Hello\r\nBcc: eve@example.com", "Hello Bcc: eve@example.com"),
    ],
)
def test_a_subject_is_one_line_of_what_a_mail_can_hold(given, subject):
    assert a_request(subject=given).subject == subject


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("\x1b[31mERROR\x1b[0m disk full\x00", "[31mERROR[0m disk full"),
        ("a\tb\r\nc\n", "a\tb\r\nc\n"),
        ("a\x0bb\x0cc\x85d\x9fe", "abcde"),
        ("\ufeffa\u2028b\u00a0c👋", "\ufeffa\u2028b\u00a0c👋"),
        ("\ufffe\uffff", "\ufffe\uffff"),
    ],
)
def test_a_body_keeps_all_but_controls(given, kept):
    assert a_request(text=given).text == kept
    assert a_request(html=given).html == kept


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-01T08:00:00Z",
        "2026-12-01t08:00:00z",
        "2026-12-01T08:00:00z",
        "2026-12-01 08:00:00Z",
        "2026-12-01T08:00Z",
        "2026-12-01T08:00:00.0000000Z",
        "2026-12-01T08:00:00,000Z",
        "2026-12-01T10:00:00+02:00",
        "2026-12-01T03:00:00-0500",
        "20261201T080000Z",
        " 2026-12-01T08:00:00Z\n",
    ],
)
def test_an_instant_may_be_written_in_any_of_these_ways(text):
    assert a_request(scheduled_at=text).scheduled_at == datetime(2026, 12, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-01T08:00:00",
        "2026-12-01t08:00:00",
        "2026-12-01",
        "2026-12-01Z",
        "01.12.2026 08:00Z",
        "12/01/2026 08:00Z",
        "2026-12-01T08:00:00 Europe/Berlin",
        "2026-12-01T08:00:00[Europe/Berlin]",
        "2026-12-01T08:00:60Z",
        "2026-13-01T08:00:00Z",
        "/Date(1796112000000)/",
        "1796112000",
        "tomorrow",
        "",
        "2026-12-01T08:00:00Z" + " " * 100,
    ],
)
def test_an_instant_that_would_have_to_be_guessed_is_refused(text):
    with pytest.raises(InvalidRequest, match="must be ISO 8601 with an offset"):
        a_request(scheduled_at=text)
