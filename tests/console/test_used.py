"""What an operator does by the console."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import requests
from azure.data.tables import TableClient
from playwright.sync_api import expect

from mailer.delivery.jobs import CauseRequest, Job
from mailer.delivery.record import Action
from mailer.local.cloud.control import Fault
from mailer.storage.job_rows import TableJobs
from tests.console.given import loaded, row
from tests.operating import posted, status, until


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
    fault = Fault(call="sendMail", outcome="answer", status=400, code="ErrorInvalidRecipients", times=1)
    stack.control.fault(fault)
    posted(stack)
    stack.control.clear_faults()


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
