"""The plain text of an HTML body: what a reader without HTML sees of a mail. No I/O."""

import re

from mailer.templating.markup import pieces

BLOCKS = {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "hr", "blockquote"}
UNSEEN = {"head", "style", "script", "title"}
_SPACE = re.compile(r"\s+")
_SPACES = re.compile(" {2,}")


def plain_text(html: str) -> str:
    """What is left of HTML without its tags, block by block."""
    seen: list[str] = []
    unseen = 0
    for tag, text in pieces(html):
        name = tag.removeprefix("/")
        if name in UNSEEN:
            unseen += -1 if tag.startswith("/") else 1
        if name in BLOCKS and tag not in {"/br", "/hr"}:
            seen.append("\n")
        elif text and unseen <= 0:
            seen.append(_SPACE.sub(" ", text))
    lines = [line.strip() for line in _SPACES.sub(" ", "".join(seen)).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def without_tags(html: str) -> str:
    """The text of HTML in one line, without its tags and comments."""
    return " ".join("".join(text for _, text in pieces(html)).split())
