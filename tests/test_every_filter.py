"""Every filter of a list, one by one, by HTTP, by the command line and in the console: it finds its mail alone."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
import requests
from playwright.sync_api import expect

from mailer.local.cloud.control import Fault
from mailer.local.programs import ROOT
from tests.another_host import another_host
from tests.browser import launched
from tests.operating import got, posted
from tests.terminal import mailer

KEY, POOL = "the-key-of-the-shop", "news=alerts@contoso.com"
SHOP = {name: ["*"] for name in ("may", "from", "templates", "to", "priority")}
SHOP |= {"key": f"sha256:{hashlib.sha256(KEY.encode()).hexdigest()}", "recipients_per_day": "*"}
QUEUE = {"queue": {"may": ["send"], **{name: ["*"] for name in ("from", "templates", "to", "priority")}}}
FILTERS = {
    "status": "failed",
    "status, one of several": "uncertain,failed",
    "error": "ErrorInvalidRecipients",
    "tag": "flow:checkout",
    "template": "order-confirmation",
    "from": "alerts@contoso.com",
    "from, the pool": "news",
    "to": "{address}",
    "caller": "shop",
    "since": "{since}",
}


@pytest.fixture(scope="module")
def world(stack, tmp_path_factory):
    """A mail that each filter is about, and one before it that none is about."""
    other = posted(stack, priority="urgent", tags={"flow": "another"})["id"]
    until = datetime.now(UTC)
    variables = json.loads((ROOT / "mailer/templates/order-confirmation/sample.json").read_text())
    address = f"{uuid4().hex}@example.com"
    request = {"to": address, "from": "news", "template": {"id": "order-confirmation", "variables": variables}}
    request |= {"tags": {"flow": "checkout"}, "priority": "urgent"}
    settings = {"MAILER_CALLERS": json.dumps({"shop": SHOP, **QUEUE}), "MAILER_POOLS": POOL}
    stack.control.fault(Fault(call="sendMail", outcome="answer", status=400, code="ErrorInvalidRecipients"))
    with another_host(
        stack, tmp_path_factory.mktemp("shop"), functions=["post_email", "get_health"], **settings
    ) as url:
        reply = requests.post(f"{url}/emails", json=request, headers={"x-functions-key": KEY}, timeout=60)
    stack.control.clear_faults()
    assert reply.json()["status"] == "failed", reply.text
    since = f"{until + timedelta(milliseconds=1):%Y-%m-%dT%H:%M:%S.%fZ}"
    return SimpleNamespace(mail=reply.json()["id"], other=other, address=address, since=since, until=until.isoformat())


def given(name, world):
    return name.partition(",")[0], FILTERS[name].format(address=world.address, since=world.since)


@pytest.mark.parametrize("name", FILTERS)
def test_by_http(stack, world, name):
    parameter, value = given(name, world)

    answer = requests.get(f"{stack.url}/emails", params={parameter: value}, timeout=30)

    assert [mail["id"] for mail in answer.json()["value"]] == [world.mail]


def test_until_ends_before_the_instant(stack, world):
    assert [mail["id"] for mail in got(stack, "emails", until=world.until)["value"]] == [world.other]


@pytest.mark.parametrize("name", FILTERS)
def test_by_command(stack, world, name):
    parameter, value = given(name, world)

    said = mailer("list", f"--{parameter}", value.replace("flow:", "flow="), "--url", stack.url, "--json")

    assert [mail["id"] for mail in said.lines] == [world.mail]


def test_several_statuses_may_be_given_one_by_one(stack, world):
    said = mailer("list", "--status", "uncertain", "--status", "failed", "--url", stack.url, "--json")
    answer = requests.get(f"{stack.url}/emails?status=uncertain&status=failed", timeout=30).json()

    assert [mail["id"] for mail in said.lines] == [mail["id"] for mail in answer["value"]] == [world.mail]


def test_in_the_console(stack, world):
    with launched() as browser:
        page = browser.new_context(locale="en-GB", timezone_id="UTC").new_page()
        for name in FILTERS:
            parameter, value = given(name, world)
            page.goto("about:blank")
            page.goto(f"{stack.url}/console#{parameter}={value}")
            expect(page.locator("#mails tbody a"), name).to_have_count(1)
            expect(page.locator("#mails tbody a"), name).to_contain_text(world.mail[-8:])


def test_the_record_names_the_pool_and_the_mailbox(stack, world):
    mail = got(stack, f"emails/{world.mail}")

    assert (mail["pool"], mail["from"], mail["caller"]) == ("news", "alerts@contoso.com", "shop")
