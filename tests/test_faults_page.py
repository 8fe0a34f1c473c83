"""The page of the local cloud's faults, in a real browser: the place to rehearse an outage."""

import contextlib
from types import SimpleNamespace

import pytest
import requests
from playwright.sync_api import expect

from mailer.local import programs
from mailer.local.cloud.control import Control
from tests.browser import launched


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cloud")
    port, page, nowhere = programs.free_ports(3)
    program = programs.cloud(folder, port=port, smtp_port=nowhere, panel=page)
    program.start()
    with contextlib.closing(Control(f"https://localhost:{port}", folder / "ca.pem")) as control:
        yield SimpleNamespace(url=f"http://127.0.0.1:{page}", control=control, program=program)
    program.stop()


def test_a_fault_is_switched_on_shown_and_switched_off(panel):
    with launched() as browser, contextlib.closing(browser.new_page()) as page:
        page.goto(panel.url)
        page.get_by_label("What goes wrong").select_option("The app has no permission (403)")
        page.get_by_label("How often").select_option("3")
        page.get_by_label("For which mailbox").fill("shop@contoso.com")
        page.get_by_role("button", name="Switch on").click()

        expect(page.locator("#armed tr")).to_have_count(1)
        expect(page.locator("#armed tr")).to_contain_text("The app has no permission (403) (shop@contoso.com)")
        (armed,) = requests.get(f"{panel.url}/control/faults", timeout=10).json()
        assert (armed["fault"]["code"], armed["left"]) == ("ErrorAccessDenied", 3)

        page.get_by_role("button", name="Switch off").click()
        expect(page.locator("#armed tr")).to_have_count(0)
        assert requests.get(f"{panel.url}/control/faults", timeout=10).json() == []


def test_every_fault_that_it_offers_can_be_switched_on(panel):
    with launched() as browser, contextlib.closing(browser.new_page()) as page:
        page.goto(panel.url)
        offered = page.locator("#preset option")
        for number in range(offered.count()):
            page.locator("#preset").select_option(index=number)
            page.get_by_role("button", name="Switch on").click()
            expect(page.locator("#armed tr")).to_have_count(number + 1)
            expect(page.locator("#armed tr").nth(number)).to_contain_text(offered.nth(number).text_content())
        page.get_by_role("button", name="All well again").click()
        expect(page.locator("#armed tr")).to_have_count(0)


def test_the_secret_is_renewed(panel):
    before = {secret.id for secret in panel.control.client_secrets()}
    with launched() as browser, contextlib.closing(browser.new_page()) as page:
        page.goto(panel.url)
        page.get_by_role("button", name="Renew the secret").click()
        expect(page.locator("#said")).to_have_text("The vault has a new secret.")

    assert before.isdisjoint(secret.id for secret in panel.control.client_secrets())


def test_a_page_of_another_site_turns_nothing(panel):
    answer = requests.get(f"{panel.url}/control/faults", headers={"Host": "evil.example.com"}, timeout=10)

    assert answer.status_code == 400


def test_the_panel_ends_with_the_cloud(panel):
    panel.program.stop()

    assert panel.program.process.returncode in {0, -15}
    with pytest.raises(requests.ConnectionError):
        requests.get(panel.url, timeout=5)
