"""What tests of the console do with its page."""

import re

from playwright.sync_api import expect


def loaded(page):
    expect(page.locator("#as-of")).to_have_text(re.compile("As of|État à"))
    expect(page.locator("[aria-busy]")).to_have_count(0)
    return page


def row(page, mail):
    return page.locator("#mails tbody tr").filter(has=page.locator(f"a[href*='{mail}']"))
