"""The console in a real browser, as an operator sees and uses it: on the running stack, by mouse and by keyboard."""

import re
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from azure.data.tables import TableClient
from playwright.sync_api import expect

from mailer.delivery.jobs import CauseRequest, Job
from mailer.delivery.record import Action
from mailer.local.cloud.control import Control, Fault
from mailer.local.programs import ROOT
from mailer.local.stack import Ports, Stack
from mailer.storage.job_rows import TableJobs
from tests.another_host import another_host
from tests.browser import launched
from tests.npm import installed

expect.set_options(timeout=15_000)
pytestmark = pytest.mark.timeout(240)  # the first run installs axe-core

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """One of its own, for a fault that is made for one mail must not meet another."""
    with Stack(tmp_path_factory.mktemp("stack"), ports=Ports.free()) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def mails(stack):
    """What there is to see: sent, failed, in doubt, scheduled, waiting for a mended cause."""
    control = Control(f"https://localhost:{stack.ports.cloud}", stack.folder / "ca.pem")
    control.reset()

    def posted(**changes):
        request = {"to": "ada@example.com", "subject": "Hello", "text": "Hello", **changes}
        return requests.post(f"{stack.url}/emails", json=request, headers={"Prefer": "wait=20"}, timeout=60).json()[
            "id"
        ]

    ids = {"sent": posted(tags={"flow": "<b>checkout</b>"})}
    control.fault(Fault(call="sendMail", outcome="answer", status=400, code="ErrorInvalidRecipients", times=1))
    ids["failed"] = posted()
    control.fault(Fault(call="sendMail", when="after", outcome="answer", status=504, times=1))
    ids["uncertain"] = posted()
    control.fault(Fault(call="sendMail", outcome="answer", status=403, code="ErrorAccessDenied", times=1))
    ids["hindered"] = posted()
    later = datetime.now(UTC) + timedelta(hours=5)
    ids["scheduled"] = posted(scheduled_at=later.isoformat(), **{"from": "alerts@contoso.com"})
    ids["waiting"] = posted(scheduled_at=later.isoformat())
    control.clear_faults()
    yield ids
    control.close()


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


def loaded(page):
    expect(page.locator("#as-of")).to_have_text(re.compile("As of|État à"))
    expect(page.locator("[aria-busy]")).to_have_count(0)
    return page


def row(page, mail):
    return page.locator("#mails tbody tr").filter(has=page.locator(f"a[href*='{mail}']"))


def status(stack, mail):
    return requests.get(f"{stack.url}/emails/{mail}", timeout=30).json()["status"]


def until(expected, look):
    deadline = time.monotonic() + 30
    while look() != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    assert look() == expected


# What it shows


def test_health_stands_at_the_top_with_what_to_do_and_the_secrets_expiry(opened):
    health = loaded(opened()).locator("#health")

    expect(health.locator(".verdict")).to_have_text("Something does not work.")
    expect(health.locator(".troubles")).to_contain_text(
        "Grant the app registration the application permission Mail.Send"
    )
    expect(health.locator(".secret")).to_contain_text(
        re.compile(r"The app's secret expires on .* 20\d\d, in \d+ days.")
    )


def test_every_part_of_health_has_a_name_in_both_languages(stack):
    parts = requests.get(f"{stack.url}/health", timeout=30).json()["parts"]

    for language in ("en", "fr"):
        words = (ROOT / f"mailer/console/{language}.js").read_text()
        (names,) = re.findall(r"parts: \{(.+?)\}", words, re.DOTALL)
        assert set(parts) <= set(re.findall(r"(\w+):", names))


def test_failures_stand_by_their_cause_with_cure_and_button(opened):
    page = loaded(opened())
    failed = page.locator("#failures .card").filter(has_text="ErrorInvalidRecipients")
    doubtful = page.locator("#failures .card").filter(has_text="http_504")
    hindered = page.locator("#failures .card").filter(has_text="ErrorAccessDenied")

    expect(failed.get_by_role("button")).to_have_text("Send again")
    expect(failed.locator(".beware")).to_have_count(0)
    expect(doubtful.locator(".beware")).to_contain_text("may arrive twice")
    expect(hindered.get_by_role("button")).to_have_text("Try now")
    expect(hindered).to_contain_text("Mail.Send")


def test_the_filters_are_those_of_the_address_and_go_into_it(opened, mails):
    page = loaded(opened("#status=failed"))
    statuses = page.locator("#filters .statuses")
    expect(statuses.locator(".chosen")).to_have_text("failed")
    expect(row(page, mails["failed"])).to_have_count(1)
    expect(row(page, mails["sent"])).to_have_count(0)

    statuses.locator("summary").click()
    statuses.get_by_label("failed").uncheck()
    statuses.get_by_label("scheduled").check()
    page.get_by_label("From").fill("alerts@contoso.com")
    page.get_by_role("button", name="Search").click()

    expect(row(page, mails["scheduled"])).to_have_count(1)
    expect(row(page, mails["failed"])).to_have_count(0)
    assert "status=scheduled" in page.url
    assert "from=alerts%40contoso.com" in page.url
    page.go_back()
    expect(row(page, mails["failed"])).to_have_count(1)


def test_several_statuses_are_one_filter(opened, mails):
    page = loaded(opened("#status=failed,uncertain"))
    expect(page.locator("#filters .chosen")).to_have_text("failed, uncertain")
    expect(row(page, mails["failed"])).to_have_count(1)
    expect(row(page, mails["uncertain"])).to_have_count(1)
    expect(row(page, mails["sent"])).to_have_count(0)

    page.locator("#filters summary").click()
    page.locator("#filters").get_by_label("failed").uncheck()
    page.get_by_role("button", name="Search").click()

    expect(row(page, mails["failed"])).to_have_count(0)
    expect(row(page, mails["uncertain"])).to_have_count(1)
    expect(page.get_by_role("button", name="Search")).to_be_focused()  # though the form was drawn anew


def test_a_filter_that_is_wrong_is_told_as_the_app_tells_it(opened):
    page = opened("#tag=checkout")

    expect(page.locator("#mails .trouble")).to_contain_text("must be a tag's name, a colon and its value")
    expect(page.locator("#health .verdict")).to_be_visible()


def test_a_mails_way_is_shown_from_accepted_on(opened, mails):
    page = loaded(opened(f"#mail={mails['uncertain']}"))
    dialog = page.get_by_role("dialog")

    expect(dialog.locator(".way strong")).to_have_text(["queued", "sending", "uncertain"])
    expect(dialog.locator(".error")).to_contain_text("http_504")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("mail="))  # the address follows the dialog's end a moment later


@pytest.fixture(scope="module")
def left_out(stack, mails):
    """A mail that left one of its recipients out, and one that had no other."""
    assert mails
    requests.post(f"{stack.url}/suppressions", json={"address": "bob@example.com"}, timeout=30)

    def posted(to):
        # From a mailbox of which health tells nothing that a sent mail would end.
        request = {"from": "alerts@contoso.com", "to": to, "cc": to[:1], "subject": "Hello", "text": "Hello"}
        return requests.post(f"{stack.url}/emails", json=request, headers={"Prefer": "wait=20"}, timeout=60).json()[
            "id"
        ]

    yield posted(["bob@example.com", "ada@example.com"]), posted(["bob@example.com"])
    requests.delete(f"{stack.url}/suppressions?address=bob@example.com", timeout=30)


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en-GB", "suppressed to[0], cc[0] left out: these recipients get no mail any more."),
        ("fr-FR", "bloqué to[0], cc[0] écartés : ces destinataires ne reçoivent plus de messages."),
    ],
)
def test_who_was_left_out_stands_in_a_mails_way(opened, left_out, locale, said):
    dialog = loaded(opened(f"#mail={left_out[0]}", locale=locale)).get_by_role("dialog")

    expect(dialog.locator(".way li.suppressed div")).to_have_text(said)
    expect(dialog.locator(".way li.sent")).to_have_count(1)


def test_a_suppressed_mail_can_be_sent_again(opened, left_out):
    dialog = loaded(opened(f"#mail={left_out[1]}")).get_by_role("dialog")

    expect(dialog.locator(".now")).to_contain_text("Nobody was left whom it may reach.")
    expect(dialog.get_by_role("button", name="Send again")).to_be_visible()


def test_what_waits_is_drawn_for_each_mailbox_and_stands_in_figures_too(opened):
    page = loaded(opened())
    waits = page.locator("#waiting figure").filter(has_text="alerts@contoso.com")

    expect(waits.get_by_role("img", name=re.compile("alerts@contoso.com: 1 mail, the last expected"))).to_be_visible()
    expect(waits.locator("rect")).to_have_count(1)
    waits.get_by_text("As figures").click()
    expect(waits.locator("td")).to_have_text(["1"])


def test_what_callers_say_is_text_and_never_markup(opened, mails):
    page = loaded(opened())

    expect(row(page, mails["sent"]).locator(".tag")).to_have_text("flow: <b>checkout</b>")
    assert page.problems == []


def test_it_speaks_french_where_the_browser_does_and_either_language_by_choice(opened):
    page = loaded(opened(locale="fr-CA"))
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.get_by_role("heading", name="Ce qui attend")).to_be_visible()
    expect(page.locator("#failures .cards")).to_contain_text("Accordez à l\u2019inscription d\u2019application")
    expect(page.locator("#failures .cards [lang=en]:not(code)")).to_have_count(0)

    page.get_by_role("button", name="English").click()

    expect(page.get_by_role("heading", name="What waits")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_both_languages_say_everything():
    english, french = ((ROOT / f"mailer/console/{language}.js").read_text() for language in ("en", "fr"))

    def names(text):
        return re.findall(r"^  (\w+):|(\w+): [\"(`{]", text.partition("\n};")[0], re.MULTILINE)

    def at_top(text):
        return re.findall(r"^  (\w+):", text, re.MULTILINE)

    assert names(english) == names(french)
    assert len(set(at_top(english))) == len(at_top(english)), "a name that stands twice hides the first"


# What it does


def test_a_failed_mail_is_sent_again_from_its_page(opened, stack, mails):
    page = loaded(opened(f"#mail={mails['failed']}"))
    page.locator("#mail").get_by_role("button", name="Send again").click()
    question = page.locator("#question")
    expect(question).not_to_contain_text("twice")
    question.get_by_role("button", name="Send again").click()

    expect(page.locator("#said")).to_have_text("Done.")
    expect(page.locator("#mail .way")).to_contain_text("sent again")
    until("sent", lambda: status(stack, mails["failed"]))


def test_a_doubtful_mail_is_sent_again_only_after_a_warning_and_left_alone_by_escape(opened, stack, mails):
    page = loaded(opened(f"#mail={mails['uncertain']}"))
    page.locator("#mail").get_by_role("button", name="Send again").click()
    question = page.locator("#question")

    expect(question.locator(".beware")).to_contain_text("may arrive twice")
    expect(question.get_by_role("button", name="Leave it")).to_be_focused()
    page.keyboard.press("Escape")

    expect(question).to_be_hidden()
    assert status(stack, mails["uncertain"]) == "uncertain"


def test_a_cause_is_replayed_as_a_whole_after_the_number_was_told(opened, stack, mails):
    page = loaded(opened())
    page.locator("#failures .card").filter(has_text="http_504").get_by_role("button").click()
    question = page.locator("#question")
    expect(question.get_by_role("heading")).to_have_text(re.compile("Send (this mail|\\d+ mails) again?"))
    expect(question.locator(".beware")).to_contain_text("may arrive twice")
    question.get_by_role("button", name="Send again").click()

    expect(page.locator("#said")).to_contain_text("in the background")
    until("sent", lambda: status(stack, mails["uncertain"]))


def test_how_far_a_replay_has_come_stands_in_its_card_until_its_end_is_told(opened, stack, mails):
    now = datetime.now(UTC)
    job = Job.of(Action.REPLAY, "ErrorInvalidRecipients", CauseRequest(), by="ops", now=now)
    fail_again(stack)
    with TableClient.from_connection_string(stack.storage, stack.settings()["MAILER_TABLE"]) as table:
        jobs = TableJobs(table)
        kept = jobs.write(
            replace(job, count=1204, partial=True, acted=300, left_out=2, taken_until=now + timedelta(minutes=3))
        )
        page = loaded(opened())
        told = page.locator("#failures .card").filter(has_text="ErrorInvalidRecipients").locator(".job")
        expect(told).to_contain_text("Sent again: 300 of at least 1204. 2 left out; the app's log says why.")
        expect(told).to_contain_text("by ops.")
        expect(told.get_by_role("progressbar")).to_have_attribute("value", "302")

        kept = jobs.write(replace(kept, acted=1202, is_last=True, taken_until=None, ended_at=datetime.now(UTC)))

        expect(page.locator("#said")).to_have_text("ErrorInvalidRecipients: Sent again: 1202 of 1204.")
        expect(told).to_contain_text("Ended")
        jobs.delete(kept)


def fail_again(stack):
    """One more mail whose recipient Graph does not take."""
    with closing(Control(f"https://localhost:{stack.ports.cloud}", stack.folder / "ca.pem")) as control:
        control.fault(Fault(call="sendMail", outcome="answer", status=400, code="ErrorInvalidRecipients", times=1))
        mail = {"to": "ada@example.com", "subject": "Hello", "text": "Hello"}
        requests.post(f"{stack.url}/emails", json=mail, headers={"Prefer": "wait=20"}, timeout=60).raise_for_status()
        control.clear_faults()


def test_a_mail_is_found_shown_and_canceled_by_keyboard_alone(opened, stack, mails):
    page = loaded(opened())
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#filters summary")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#filters").get_by_label("scheduled")).to_be_focused()
    page.keyboard.press("Space")
    for _ in range(40):
        if page.get_by_label("From").evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.type("alerts@contoso.com")
    page.keyboard.press("Enter")
    expect(row(page, mails["scheduled"])).to_have_count(1)
    expect(row(page, mails["sent"])).to_have_count(0)
    expect(page.locator("[aria-busy]")).to_have_count(0)

    link = row(page, mails["scheduled"]).get_by_role("link")
    for _ in range(40):
        page.keyboard.press("Tab")
        if link.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#mail").get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#question").get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("#mail .now")).to_contain_text("canceled")
    expect(page.locator("[aria-busy]")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("#mail")).to_be_hidden()
    expect(page.locator("#mails")).to_be_focused()  # for the mail is not among the scheduled ones any more
    assert status(stack, mails["scheduled"]) == "canceled"


def test_what_is_refused_is_told_where_it_was_asked_for(opened, stack, mails):
    page = loaded(opened(f"#mail={mails['hindered']}"))
    requests.post(f"{stack.url}/emails/{mails['hindered']}/cancel", timeout=30).raise_for_status()
    page.locator("#mail").get_by_role("button", name="Try now").click()
    page.locator("#question").get_by_role("button", name="Try now").click()

    expect(page.locator("#mail [role=alert]")).to_contain_text("The mail is canceled")


def test_more_mails_are_shown_on_demand_and_the_focus_goes_to_the_first_of_them(opened, stack):
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    one = {"to": "ada@example.com", "subject": "S", "text": "T", "scheduled_at": later, "tags": {"flow": "many"}}
    answer = requests.post(f"{stack.url}/emails/batch", json=[one] * 60, timeout=60)
    assert len(answer.json()["data"]) == 60
    page = loaded(opened("#tag=flow:many"))
    expect(page.locator("#mails tbody tr")).to_have_count(50)

    page.get_by_role("button", name="Show more").click()

    expect(page.locator("#mails tbody tr")).to_have_count(60)
    expect(page.locator("#mails tbody tr").nth(50).get_by_role("link")).to_be_focused()
    expect(page.locator("#mails .tail")).to_contain_text("60 mails shown")


# For everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("language", "width"), [("en-GB", 1600), ("fr-FR", 320)])
def test_axe_finds_no_barrier(opened, mails, scheme, language, width):
    """https://github.com/dequelabs/axe-core; its script has to be let in, which the page's own policy would not."""
    axe = (installed(Path(__file__).parent / "axe") / "axe-core/axe.min.js").read_text()
    properties = {"locale": language, "color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    page = loaded(opened(**properties, bypass_csp=True))

    found = []
    for fragment in ("", f"#mail={mails['waiting']}"):
        page.evaluate(f"location.hash = '{fragment}'")
        expect(page.locator("#mail")).to_be_visible(visible=bool(fragment))
        page.evaluate(axe)
        run = "axe.run(document, {runOnly: %s}).then(found => found.violations)"
        found += page.evaluate(run % WCAG)
    page.locator("#mail .buttons button").first.click()
    expect(page.locator("#question h2")).to_be_visible()
    found += page.evaluate(run % WCAG)

    assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_no_control_is_too_small_for_a_finger(opened):
    """At least 24 pixels each way: https://www.w3.org/TR/WCAG22/#target-size-minimum."""
    page = loaded(opened(viewport={"width": 375, "height": 800}, bypass_csp=True))
    small = page.evaluate(
        "[...document.querySelectorAll('button, input, select, summary, td a')].filter(e => e.offsetParent)"
        ".filter(e => e.offsetHeight < 24 || e.offsetWidth < 24).map(e => e.outerHTML)"
    )

    assert small == []


# Who may see it


@pytest.fixture(scope="module")
def locked(stack, tmp_path_factory):
    """The same app in a host that asks for function keys, as Azure does; its host key."""
    functions = ["get_console", "get_console_file", "get_health", "get_emails", "get_email"]
    with another_host(stack, tmp_path_factory.mktemp("locked"), functions=functions, keys=True) as (url, key):
        yield f"{url}/console", key


def test_it_asks_for_the_key_once_and_keeps_it_for_the_tab_alone(opened, locked):
    url, key = locked
    page = opened(url=url)
    asked = page.get_by_label("Function key")
    expect(asked).to_be_focused()
    expect(asked).to_have_attribute("type", "password")

    asked.fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#question [role=alert]")).to_have_text("The app does not take this key.")
    asked.fill(key)
    page.keyboard.press("Enter")
    expect(page.locator("#mails tbody tr").first).to_be_visible()
    page.reload()
    expect(page.locator("#mails tbody tr").first).to_be_visible()

    other = page.context.new_page()
    other.goto(url)
    expect(other.get_by_label("Function key")).to_be_focused()
    page.get_by_role("button", name="Forget the key").click()
    expect(page.get_by_label("Function key")).to_be_focused()
    assert key not in page.url


def test_the_page_itself_needs_no_key_and_holds_no_data(locked):
    url, _ = locked
    answer = requests.get(url, timeout=30)

    assert answer.status_code == 200
    assert "@contoso.com" not in answer.text
    assert requests.get(f"{url}/../emails", timeout=30).status_code == 401


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "mailer/console").iterdir()))
def test_every_file_is_served_under_a_strict_policy(stack, file):
    answer = requests.get(f"{stack.url}/console/{file}", timeout=30)

    policy = answer.headers["Content-Security-Policy"]
    assert (answer.status_code, answer.content) == (200, (ROOT / "mailer/console" / file).read_bytes())
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("file", ["..%2F..%2Fsettings.py", "nothing.js", "%252e%252e"])
def test_no_other_file_is_served(stack, file):
    answer = requests.get(f"{stack.url}/console/{file}", timeout=30)

    assert answer.status_code == 404
    assert b"import" not in answer.content


def test_the_page_names_no_other_host_and_makes_no_markup_of_texts():
    for path in (ROOT / "mailer/console").iterdir():
        text = re.sub(r"^\s*// .*", "", path.read_text(), flags=re.MULTILINE)
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)\S+", text) == [], path.name
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(|style=|\son\w+=\"", text), path.name
