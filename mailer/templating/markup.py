"""What of HTML is no plain text to a program that reads it: found in one pass, as browsers find it. No I/O.

https://html.spec.whatwg.org/multipage/parsing.html#tokenization. Each character is looked at a bounded number of times,
whatever the text: quantifiers are possessive, and what is not closed ends the search.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

DEEPEST = 400  # elements within one another; programs that read HTML by recursion have room for a thousand

_ATTRIBUTE = r"""([^\s/>=][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"'][^\s>]*+)?))?"""
_TAG = re.compile(rf"<(/?)([a-zA-Z][^\s/>]*+)((?:[\s/=\"']|{_ATTRIBUTE})*+)>")
_OF_TAG = re.compile(_ATTRIBUTE)
_OPENING = re.compile(r"<[a-zA-Z/!?]")
_OPENING_OF_FEW = re.compile(r"<(?:[!?]|(?i:style|script|textarea|title|xmp)(?=[\s/>]))")
_STYLE_ATTRIBUTE = re.compile(r"style\s*=")
_RAW = {name: re.compile(f"</{name}(?=[\\s/>])", re.IGNORECASE) for name in ("style", "script", "textarea", "title", "xmp")}
# Elements that hold nothing, or that the next of their kind closes.
_FLAT = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"),
    *("p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "option", "html", "head", "body"),
}


@dataclass(frozen=True, slots=True)
class Token:
    """A stretch of HTML that is not to be read as it stands.

    `kind` is doctype; bogus, such as `<![if mso]>`; style, a whole element; tag, a tag with a style attribute.
    """

    kind: str
    start: int
    text: str
    opening: str = ""
    content: str = ""
    closing: str = ""
    stays: bool = False  # for this medium only, or not to be touched
    is_ignored: bool = False  # not to be touched at all
    style: str = ""  # the attribute's value, as in double quotes
    spans: tuple[tuple[int, int], ...] = ()  # where in the text it stands, perhaps more than once

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class TooDeep(Exception):
    """More elements stand within one another than a program can be given."""


def tokens(body: str) -> Iterator[Token]:
    """All such stretches, in order. Raises TooDeep."""
    few = body.count("<") <= DEEPEST and not _STYLE_ATTRIBUTE.search(body.lower())
    opening = _OPENING_OF_FEW if few else _OPENING
    depth, at = _Depth(), 0
    while (found := opening.search(body, at)) is not None:
        start = found.start()
        tag = None
        if body.startswith("<!--", start):
            at = _end_of_comment(body, start)
        elif body[start + 1] in "!?":
            at = (body.find(">", start) + 1) or len(body)
            kind = "doctype" if body[start : start + 9].lower() == "<!doctype" else "bogus"
            yield Token(kind, start, body[start:at])
        elif tag := _TAG.match(body, start):
            at = tag.end()
            name = tag[2].lower()
            depth.pass_by(name, closing=bool(tag[1]))
            if not tag[1] and name in _RAW:
                closing = _RAW[name].search(body, at)
                ends = closing.start() if closing else len(body)
                content, at = body[at:ends], _end_of_tag(body, ends)
                if name == "style":
                    yield _style(tag, content, body[ends:at])
            elif not tag[1] and "style" in tag[3].lower():
                yield from _styled(tag)
        elif body[start + 1] == "/":  # a comment to a browser
            at = _end_of_tag(body, start)
        else:
            return  # not closed: the rest is nothing


class _Depth:
    """How many elements stand within one another, at least those that may nest without end."""

    def __init__(self) -> None:
        self._now: Counter[str] = Counter()
        self._sum = 0

    def pass_by(self, name: str, *, closing: bool) -> None:
        if name in _FLAT or (closing and not self._now[name]):
            return
        step = -1 if closing else 1
        self._now[name] += step
        self._sum += step
        if self._sum > DEEPEST:
            raise TooDeep


def _end_of_comment(body: str, start: int) -> int:
    if body.startswith(("<!-->", "<!--->"), start):
        return body.index(">", start) + 1
    return (body.find("-->", start + 4) + 3) if body.find("-->", start + 4) >= 0 else len(body)


def _end_of_tag(body: str, start: int) -> int:
    return (body.find(">", start) + 1) or len(body)


def _style(tag: re.Match[str], content: str, closing: str) -> Token:
    attributes = {one[1].lower(): one[2] or one[3] or one[4] or "" for one in reversed([*_OF_TAG.finditer(tag[3])])}
    is_ignored = (
        attributes.get("type", "").strip().lower() not in {"", "text/css"}
        or "ignore" in {attributes.get("data-css-inline"), attributes.get("data-premailer")}
        or "data-embed" in attributes
    )
    stays = is_ignored or attributes.get("media", "").strip().lower() not in {"", "all"}
    return Token("style", tag.start(), tag[0] + content + closing, tag[0], content, closing, stays, is_ignored)


def _styled(tag: re.Match[str]) -> Iterator[Token]:
    offset = tag.start(3) - tag.start()
    found = [one for one in _OF_TAG.finditer(tag[3]) if one[1].lower() == "style"]
    if found:
        value = next((text for text in found[0].groups()[1:] if text is not None), "").replace('"', "&quot;")
        spans = tuple((offset + one.start(), offset + one.end()) for one in found)
        yield Token("tag", tag.start(), tag[0], style=value, spans=spans)
