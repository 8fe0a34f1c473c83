"""What of HTML is no plain text to a program that reads it: found in one pass, as browsers find it. No I/O.

https://html.spec.whatwg.org/multipage/parsing.html#tokenization. Each character is looked at a bounded number of times,
whatever the text: quantifiers are possessive, and what is not closed ends the search.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

DEEPEST = 400  # elements within one another; programs that read HTML by recursion have room for a thousand

_ATTRIBUTE = r"""([^\s/>=][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"'][^\s>]*+)?))?"""
_TAG = re.compile(rf"<(/?)([a-zA-Z][^\s/>]*+)((?:[\s/=\"']|{_ATTRIBUTE})*+)>")
_OF_TAG = re.compile(_ATTRIBUTE)
_OPENING = re.compile(r"<[a-zA-Z/!?]")
FEW = re.compile(r"<(?:[!?]|(?i:style|script|textarea|title|xmp)(?=[\s/>]))")
_COMMENT_END = re.compile("--!?>")
_LONG_REFERENCE = re.compile(r"&#[0-9]{8,}+;?")
_STYLE_ATTRIBUTE = re.compile(r"style\s*=")
_RAW = {
    name: re.compile(f"</{name}(?=[\\s/>])", re.IGNORECASE) for name in ("style", "script", "textarea", "title", "xmp")
}
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
    small = body.lower()
    few = body.count("<") <= DEEPEST and "<svg" not in small and not _STYLE_ATTRIBUTE.search(small)
    depth = _Depth()
    for start, end, tag in scan(body, FEW if few else _OPENING):
        if tag is None:
            if body[start + 1] in "!?" and not body.startswith("<!--", start):
                kind = "doctype" if body[start : start + 9].lower() == "<!doctype" else "bogus"
                yield Token(kind, start, body[start:end])
            continue
        name = tag[2].lower()
        depth.pass_by(name, closing=bool(tag[1]))
        if tag[1]:
            continue
        if name == "style":
            yield _style(tag, body[tag.end() : end], body[end : _end_of_tag(body, end)], drawn=depth.within("svg"))
        elif "style" in tag[3].lower():
            yield from _styled(tag)


def pieces(body: str) -> Iterator[tuple[str, str]]:
    """Texts as a reader sees them, each as ("", text), and the names of tags between, as ("p", "") or ("/p", "")."""
    said = 0
    for start, end, tag in scan(body):
        yield "", _unescape(body[said:start])
        said = end
        if tag:
            yield f"{tag[1]}{tag[2].lower()}", ""
            yield "", _unescape(body[tag.end() : end])  # of an element whose content is but text
    yield "", _unescape(body[said:])


def body_start(body: str) -> int:
    """Where the content of `<body>` begins; 0 where there is no such tag."""
    return next((tag.end() for _, _, tag in scan(body) if tag and not tag[1] and tag[2].lower() == "body"), 0)


def scan(body: str, opening: re.Pattern[str] = _OPENING) -> Iterator[tuple[int, int, re.Match[str] | None]]:
    """Each comment and each tag, from where to where; an opening tag whose element holds but text, with that text."""
    at = 0
    while (found := opening.search(body, at)) is not None:
        start = found.start()
        tag = None
        if body.startswith("<!--", start):
            at = _end_of_comment(body, start)
        elif tag := _TAG.match(body, start):
            at = tag.end()
            if not tag[1] and (end_tag := _RAW.get(tag[2].lower())):
                closing = end_tag.search(body, at)
                at = closing.start() if closing else len(body)
        elif body[start + 1] in "!?/":
            at = _end_of_tag(body, start)
        else:
            return  # not closed, and so no tag
        yield start, at, tag


def is_tag(text: str) -> bool:
    """Whether a text is one tag, quotes and all."""
    return _TAG.fullmatch(text) is not None


def attributes(text: str) -> Iterator[tuple[str, str]]:
    """The attributes in a tag, names in small letters and values as they are written."""
    for one in _OF_TAG.finditer(text):
        yield one[1].lower(), next((value for value in one.groups()[1:] if value is not None), "")


class _Depth:
    """How many elements stand within one another, at least those that may nest without end."""

    def __init__(self) -> None:
        self._now: Counter[str] = Counter()
        self._sum = 0

    def within(self, name: str) -> bool:
        """Whether an element of this name is open."""
        return self._now[name] > 0

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
    end = _COMMENT_END.search(body, start + 4)
    return end.end() if end else len(body)


def _end_of_tag(body: str, start: int) -> int:
    return (body.find(">", start) + 1) or len(body)


def _unescape(text: str) -> str:
    # Python reads no number of thousands of digits, and no character has one.
    return html.unescape(_LONG_REFERENCE.sub("\N{REPLACEMENT CHARACTER}", text)) if "&" in text else text


def _style(tag: re.Match[str], content: str, closing: str, *, drawn: bool) -> Token:
    """`drawn`: in a drawing, whose own it is."""
    given = dict(reversed([*attributes(tag[3])]))
    is_ignored = (
        drawn
        or given.get("type", "").strip().lower() not in {"", "text/css"}
        or "ignore" in {given.get("data-css-inline"), given.get("data-premailer")}
        or "data-embed" in given
    )
    stays = is_ignored or given.get("media", "").strip().lower() not in {"", "all"}
    return Token("style", tag.start(), tag[0] + content + closing, tag[0], content, closing, stays, is_ignored)


def _styled(tag: re.Match[str]) -> Iterator[Token]:
    offset = tag.start(3) - tag.start()
    found = [one for one in _OF_TAG.finditer(tag[3]) if one[1].lower() == "style"]
    if found:
        value = next((text for text in found[0].groups()[1:] if text is not None), "").replace('"', "&quot;")
        spans = tuple((offset + one.start(), offset + one.end()) for one in found)
        yield Token("tag", tag.start(), tag[0], style=value, spans=spans)
