"""Mistakes in the setting MAILER_CALLERS, named with their remedy."""

import json
import re
import string
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.callers.policy import Callers
from mailer.callers.setting import read_callers
from mailer.local.programs import ROOT
from tests.callers.given import HEX, KEY, shop


def mistakes(text):
    with pytest.raises(ValueError, match=r".") as refusal:
        read_callers(text if isinstance(text, str) else json.dumps(text))
    return refusal.value.args


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


@settings(max_examples=200, deadline=None)
@given(st.text(), st.dictionaries(st.text(string.printable), st.none() | st.integers() | st.lists(st.text())))
def test_whatever_the_setting_holds_it_is_read_or_refused(text, policy):
    for setting in (text, json.dumps({"shop": policy})):
        known = None
        with suppress(ValueError):
            known = read_callers(setting)
        assert known is None or not any(caller.may for caller in known.all)
