"""What the console shows."""

import re

import pytest
import requests
from playwright.sync_api import expect

from mailer.local.programs import ROOT
from tests.console.given import loaded, row
from tests.operating import until


def test_health_stands_at_the_top_with_what_to_do_and_the_secrets_expiry(opened, stack):
    until(503, lambda: requests.get(f"{stack.url}/health", timeout=30).status_code)  # it is known for ten seconds

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
