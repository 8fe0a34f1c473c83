"""Who may see the console, and how its files are served."""

import re

import pytest
import requests
from playwright.sync_api import expect

from mailer.local.programs import ROOT
from tests.another_host import another_host


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
