"""One mail as different readers see it: in light, in dark, and without its images. No I/O."""

import re

# The pages are shown in frames that must not load or run anything, whatever a template says.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src {images}"

_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)
_ASKED = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)", re.IGNORECASE)
_OFFERED = re.compile(r"((?<![\w-])color-scheme\s*:\s*)[a-z ]*\bdark\b[a-z ]*", re.IGNORECASE)
_META = re.compile(r"(<meta\s+name=[\"']color-scheme[\"']\s+content=[\"'])[^\"']*\bdark\b[^\"']*", re.IGNORECASE)


def panes(page: str) -> dict[str, str]:
    """The page for each way to look at it."""
    light = in_scheme(page, "light")
    return {
        "light": _framed(light, images="data:"),
        "dark": _framed(in_scheme(page, "dark"), images="data:"),
        "bare": _framed(light, images="'none'"),
    }


def in_scheme(page: str, scheme: str) -> str:
    """The page as with this colour scheme, whichever the browser itself has."""
    page = _ASKED.sub(lambda asked: "(min-width: 0)" if asked[1].lower() == scheme else "(max-width: -1px)", page)
    page = _OFFERED.sub(rf"\g<1>{scheme}", page)
    return _META.sub(rf"\g<1>{scheme}", page)


def _framed(page: str, *, images: str) -> str:
    """With what a frame needs at the top of the page: its policy, and links that lead nowhere."""
    policy = POLICY.format(images=images)
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}"><base target="_blank">'
    doctype = _DOCTYPE.match(page)
    start = doctype.end() if doctype else 0
    return page[:start] + head + page[start:]
