"""The console in a real browser, as an operator sees and uses it: on the running stack, by mouse and by keyboard."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from mailer.local.cloud.control import Fault
from tests.browser import launched
from tests.operating import posted

expect.set_options(timeout=15_000)


@pytest.fixture(scope="module")
def browser():
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def mails(stack):
    """What there is to see: sent, failed, in doubt, scheduled, waiting for a mended cause."""
    control = stack.control
    control.reset()

    ids = {"sent": posted(stack, tags={"flow": "<b>checkout</b>"})["id"]}
    control.fault(Fault(call="sendMail", outcome="answer", status=400, code="ErrorInvalidRecipients", times=1))
    ids["failed"] = posted(stack)["id"]
    control.fault(Fault(call="sendMail", when="after", outcome="answer", status=504, times=1))
    ids["uncertain"] = posted(stack)["id"]
    control.fault(Fault(call="sendMail", outcome="answer", status=403, code="ErrorAccessDenied", times=1))
    ids["hindered"] = posted(stack)["id"]
    later = datetime.now(UTC) + timedelta(hours=5)
    ids["scheduled"] = posted(stack, scheduled_at=later.isoformat(), **{"from": "alerts@contoso.com"})["id"]
    ids["waiting"] = posted(stack, scheduled_at=later.isoformat())["id"]
    control.clear_faults()
    return ids


@pytest.fixture
def opened(browser, stack, mails):
    """A page of the console with this address and these properties of the browser."""
    contexts = []

    def go(fragment="", *, url=f"{stack.url}/console", **properties):
        known = {"locale": "en-GB", "viewport": {"width": 1280, "height": 900}}
        contexts.append(browser.new_context(**known | properties))
        page = contexts[-1].new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda said: page.problems.append(said.text) if "Content Security" in said.text else None)
        page.goto(url + fragment)
        return page

    yield go
    for context in contexts:
        context.close()
