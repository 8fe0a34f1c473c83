"""Bytes to a request: every problem is named at once, in the words of the request's own members."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import InvalidRequest
from mailer.request.address import Address
from mailer.request.members import MAX_HEADERS, MAX_RECIPIENTS
from mailer.request.model import MailRequest
from mailer.request.parse import parse, read_object, read_request
from tests.builders import ALERTS, RULES, SHOP, TEMPLATE, a_request, as_bytes, members

ALL_MEMBERS = [field.alias or name for name, field in MailRequest.model_fields.items()]
A_FILE = {"filename": "a.pdf", "content": "YQ=="}
TEMPLATED = {"to": "ada@example.com", "template": {"id": TEMPLATE, "variables": {"order": {"number": 7}}}}


def problems(content, *, key=None):
    """What is said about a request, as (code, target)."""
    with pytest.raises(InvalidRequest) as refusal:
        parse(content if isinstance(content, bytes) else as_bytes(content), rules=RULES, key=key)
    assert all(problem.message for problem in refusal.value.problems)
    return {(problem.code, problem.target) for problem in refusal.value.problems}


def message(content):
    with pytest.raises(InvalidRequest) as refusal:
        parse(as_bytes(content), rules=RULES)
    return str(refusal.value)


# What is right


def test_a_minimal_request_is_sent_by_the_first_allowed_sender():
    request = parse(as_bytes(members()), rules=RULES)

    assert request.sender == SHOP
    assert request.to == (Address(address="ada@example.com"),)
    assert (request.cc, request.headers, request.importance, request.save_to_sent_items) == ((), {}, "normal", True)


def test_an_allowed_sender_may_be_chosen_in_any_case_and_with_another_name():
    request = parse(as_bytes(members(from_="Night Shift <Alerts@Contoso.com>")), rules=RULES)

    assert request.sender.address.casefold() == ALERTS.address
    assert request.sender.name == "Night Shift"


@pytest.mark.parametrize(
    ("given", "address", "name"),
    [
        ("ada@example.com", "ada@example.com", ""),
        ("  ada@example.com ", "ada@example.com", ""),
        ("<ada@example.com>", "ada@example.com", ""),
        ("Ada <ada@example.com>", "ada@example.com", "Ada"),
        ('"Lovelace, Ada" <ada@example.com>', "ada@example.com", "Lovelace, Ada"),
        ('"Ada \\"the first\\"" <ada@example.com>', "ada@example.com", 'Ada "the first"'),
        ("Ada <the first> <ada@example.com>", "ada@example.com", "Ada <the first>"),
        ({"address": "ada@example.com"}, "ada@example.com", ""),
        ({"address": "ada@example.com", "name": "Ada"}, "ada@example.com", "Ada"),
        ("ada@server.local", "ada@server.local", ""),
        ("ada@bücher.example", "ada@xn--bcher-kva.example", ""),
        ("o'neil+tag@example.com", "o'neil+tag@example.com", ""),
    ],
)
def test_an_address_may_be_written_in_any_of_these_ways(given, address, name):
    expected = (Address(address=address, name=name),)

    assert parse(as_bytes(members(to=given)), rules=RULES).to == expected
    assert parse(as_bytes(members(to=[given])), rules=RULES).to == expected


def test_a_template_takes_the_place_of_subject_and_text():
    request = parse(as_bytes(TEMPLATED), rules=RULES)

    assert (request.template.id, request.template.variables) == (TEMPLATE, {"order": {"number": 7}})
    assert (request.subject, request.html, request.text) == (None, None, None)


def test_html_and_text_may_both_be_given():
    assert parse(as_bytes(members(html="<p>Hello")), rules=RULES).html == "<p>Hello"


@pytest.mark.parametrize("name", [name for name in ALL_MEMBERS if name not in {"to", "subject", "text"}])
def test_null_is_the_same_as_leaving_a_member_out(name):
    """As .NET writes what is not set."""
    request = parse(as_bytes(members() | {name: None}), rules=RULES)

    assert request == a_request()
    assert request.digest() == a_request().digest()


@pytest.mark.parametrize(
    ("content", "without"),
    [
        (members(to={"address": "a@example.com", "name": None}), members(to="a@example.com")),
        (members(to=[{"name": None, "address": "a@example.com"}]), members(to="a@example.com")),
        (members(from_={"address": "shop@contoso.com", "name": None}), members(from_="shop@contoso.com")),
        (members(reply_to={"address": "a@example.com", "name": None}), members(reply_to="a@example.com")),
        (members(headers={"x-a": None}), members()),
        (members(headers={"x-a": None, "x-order": "7"}), members(headers={"x-order": "7"})),
        (members(tags={"flow": None}), members(tags={})),
        (
            members(attachments=[A_FILE | {"blob": None, "content_type": None, "content_id": None}]),
            members(attachments=[A_FILE]),
        ),
        (
            members(attachments=[{"filename": "a.pdf", "blob": "a.pdf", "content": None}]),
            members(attachments=[{"filename": "a.pdf", "blob": "a.pdf"}]),
        ),
    ],
)
def test_null_inside_a_member_is_the_same_as_leaving_it_out(content, without):
    assert parse(as_bytes(content), rules=RULES) == parse(as_bytes(without), rules=RULES)


def test_null_for_variables_is_no_variables_and_null_inside_them_stays():
    content = {"to": "a@example.com", "template": {"id": TEMPLATE, "variables": None, "locale": None}}
    assert problems(content) == {("template_variable_missing", "order")}

    content["template"]["variables"] = {"order": None}
    assert parse(as_bytes(content), rules=RULES).template.variables == {"order": None}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (members() | {"to": None}, {("validation_error", "to")}),
        (members(cc=["a@example.com", None]), {("validation_error", "cc[1]")}),
        (members(to={"address": None, "name": "A"}), {("validation_error", "to.address")}),
        (members() | {"zebra": None}, {("validation_error", "zebra")}),
        (members(attachments=[None]), {("validation_error", "attachments[0]")}),
    ],
)
def test_null_is_refused_where_something_must_stand_or_nothing_is_known(content, expected):
    assert problems(content) == expected


def test_a_byte_order_mark_does_no_harm():
    assert parse(b"\xef\xbb\xbf" + as_bytes(members()), rules=RULES)


def test_as_many_recipients_as_exchange_takes():
    to = [f"ada{number}@example.com" for number in range(MAX_RECIPIENTS)]

    assert parse(as_bytes(members(to=to)), rules=RULES).recipients == MAX_RECIPIENTS


# What is wrong, one at a time

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


# Priorities and pools

NEWS = [Address(address="news1@contoso.com", name="Contoso News"), Address(address="news2@contoso.com")]
POOLED = replace(RULES, pools={"news": NEWS})


@pytest.mark.parametrize("priority", ["urgent", "normal", "bulk", None])
def test_a_request_says_who_goes_first_or_leaves_it_open(priority):
    assert parse(as_bytes({**members(), "priority": priority}), rules=RULES).priority == priority


def test_a_priority_that_is_not_known_is_refused():
    assert "`priority` must be 'urgent', 'normal' or 'bulk'" in message(members(priority="high"))


def test_a_request_without_a_priority_has_the_digest_it_always_had():
    assert "priority" not in parse(as_bytes(members()), rules=RULES).as_json()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("news", "Contoso News"),
        ("The team <news>", "The team"),
        ('"The team" <news>', "The team"),
        ({"address": "news", "name": "The team"}, "The team"),
        ({"address": "news"}, "Contoso News"),
    ],
)
def test_from_may_be_a_pool_in_every_form_of_an_address(given, shown):
    request = parse(as_bytes(members(from_=given)), rules=POOLED)

    assert (request.pool, request.mailbox.name) == ("news", shown)
    assert request.as_json()["from"] == given
    again = read_request(request.as_json(), rules=POOLED)
    assert (again, again.digest()) == (request, request.digest())


def test_a_mail_of_a_pool_is_sent_by_the_mailbox_whose_turn_it_is_and_answered_in_one_place():
    sent = parse(as_bytes(members(from_="news")), rules=POOLED).sent_by("news2@contoso.com")

    assert (sent.mailbox.address, sent.mailbox.name) == ("news2@contoso.com", "Contoso News")
    assert [answers.address for answers in sent.reply_to] == ["news1@contoso.com"]


def test_a_request_of_a_pool_keeps_its_own_reply_to():
    sent = parse(as_bytes(members(from_="news", reply_to="ada@example.com")), rules=POOLED).sent_by("news2@contoso.com")

    assert [answers.address for answers in sent.reply_to] == ["ada@example.com"]


@pytest.mark.parametrize(
    "given", ["newz", {"address": "news", "nam": "x"}, {"address": "news", "name": "a\nb"}, ["news"]]
)
def test_what_is_no_pool_and_no_address_is_refused(given):
    with pytest.raises(InvalidRequest):
        parse(as_bytes(members(from_=given)), rules=POOLED)
