"""Requests that are wrong in one thing."""

import pytest

from mailer.errors import InvalidRequest
from mailer.request.members import MAX_HEADERS
from mailer.request.parse import read_object, read_request
from tests.builders import RULES, TEMPLATE, as_bytes, members
from tests.parse.given import TEMPLATED, message, problems

WRONG = {
    "to is missing": (members(to=None), {("validation_error", "to")}),
    "to is empty": (members(to=[]), {("validation_error", "to")}),
    "to is a number": (members(to=7), {("validation_error", "to")}),
    "address without a name of a host": (members(cc=["ada@example.com", "bob@"]), {("validation_error", "cc[1]")}),
    "address object with a typing error": (
        members(to={"adress": "ada@example.com"}),
        {("validation_error", "to.address"), ("validation_error", "to.adress")},
    ),
    "name of two lines": (
        members(to=["ada@example.com", {"address": "bob@example.com", "name": "B\nob"}]),
        {("validation_error", "to[1].name")},
    ),
    "line separator in a name": (
        members(to=["a@example.com", "A\u2028B <b@example.com>"]),
        {("validation_error", "to[1]")},
    ),
    "sender that is not allowed": (members(from_="eve@example.com"), {("sender_not_allowed", "from")}),
    "sender that is no address": (members(from_="eve"), {("validation_error", "from")}),
    "nothing to say": (members(subject=None, text=None), {("validation_error", None)}),
    "subject is missing": (members(subject=None), {("validation_error", "subject")}),
    "subject is empty": (members(subject=""), {("validation_error", "subject")}),
    "subject of nothing that can be seen": (members(subject=" \r\n\x1b"), {("validation_error", "subject")}),
    "text of nothing that can be seen": (members(text="\x00\x1b"), {("validation_error", "text")}),
    "subject is a number": (members(subject=7), {("validation_error", "subject")}),
    "neither html nor text": (members(text=None), {("validation_error", "html")}),
    "text is empty": (members(text=""), {("validation_error", "text")}),
    "subject beside a template": (TEMPLATED | {"subject": "Hello"}, {("validation_error", "subject")}),
    "html and text beside a template": (
        TEMPLATED | {"html": "a", "text": "b"},
        {("validation_error", "html"), ("validation_error", "text")},
    ),
    "template is a text": ({"to": "a@example.com", "template": "x"}, {("validation_error", "template")}),
    "template has no id": ({"to": "a@example.com", "template": {}}, {("validation_error", "template.id")}),
    "variables are a list": (
        {"to": "a@example.com", "template": {"id": TEMPLATE, "variables": []}},
        {("validation_error", "template.variables")},
    ),
    "template is not there": (
        {"to": "a@example.com", "template": {"id": "x"}},
        {("template_not_found", "template.id")},
    ),
    "variable is not there": (
        {"to": "a@example.com", "template": {"id": TEMPLATE}},
        {("template_variable_missing", "order")},
    ),
    "header that Graph does not take": (members(headers={"Subject": "x"}), {("validation_error", "headers.Subject")}),
    "header of two lines": (members(headers={"x-a": "b\r\nc"}), {("validation_error", "headers.x-a")}),
    "header that is a number": (members(headers={"x-a": 7}), {("validation_error", "headers.x-a")}),
    "too many headers": (
        members(headers={f"x-{number}": "" for number in range(MAX_HEADERS + 1)}),
        {("validation_error", "headers")},
    ),
    "importance that is not known": (members(importance="urgent"), {("validation_error", "importance")}),
    "boolean as a text": (members(save_to_sent_items="false"), {("validation_error", "save_to_sent_items")}),
    "tags are a list": (members(tags=["a"]), {("validation_error", "tags")}),
    "too many tags": (members(tags={f"t{number}": "" for number in range(11)}), {("validation_error", "tags")}),
    "key is empty": (members(idempotency_key=""), {("validation_error", "idempotency_key")}),
    "key is too long": (members(idempotency_key="k" * 257), {("validation_error", "idempotency_key")}),
    "too many recipients": (
        members(to=["a@example.com"] * 300, cc=["a@example.com"] * 200, bcc="a@example.com"),
        {("too_many_recipients", "to")},
    ),
    "no list of attachments": (members(attachments="a"), {("validation_error", "attachments")}),
    "attachment without content": (
        members(attachments=[{"filename": "a.pdf"}]),
        {("validation_error", "attachments[0]")},
    ),
    "attachment with two contents": (
        members(attachments=[{"filename": "a.pdf", "content": "YQ==", "blob": "a.pdf"}]),
        {("validation_error", "attachments[0]")},
    ),
    "path out of the container": (
        members(attachments=[{"filename": "a.pdf", "blob": "a/../../b"}]),
        {("validation_error", "attachments[0].blob")},
    ),
    "blob of mailer's own": (
        members(attachments=[{"filename": "a.pdf", "blob": "requests/a.json"}]),
        {("validation_error", "attachments[0].blob")},
    ),
    "blob by its URL": (
        members(attachments=[{"filename": "a.pdf", "blob": "https://contoso.blob.core.windows.net/emails/a.pdf"}]),
        {("validation_error", "attachments[0].blob")},
    ),
    "filename with a path": (
        members(attachments=[{"filename": "../a.pdf", "content": "YQ=="}]),
        {("validation_error", "attachments[0].filename")},
    ),
    "filename of two lines": (
        members(attachments=[{"filename": "a\r\nb: c", "content": "YQ=="}]),
        {("validation_error", "attachments[0].filename")},
    ),
    "content that is not base64": (
        members(attachments=[{"filename": "a.pdf", "content": "data:application/pdf;base64,YQ=="}]),
        {("validation_error", "attachments[0].content")},
    ),
    "content type of two lines": (
        members(attachments=[{"filename": "a.pdf", "content": "YQ==", "content_type": "a/b\r\nc: d"}]),
        {("validation_error", "attachments[0].content_type")},
    ),
    "content id in brackets": (
        members(attachments=[{"filename": "a.png", "content": "YQ==", "content_id": "<a>"}]),
        {("validation_error", "attachments[0].content_id")},
    ),
    "one content id for two images": (
        members(attachments=[{"filename": "a.png", "content": "YQ==", "content_id": "a"}] * 2),
        {("content_id_repeated", "attachments")},
    ),
    "header that no setting names": (members(headers={"x-new": "7"}), {("header_not_allowed", "headers.x-new")}),
    "header of Exchange's own": (
        members(headers={"x-ms-exchange-organization-scl": "-1"}),
        {
            ("validation_error", "headers.x-ms-exchange-organization-scl"),
            ("header_not_allowed", "headers.x-ms-exchange-organization-scl"),
        },
    ),
    "header to unsubscribe": (
        members(headers={"List-Unsubscribe": "<https://example.com>"}),
        {("validation_error", "headers.List-Unsubscribe")},
    ),
    "header twice": (members(headers={"x-a": "1", "X-A": "2"}), {("header_repeated", "headers")}),
    "receipt that is no boolean": (members(read_receipt="true"), {("validation_error", "read_receipt")}),
    "category that is no text": (members(categories=[7]), {("validation_error", "categories[0]")}),
    "attachment of blanks": (
        members(attachments=[{"filename": "a.pdf", "content": " "}]),
        {("validation_error", "attachments[0].content")},
    ),
    "an instant before all time": (
        members(scheduled_at="0001-01-01T00:00:00+14:00"),
        {("out_of_range", "scheduled_at")},
    ),
    "an unknown member that is an address": (members(**{"ada@example.com": 1}), {("validation_error", "…")}),
    "an unknown member of two lines": (members(**{"x\nERROR": 1}), {("validation_error", "…")}),
    "attachment with an unknown member": (
        members(attachments=[{"filename": "a.pdf", "contents": "YQ=="}]),
        {("validation_error", "attachments[0].contents")},
    ),
    "an instant without an offset": (
        members(scheduled_at="2026-12-01T08:00:00"),
        {("validation_error", "scheduled_at")},
    ),
    "an instant in words": (members(scheduled_at="tomorrow"), {("validation_error", "scheduled_at")}),
    "an instant as a number": (members(scheduled_at=1796108400), {("validation_error", "scheduled_at")}),
    "locale": (
        {"to": "a@example.com", "template": {"id": TEMPLATE, "variables": {"order": 1}, "locale": "fr CA"}},
        {("validation_error", "template.locale")},
    ),
    "unknown member": (members(zebra=1), {("validation_error", "zebra")}),
    "unknown member with a dot": (members() | {"a.b": 1}, {("validation_error", "a.b")}),
    "unknown member with brackets": (members() | {"a[0]": 1}, {("validation_error", "a[0]")}),
    "unknown member of a sender with a dot": (
        members(from_={"address": "shop@contoso.com", "a.b": 1}),
        {("validation_error", "from.a.b")},
    ),
    "unknown member of a template with a dot": (
        {"to": "a@example.com", "template": {"id": TEMPLATE, "variables": {"order": 1}, "a.b": 1}},
        {("validation_error", "template.a.b")},
    ),
    "a number that no mail can hold": (
        b'{"to":"a@example.com","template":{"id":"order-confirmation","variables":{"order":1e999}}}',
        {("validation_error", None)},
    ),
}


@pytest.mark.parametrize(("content", "expected"), WRONG.values(), ids=WRONG)
def test_a_problem_is_named_with_its_member(content, expected):
    assert problems(content) == expected


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"null", b'"text"', b"\xff\xfe", b'{"to":NaN}', b'{"to":"\\ud800"}', b"[" * 9999]
)
def test_what_is_no_json_object_is_refused(body):
    assert problems(body) == {("validation_error", None)}


def test_every_problem_is_named_at_once():
    content = {
        "from": "eve@example.com",
        "to": ["ada@example.com", "nobody", {"adress": "x"}],
        "subjekt": "Hello",
        "text": "",
        "headers": {"Subject": "x"},
        "importance": "urgent",
        "template": {"id": TEMPLATE},
        "attachments": [{"filename": "a.pdf"}],
        "idempotency_key": "",
    }

    assert problems(content) == {
        ("sender_not_allowed", "from"),
        ("validation_error", "to[1]"),
        ("validation_error", "to[2].address"),
        ("validation_error", "to[2].adress"),
        ("validation_error", "subjekt"),
        ("validation_error", "text"),
        ("validation_error", "headers.Subject"),
        ("validation_error", "importance"),
        ("template_variable_missing", "order"),
        ("validation_error", "attachments[0]"),
        ("validation_error", "idempotency_key"),
    }


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (members(subjekt="x"), "did you mean `subject`?"),
        (members(replyTo="x"), "did you mean `reply_to`?"),
        (members(zebra="x"), "known are to, cc, bcc"),
        (members(to={"adress": "a@example.com"}), "did you mean `address`?"),
        ({"to": "a@example.com", "template": {"id": TEMPLATE, "variable": {}}}, "did you mean `variables`?"),
    ],
)
def test_an_unknown_member_is_refused_with_what_was_perhaps_meant(content, hint):
    assert hint in message(content)


def test_a_bad_address_is_not_repeated():
    assert "lovelace" not in message(members(to="lovelace@@example.com"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (members(to=None), "`to` is required"),
        (members(to=[]), "`to` must have at least 1 entry."),
        (members(subject=7), "`subject` must be a string."),
        (members(save_to_sent_items="false"), "`save_to_sent_items` must be true or false."),
        (members(tags=[]), "`tags` must be an object."),
        (members(idempotency_key=""), "`idempotency_key` must have at least 1 character."),
        (members(importance="urgent"), "`importance` must be 'low', 'normal' or 'high'."),
        (members(headers={"Subject": "x"}), "`headers.Subject` cannot be sent"),
    ],
)
def test_a_problem_is_told_in_plain_words(content, words):
    assert words in message(content)


@pytest.mark.parametrize(
    "content", [content for content, _ in WRONG.values() if not isinstance(content, bytes)], ids=[*WRONG][:-1]
)
def test_both_doors_name_the_same_problems(content):
    by_http = problems(content)

    with pytest.raises(InvalidRequest) as refusal:
        read_request(read_object(as_bytes(content)), rules=RULES)
    assert {(problem.code, problem.target) for problem in refusal.value.problems} == by_http
