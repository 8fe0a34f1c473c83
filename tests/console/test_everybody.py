"""The console can be used by everybody: axe-core finds no barrier, and no control is too small."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.console.given import loaded
from tests.npm import installed

pytestmark = pytest.mark.timeout(240)  # the first run installs axe-core
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("language", "width"), [("en-GB", 1600), ("fr-FR", 320)])
def test_axe_finds_no_barrier(opened, mails, scheme, language, width):
    """https://github.com/dequelabs/axe-core; its script has to be let in, which the page's own policy would not."""
    axe = (installed(Path(__file__).parents[1] / "axe") / "axe-core/axe.min.js").read_text()
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
