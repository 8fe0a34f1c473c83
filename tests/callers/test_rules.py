"""The rules of a policy that a mail can meet."""

from dataclasses import replace

import pytest

from mailer.delivery.rules import normal_entry
from mailer.errors import InvalidRequest
from mailer.request.parse import read_request
from tests.callers.given import refusals, rules_of, shop


@pytest.mark.parametrize("member", ["may", "from", "templates", "to", "priority"])
@pytest.mark.parametrize("nothing", [None, []])
def test_a_missing_member_and_an_empty_list_forbid(member, nothing):
    target = {"may": None, "from": "from", "templates": "template", "to": "to[0]", "priority": "priority"}[member]

    problems = refusals(shop(**{member: nothing}))

    assert list(problems) == [target]
    assert f"its rule `{member}` in MAILER_CALLERS" in problems[target]


def test_a_star_allows():
    assert refusals(shop()) == {}


def test_every_rule_that_a_mail_meets_is_named_at_once_with_what_is_allowed_instead():
    caller = shop(**{"from": ["alerts@contoso.com"], "to": ["contoso.com", "ada@example.com"], "priority": ["bulk"]})

    problems = refusals(caller, to=["eve@example.com", "bob@contoso.com"], cc="ada@example.com")

    assert list(problems) == ["from", "priority", "to[0]"]
    assert problems["from"].endswith("it allows alerts@contoso.com.")
    assert problems["priority"].endswith("it allows bulk.")
    assert problems["to[0]"].endswith("it allows contoso.com, 1 addresses.")  # and shows no recipient


@pytest.mark.parametrize("place", ["to", "cc", "bcc", "reply_to"])
def test_nobody_is_reached_in_any_place_whom_the_policy_forbids(place):
    asked = {"to": ["ada@example.com"]} | {place: ["ada@example.com", "eve@evil.example"]}

    assert list(refusals(shop(to=["example.com"]), **asked)) == [f"{place}[1]"]


def test_answers_go_to_nobody_whom_the_mail_may_not_reach():
    assert list(refusals(shop(to=["example.com"]), reply_to="eve@example.org")) == ["reply_to[0]"]


def test_a_domain_is_that_domain_and_none_below_it():
    caller = shop(to=["contoso.com"])

    assert refusals(caller, to="ada@CONTOSO.com") == {}
    assert list(refusals(caller, to=["ada@eu.contoso.com", "ada@notcontoso.com"])) == ["to[0]", "to[1]"]


def test_a_domain_of_other_letters_is_the_same_in_either_spelling():
    caller = shop(to=["bücher.example"]).normalised(normal_entry)

    assert refusals(caller, to="ada@xn--bcher-kva.example") == {}
    assert refusals(shop(to=["xn--bcher-kva.example"]).normalised(normal_entry), to="ada@bücher.example") == {}


def test_templates_are_named_by_patterns():
    caller = shop(templates=["order-*"])

    assert refusals(caller, template={"id": "order-7"}, subject=None, text=None) == {}
    assert list(refusals(caller, template={"id": "reorder-7"}, subject=None, text=None)) == ["template.id"]


def test_who_is_held_to_templates_may_send_none_without_one():
    """Such a mail could say anything."""
    assert list(refusals(shop(templates=["order-*"]))) == ["template"]


def test_the_default_sender_is_asked_for_too():
    assert list(refusals(shop(**{"from": ["alerts@contoso.com"]}))) == ["from"]


def test_a_wrong_request_shows_nothing_of_a_template_that_its_caller_may_not_use():
    rules = replace(rules_of(shop(templates=["order-*"])), content_problems=lambda _: pytest.fail("it was looked at"))

    with pytest.raises(InvalidRequest) as refusal:
        read_request({"to": "ada", "template": {"id": "secret"}}, rules=rules)

    assert [problem.target for problem in refusal.value.problems] == ["to", "template.id"]
