"""In a browser, a mail whose CSS has moved into attributes looks as the one that was written."""

import random
import shutil

import pytest
from playwright.sync_api import sync_playwright

from mailer.templating.styles import inline_css

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SELECTORS = [
    "p",
    ".a",
    ".b",
    "#i",
    "p.a",
    "div p",
    "div > .b",
    ".a.b",
    "p:first-child",
    "[title]",
    "p:not(.a)",
    ".a, .b",
    "span",
]
DECLARATIONS = [
    "color:red",
    "color:rgb(1,2,3)",
    "color:hsl(10 20% 30%)",
    "color:nonsense",
    "colour:red",
    "background:#123",
]
DECLARATIONS += [
    "background:linear-gradient(red,blue)",
    "background-color:#abc",
    "padding:1px",
    "padding-left:9px",
    "margin:0",
]
DECLARATIONS += [
    "margin-top:5px",
    "font:12px/2 serif",
    "font-size:20px",
    "line-height:3",
    "border:1px solid red",
    "border-width:4px",
]
DECLARATIONS += [
    "border-left-color:blue",
    "display:block",
    "display:flex",
    "width:10px;width:calc(50% - 1px)",
    "text-align:right",
]
LOOKS = """() => [...document.body.querySelectorAll('*')].map(element => {
  const look = getComputedStyle(element)
  return [element.tagName, look.color, look.backgroundColor, look.backgroundImage, look.padding, look.margin,
    look.fontSize, look.lineHeight, look.fontFamily, look.border, look.display, look.width, look.textAlign].join('|')
})"""


@pytest.fixture(scope="module")
def looks():
    """How each element of a mail looks."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium or google-chrome on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()

        def look(body):
            page.set_content(body)
            return page.evaluate(LOOKS)

        yield look
        browser.close()


def a_mail(chance):
    def declarations(most):
        chosen = (
            chance.choice(DECLARATIONS) + " !important" * (chance.random() < 0.15)
            for _ in range(chance.randint(1, most))
        )
        return ";".join(chosen)

    def sheet(most):
        return "".join(f"{chance.choice(SELECTORS)}{{{declarations(4)}}}" for _ in range(chance.randint(0, most)))

    def element(name, content):
        identity = chance.choice(["", " class=a", " class='b'", ' class="a b"', " id=i", " title=x"])
        style = chance.choice(["", f' style="{declarations(3)}"', f" style='{declarations(2)}'"])
        return f"<{name}{identity}{style}>{content}</{name}>"

    body = "".join(
        element(chance.choice(["p", "div", "span"]), element(chance.choice(["p", "span"]), "x")) for _ in range(4)
    )
    printed = "<style media=print>p{color:green!important}</style>"
    head = f"<style>{sheet(8)}</style><style>{sheet(3)}</style>{printed}"
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>"


@pytest.mark.parametrize("seed", range(60))
def test_a_mail_looks_as_it_was_written(looks, seed):
    body = a_mail(random.Random(seed))

    inlined = inline_css(body)
    assert looks(inlined) == looks(body)
    assert inlined.count("<style") <= body.count("<style")
