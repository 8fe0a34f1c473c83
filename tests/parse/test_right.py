"""Requests that are right."""

from dataclasses import replace

import pytest

from mailer.errors import InvalidRequest
from mailer.request.address import Address
from mailer.request.members import MAX_RECIPIENTS
from mailer.request.parse import parse, read_request
from tests.builders import ALERTS, RULES, SHOP, TEMPLATE, a_request, as_bytes, members
from tests.parse.given import A_FILE, ALL_MEMBERS, TEMPLATED, message, problems

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
