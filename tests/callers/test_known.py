"""Whom the setting MAILER_CALLERS makes known, and by what."""

import base64
import hashlib
import json

import pytest

from mailer.callers.policy import ANYBODY
from mailer.callers.setting import read_callers
from mailer.errors import InvalidRequest
from tests.callers.given import ALL, APP, HEX, KEY, callers, refusals


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


def test_a_caller_that_is_in_no_setting_may_do_nothing():
    known = callers(shop={"key": KEY, **ALL})

    with pytest.raises(InvalidRequest, match="has no caller `gone` any more"):
        known.named("gone")
    with pytest.raises(InvalidRequest, match="has no policy named `queue`"):
        known.named("queue")
    assert known.named("shop").name == "shop"
