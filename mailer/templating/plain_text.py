"""The plain text of an HTML body: what a reader without HTML sees of a mail."""

import re
from html.parser import HTMLParser

BLOCKS = {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "hr", "blockquote"}
UNSEEN = {"head", "style", "script", "title"}


class TextCollector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base class's
        self._unseen += tag in UNSEEN
        if tag in BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in UNSEEN
        if tag in BLOCKS - {"br", "hr"}:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if self._unseen <= 0:
            self.pieces.append(re.sub(r"\s+", " ", data))


def plain_text(html: str) -> str:
    """What is left of HTML without its tags, block by block."""
    collector = TextCollector()
    collector.feed(html)
    collector.close()
    lines = [line.strip() for line in "".join(collector.pieces).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
