"""Who may do what: the setting MAILER_CALLERS, read, asked, and attacked."""

import base64
import hashlib
import json
import re
import string
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.callers.policy import ANYBODY, NOBODY, Callers
from mailer.callers.setting import read_callers
from mailer.delivery.rules import forbidden, normal_entry
from mailer.errors import InvalidRequest
from mailer.local.programs import ROOT
from mailer.request.parse import read_request
from tests.builders import RULES, members

HEX = hashlib.sha256(b"the key of the shop").hexdigest()
KEY = f"sha256:{HEX}"
APP = "77777777-7777-4777-8777-777777777777"
ALL = {"may": ["*"], "from": ["*"], "templates": ["*"], "to": ["*"], "priority": ["*"], "recipients_per_day": "*"}


def callers(**policies):
    return read_callers(json.dumps(policies))


def shop(**changes):
    """A caller who may do everything but what a test takes away."""
    policy = {"key": KEY, **ALL, **changes}
    return callers(shop={name: value for name, value in policy.items() if value is not None}).all[0]


def mistakes(text):
    with pytest.raises(ValueError, match=r".") as refusal:
        read_callers(text if isinstance(text, str) else json.dumps(text))
    return refusal.value.args


def rules_of(caller):
    return replace(
        RULES,
        content_problems=lambda _: (),
        forbidden=lambda request: forbidden(request, caller, lambda one: one.priority or "normal"),
    )


def refused(content, caller):
    """What is wrong with this request of the caller."""
    try:
        read_request(content, rules=rules_of(caller))
    except InvalidRequest as refusal:
        return refusal.problems
    return ()


def refusals(caller, **changes):
    """The rules that this mail meets, by their target."""
    problems = refused(members(**changes), caller)
    assert {problem.code for problem in problems} <= {"caller_not_allowed"}
    return {problem.target: problem.message for problem in problems}


def test_nobody_is_asked_without_the_setting():
    assert read_callers("") is None
    assert refusals(ANYBODY) == {}


def test_the_setting_may_be_in_base64_where_quotes_are_trouble():
    """As in the parameters of a deployment."""
    text = json.dumps({"shop": {"key": KEY}}, indent=2)

    assert read_callers(base64.b64encode(text.encode()).decode()) == read_callers(text)


def test_an_empty_object_knows_nobody():
    known = callers()

    assert known.by_key("anything") is None
    assert known.by_app(APP) is None


def test_a_caller_is_known_by_the_hash_of_its_key():
    known = callers(shop={"key": KEY}, other={"key": "sha256:" + "0" * 64})

    assert known.by_key("the key of the shop").name == "shop"
    assert known.by_key("another key") is None
    assert known.by_key(HEX) is None


def test_a_key_that_is_being_renewed_is_known_beside_its_successor():
    known = callers(shop={"key": [KEY.replace(HEX, HEX.upper()), "sha256:" + hashlib.sha256(b"new").hexdigest()]})

    assert known.by_key("the key of the shop").name == known.by_key("new").name == "shop"


def test_a_caller_is_known_by_its_app_in_any_letters():
    assert callers(ops={"app": APP}).by_app(APP.upper()).name == "ops"


def test_no_key_stands_in_what_a_log_could_show():
    assert HEX not in repr(callers(shop={"key": KEY}))


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


def test_a_caller_sees_its_own_mails_and_an_operator_everybodys():
    reader, operator = shop(may=["read"]), shop(may=["read", "operate"])

    assert reader.sees("shop")
    assert not reader.sees("other")
    assert not reader.sees(None)
    assert operator.sees("other")
    assert ANYBODY.sees("other")
    assert not NOBODY.sees("other")
    assert not NOBODY.sees(None)


@pytest.mark.parametrize("right", ["send", "read", "preview", "operate"])
def test_a_right_is_what_the_list_says(right):
    shop(may=[right]).check(right)
    for other in {"send", "read", "preview", "operate"} - {right}:
        with pytest.raises(InvalidRequest, match=f"it allows {right}"):
            shop(may=[right]).check(other)


# Mistakes in the setting


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("{", "this is neither JSON nor base64"),
        ("shop", "this is neither JSON nor base64"),
        ("e30x", "this is neither JSON nor base64"),
        ("W10=", "give a JSON object"),
        ("[]", "give a JSON object"),
        ('{"shop": []}', "`shop` must be a JSON object"),
        (f'{{"shop": {{"key": "{KEY}"}}, "shop": {{"key": "{KEY}"}}}}', "`shop` stands there twice"),
        ({"Shop": {"key": KEY}}, "`Shop` is no name of a caller"),
        ({"shop": {}}, "`shop` needs `key` or `app`"),
        ({"shop": {"key": "hunter2"}}, "`key` of `shop` is wrong: it holds sha256:"),
        ({"shop": {"key": HEX}}, "`key` of `shop` is wrong"),
        ({"shop": {"app": "shop"}}, "`app` of `shop` is wrong"),
        ({"shop": {"app": "04b07795-8ddb-461a-bbee-02f9e1bf7b46"}}, "the Azure CLI's"),
        ({"shop": {"key": KEY, "may": "send"}}, "`may` of `shop` is wrong: it holds a list"),
        ({"shop": {"key": KEY, "may": ["sned"]}}, "not `sned`; it holds a list of"),
        ({"shop": {"key": KEY, "from": ["*@contoso.com"]}}, "`from` of `shop` is wrong: not `*@contoso.com`"),
        ({"shop": {"key": KEY, "to": ["@contoso.com"]}}, "`to` of `shop` is wrong"),
        ({"shop": {"key": KEY, "to": [None]}}, "`to` of `shop` is wrong"),
        ({"shop": {"key": KEY, "templates": ["a/b"]}}, "`templates` of `shop` is wrong"),
        ({"shop": {"key": KEY, "priority": ["high"]}}, "`priority` of `shop` is wrong"),
        ({"shop": {"key": KEY, "recipients_per_day": "many"}}, "`recipients_per_day` of `shop` is wrong"),
        ({"shop": {"key": KEY, "recipients_per_day": -1}}, "`recipients_per_day` of `shop` is wrong"),
        ({"shop": {"key": KEY, "recipients_per_day": True}}, "`recipients_per_day` of `shop` is wrong"),
        ({"shop": {"key": KEY, "recipient_per_day": 5}}, "did you mean `recipients_per_day`?"),
        ({"queue": {"key": KEY}}, "`queue` is the policy of the queue"),
        ({"a": {"key": KEY}, "b": {"key": KEY}}, "`a` and `b` have the same key or app"),
    ],
)
def test_a_mistake_in_the_setting_is_named_with_its_remedy(setting, hint):
    (said,) = mistakes(setting)

    assert hint in said
    assert "hunter2" not in said


def test_the_example_in_the_documents_is_right():
    page = (ROOT / "docs/security.md").read_text()
    (example,) = [block for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if '"queue"' in block]

    known = read_callers(example)

    assert [caller.name for caller in known.all] == ["shop", "ops", "queue"]
    assert known.by_key("the-shops-key").name == "shop"
    assert known.warnings({"shop@contoso.com", "alerts@contoso.com"}) == []


def test_all_mistakes_are_named_at_once():
    assert len(mistakes({"Shop": {"key": KEY}, "a": {"key": "k", "may": ["x"]}, "b": {}})) == 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"from": ["news@contoso.com"]}, "neither in MAILER_SENDERS nor a pool"),
        ({"to": []}, "`to` allow nothing"),
        ({"recipients_per_day": None}, "each of its mails is held until a person releases it"),
    ],
)
def test_what_somebody_can_hardly_have_meant_is_a_warning(changes, words):
    caller = shop(**changes)

    (warning,) = Callers((caller,)).warnings({"shop@contoso.com"})

    assert words in warning


# No request passes that the policy forbids: an oracle of its own, over the policy's JSON and the request's

ADDRESSES = ["ada@example.com", "bob@contoso.com", "eve@evil.example", "ada@eu.contoso.com"]
SENDERS = ["shop@contoso.com", "alerts@contoso.com"]
TEMPLATES = ["order-1", "order-confirmation", "news", "reorder"]


def some(*values):
    """A member of a policy: missing, empty, some, or all."""
    few = st.none() | st.lists(st.sampled_from(values), max_size=3)
    return st.one_of(st.just(["*"]), st.just(["*"]), few)  # most pass, so that each rule decides alone now and then


policies = st.fixed_dictionaries(
    {
        "may": some("send", "read", "preview", "operate"),
        "from": some(*SENDERS),
        "templates": some("order-*", "news", "*order*", "order-?"),
        "to": some("example.com", "contoso.com", "eve@evil.example") | st.just(["example.com"]),
        "priority": some("urgent", "normal", "bulk"),
    }
)
recipients = st.one_of(st.just([]), st.just([]), st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=2))
mails = st.fixed_dictionaries(
    {
        "from": st.none() | st.sampled_from(SENDERS),
        "to": st.one_of(st.just(ADDRESSES[:1]), st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3)),
        "cc": recipients,
        "bcc": recipients,
        "reply_to": recipients,
        "template": st.none() | st.sampled_from(TEMPLATES),
        "priority": st.none() | st.sampled_from(["urgent", "normal", "bulk"]),
    }
)


def near(base, strategy):
    """The base with few of its members taken from elsewhere, so that each rule decides alone now and then."""
    chosen = st.sets(st.sampled_from(sorted(base)), max_size=2)
    return st.builds(lambda other, names: base | {name: other[name] for name in names}, strategy, chosen)


NARROW = {
    "may": ["send"],
    "from": SENDERS[:1],
    "templates": ["order-*"],
    "to": ["example.com", "bob@contoso.com"],
    "priority": ["normal"],
}
ORDER = {
    "from": None,
    "to": ["ada@example.com"],
    "cc": [],
    "bcc": [],
    "reply_to": [],
    "template": "order-1",
    "priority": None,
}


def like(pattern, text):
    """Whether a pattern of stars and question marks fits, letter by letter."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(like(pattern[1:], text[skipped:]) for skipped in range(len(text) + 1))
    return bool(text) and pattern[0] in {"?", text[0]} and like(pattern[1:], text[1:])


def oracle(policy, mail):
    """Whether the mail may be sent, by the words of the documentation."""

    def holds(member, fits):
        allowed = policy[member] or []
        return "*" in allowed or any(fits(one) for one in allowed)

    everybody = mail["to"] + mail["cc"] + mail["bcc"] + mail["reply_to"]
    return (
        holds("may", lambda one: one == "send")
        and holds("from", lambda one: one == (mail["from"] or SENDERS[0]))
        and holds("templates", lambda one: mail["template"] is not None and like(one, mail["template"]))
        and holds("priority", lambda one: one == (mail["priority"] or "normal"))
        and all(holds("to", lambda one, to=to: one in {to, to.split("@")[1]}) for to in everybody)
    )


@settings(max_examples=500, deadline=None)
@given(policies | near(NARROW, policies), mails | near(ORDER, mails))
def test_no_mail_passes_that_the_policy_forbids_and_none_is_kept_back_that_it_allows(policy, mail):
    caller = shop(**policy)
    content = {} if mail["template"] else {"subject": "s", "text": "t"}
    template = {"template": {"id": mail["template"]}} if mail["template"] else {}
    asked = {name: mail[name] for name in ("from", "to", "cc", "bcc", "reply_to", "priority") if mail[name]}

    problems = refused(asked | content | template, caller)

    assert {problem.code for problem in problems} <= {"caller_not_allowed"}
    assert (not problems) == oracle(policy, mail)


@settings(max_examples=200, deadline=None)
@given(st.text(), st.dictionaries(st.text(string.printable), st.none() | st.integers() | st.lists(st.text())))
def test_whatever_the_setting_holds_it_is_read_or_refused(text, policy):
    for setting in (text, json.dumps({"shop": policy})):
        known = None
        with suppress(ValueError):
            known = read_callers(setting)
        assert known is None or not any(caller.may for caller in known.all)


def test_a_caller_that_is_in_no_setting_may_do_nothing():
    known = callers(shop={"key": KEY, **ALL})

    with pytest.raises(InvalidRequest, match="has no caller `gone` any more"):
        known.named("gone")
    with pytest.raises(InvalidRequest, match="has no policy named `queue`"):
        known.named("queue")
    assert known.named("shop").name == "shop"
