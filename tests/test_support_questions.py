"""The questions of docs/cli.md: each command is run as it stands there, each look had at a running console."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import requests
from playwright.sync_api import expect

from mailer.local.cloud.control import Fault
from mailer.local.programs import ROOT
from tests.another_host import another_host
from tests.browser import launched
from tests.operating import asked, got, until
from tests.terminal import by_own_rights
from tests.terminal import mailer as in_process

PAGE = (ROOT / "docs/cli.md").read_text()
ROW = re.compile(r"^\| (\d+) \| (.+?) \| `python -m mailer (.+?)` \| (.+?) \|$", re.MULTILINE)
QUESTIONS = {int(number): (question, command, look) for number, question, command, look in ROW.findall(PAGE)}
SHOP_KEY = "the-key-of-the-shop"
CALLERS = {
    "shop": {
        "key": f"sha256:{hashlib.sha256(SHOP_KEY.encode()).hexdigest()}",
        "may": ["send", "read"],
        **{member: ["*"] for member in ("from", "templates", "to", "priority")},
        "recipients_per_day": 0,
    },
    "queue": {"may": ["send"], **{member: ["*"] for member in ("from", "templates", "to", "priority")}},
}


@pytest.fixture(scope="module")
def shop(stack, tmp_path_factory):
    """Another host of the same app, where each mail of the caller `shop` is held for a person."""
    folder, functions = tmp_path_factory.mktemp("shop"), ["post_email", "get_health"]
    with another_host(stack, folder, functions=functions, MAILER_CALLERS=json.dumps(CALLERS)) as url:
        yield url


@pytest.fixture(scope="module")
def world(stack, shop):
    """A mail of each kind that the questions are about."""
    control = stack.control
    control.reset()

    def posted(url=stack.url, *, key="", **changes):
        request = {"to": "ada@example.com", "subject": "Order", "text": "Your order", **changes}
        headers = {"Prefer": "wait=20", "x-functions-key": key}
        return requests.post(f"{url}/emails", json=request, headers=headers, timeout=60).json()

    def fault(**properties):
        control.clear_faults()
        control.fault(Fault(call="sendMail", times=1, **properties))

    fault(outcome="answer", status=400, code="ErrorInvalidRecipients")
    resent = posted()["id"]
    asked(stack, f"emails/{resent}/replay")
    until("sent", lambda: got(stack, f"emails/{resent}")["status"])
    sent = posted()["id"]
    fault(outcome="answer", status=400, code="ErrorInvalidRecipients")
    failed = posted(tags={"order": "7"})["id"]
    fault(outcome="answer", status=403, code="ErrorAccessDenied")
    hindered = posted()["id"]
    fault(when="after", outcome="answer", status=504)
    uncertain = posted()["id"]
    control.clear_faults()
    later = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    scheduled = posted(scheduled_at=later)["id"]
    held = posted(shop, key=SHOP_KEY)["id"]
    bob = {"address": "bob@example.com", "reason": "asked for it by phone"}
    requests.post(f"{stack.url}/suppressions", json=bob, timeout=30).raise_for_status()
    posted(to="bob@example.com")
    return SimpleNamespace(**{name: value for name, value in locals().items() if isinstance(value, str)})


# By the number of the question: what ID and CODE stand for, and what the answer says.
ANSWERS = {
    1: ({}, r"ErrorInvalidRecipients +order=7"),
    2: ({"ID": "uncertain"}, r"uncertain +Graph gave no answer"),
    3: ({}, r"failed .* order=7"),
    4: ({}, r"python -m mailer retry --code ErrorAccessDenied"),
    5: ({"CODE": "ErrorInvalidRecipients"}, r"failed +shop@contoso.com"),
    7: ({"CODE": "http_504"}, r"of which [1-9]\d* may arrive twice"),
    10: ({}, r"uncertain +shop@contoso.com +http_504"),
    12: ({}, r"Of these [1-9]\d* wait, the last until 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"),
    13: ({}, r"scheduled +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d +shop@contoso.com"),
    14: ({}, r"sending +failing +Mails of shop@contoso.com wait"),
    15: ({}, r"The app's secret expires on 20\d\d-\d\d-\d\d"),
    16: ({}, r"ok.*token|✓ token"),
    17: ({}, r"held +shop@contoso.com"),
    8: ({"ID": "failed"}, r"1 mail queued again"),
    19: ({"ID": "failed"}, r"replay +by hand"),
    20: ({"ID": "sent"}, r'"request_id": "[0-9a-f-]{36}"'),
    6: ({"CODE": "ErrorInvalidRecipients"}, r"mails? to replay"),
    9: ({"CODE": "ErrorAccessDenied"}, r"ErrorAccessDenied: [1-9]"),
    11: ({"ID": "scheduled"}, r"1 mail canceled"),
    21: ({}, r"is suppressed since 20.* UTC: asked for it by phone"),
    18: ({}, r"1 mail to release|[1-9]\d* mails to release"),
}


def test_there_are_twenty_one_questions():
    assert sorted(QUESTIONS) == sorted(ANSWERS) == list(range(1, 22))


# By the number of the question: what ID and CODE stand for, where on the page one looks, and what stands there.
LOOKS = {
    1: ({}, "#mails tbody", r"failed[\s\S]*ErrorInvalidRecipients"),
    2: ({"ID": "uncertain"}, "#mail .way", r"uncertain Graph gave no answer that tells"),
    3: ({}, "#mails tbody", r"failed[\s\S]*order: 7"),
    4: ({}, "#failures .cards", r"ErrorAccessDenied[\s\S]*What to do[\s\S]*Grant the app registration"),
    5: ({"CODE": "http_504"}, "#mails tbody", r"uncertain[\s\S]*http_504"),
    6: ({}, "#failures .card.failed .buttons", r"^Send again$"),
    7: ({}, "#failures .card.uncertain", r"these mails may arrive twice"),
    8: ({"ID": "failed"}, "#mail .buttons", r"^Send again$"),
    9: ({}, "#failures .card.queued .buttons", r"^Try now$"),
    10: ({}, "#mails tbody", r"uncertain"),
    11: ({"ID": "scheduled"}, "#mail .buttons", r"^Cancel$"),
    12: ({}, "#waiting", r"shop@contoso.com [1-9]\d* mails?, the last expected .*20\d\d"),
    13: ({}, "#mails tbody", r"scheduled Expected at .*20\d\d"),
    14: ({}, "#health", r"Something does not work"),
    15: ({}, "#health .secret", r"The app's secret expires on .*20\d\d, in \d+ days"),
    16: ({}, "#health .troubles", r"sending[\s\S]*Grant the app registration"),
    17: ({}, "#mails tbody", r"held"),
    18: ({}, "#mails .tail", r"Release (it|all \d+ shown)"),
    19: ({"ID": "resent"}, "#mail .way", r"sent again"),
    20: ({"ID": "sent"}, "#mail .facts", r"Graph's request-id[\s\S]*[0-9a-f]{8}-"),
    21: ({}, "#mails tbody", r"suppressed[\s\S]*recipient_suppressed"),
}


def test_a_question_is_answered_by_one_look(stack, world):
    """At the address that stands there, without a click."""
    assert sorted(LOOKS) == sorted(QUESTIONS)
    with launched() as browser:
        page = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900}).new_page()
        for number, (stands_for, place, answer) in LOOKS.items():
            _, _, look = QUESTIONS[number]
            address = next(iter(re.findall(r"`(#.+?)`", look)), "#")
            for placeholder, value in stands_for.items():
                address = address.replace(placeholder, getattr(world, value, value))
            page.goto("about:blank")
            page.goto(f"{stack.url}/console{address}")
            expect(page.locator(place).first, f"{number} {look}").to_contain_text(re.compile(answer))


@pytest.mark.parametrize("number", ANSWERS)
def test_a_question_is_answered_by_one_command(number, stack, world, monkeypatch):
    """In an order in which no answer takes away what the next one is about."""
    _, command, _ = QUESTIONS[number]
    stands_for, answer = ANSWERS[number]
    for placeholder, value in stands_for.items():
        command = command.replace(placeholder, getattr(world, value, value))

    if command == "doctor":
        done = by_own_rights(monkeypatch, stack.settings())(command)
    else:
        done = in_process(*command.split(), "--url", stack.url)

    said = done.out + done.err
    assert done.code in ({0, 1} if command in {"health", "doctor"} else {0}), said
    assert re.search(answer, said), said


def test_all_held_mails_are_released_in_the_console_at_once(stack, shop, world):
    request = {"to": "ada@example.com", "subject": "S", "text": "T"}
    headers = {"x-functions-key": SHOP_KEY}
    mails = [requests.post(f"{shop}/emails", json=request, headers=headers, timeout=30).json()["id"] for _ in range(3)]
    with launched() as browser:
        page = browser.new_context(locale="en-GB").new_page()
        page.goto(f"{stack.url}/console#status=held")
        page.get_by_role("button", name=re.compile("Release all [3-9] shown")).click()
        expect(page.locator("#question h2")).to_have_text(re.compile("Release [3-9] mails?"))
        page.locator("#question").get_by_role("button", name="Release").click()
        expect(page.locator("#said")).to_have_text(re.compile(r"Released: (\d) of \1\."))
        expect(page.locator("#mails tbody tr")).to_have_count(0)

    assert {got(stack, f"emails/{mail}")["status"] for mail in mails} <= {"queued", "sending", "sent"}


def test_a_held_mail_is_released_in_the_console(stack, shop, world):
    request = {"to": "ada@example.com", "subject": "S", "text": "T"}
    headers = {"x-functions-key": SHOP_KEY}
    mail = requests.post(f"{shop}/emails", json=request, headers=headers, timeout=30).json()["id"]
    with launched() as browser:
        page = browser.new_context(locale="en-GB").new_page()
        page.goto(f"{stack.url}/console#mail={mail}")
        page.locator("#mail").get_by_role("button", name="Release").click()
        expect(page.locator("#question")).to_contain_text("Its caller had asked for more than it may send.")
        page.locator("#question").get_by_role("button", name="Release").click()
        expect(page.locator("#mail .way")).to_contain_text("released")

    assert requests.get(f"{stack.url}/emails/{mail}", timeout=30).json()["status"] in {"queued", "sending", "sent"}
