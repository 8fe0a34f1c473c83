"""CSS inlined once for all mails that differ only in their texts and links. No I/O.

Which rule is for which element depends on tags and never on the texts between them. So the CSS of a body's outline,
which has holes where those are, is inlined once, and a mail is the result with its holes filled. What a program might
read in another way than it stands has no hole, and a body that is not plainly tags and texts has no outline:

    body ── outline and fillings ── seen before ── the outline, inlined and kept ── filled
                                 └─ new, or odd ── styles.py
"""

import functools
import itertools
import re
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from mailer.request.characters import body_text, is_text
from mailer.templating.inline_images import content_ids
from mailer.templating.markup import is_tag
from mailer.templating.styles import inline_css, is_styled

LONGEST = 60_000  # characters of a body that is worth keeping
MOST_KEPT, MOST_SEEN = 32, 1_000  # outlines
_TEXT, _LINK = "\0", "\1"  # the holes; no body has such characters in the end
_HOLES = re.compile(f"[{_TEXT}{_LINK}]")
_M = f"h{secrets.token_hex(8)}-"  # no variable can guess it
_MARK = re.compile(f"{_M}([0-9]+)x")

_TAG = re.compile(r"<[a-zA-Z/][^<>]*>")
# A tag with the blanks behind it, which decide in HTML whether a text moves: most first, others, styles, comments.
_ONE = (
    r"(?:<[a-rt-zA-RT-Z/][^<>]*+>"
    r"|<(?!!--|[sS][tT][yY][lL][eE]\b)[^<>]*+>"
    r"|<[sS][tT][yY][lL][eE]\b[^<>]*+>[^<]*+</[sS][tT][yY][lL][eE]\s*+>"
    r"|<!--(?!-?>)[^-]*+(?:-(?!->)[^-]*+)*+-->)\s*+"
)
_TAGS = re.compile(f"({_ONE})", re.ASCII)  # a no-break space is no blank to HTML
_BETWEEN = re.compile(f"((?:{_ONE})++)", re.ASCII)  # what stands between texts
_ODD_REFERENCE = re.compile(r"&(?!(?:amp|lt|gt|quot|nbsp|#34|#39);)")
_ODD_IN_LINK = re.compile(r"&(?!(?:amp|#34|#39);)")
_LINKED = re.compile(r'href="(?<=\shref=")([^"]+)(?=")')  # which begins with what is quickly found
# Elements whose text is none, or belongs to a language of its own; and what makes links matter to the CSS.
_OTHER = re.compile(
    r"<(?:script|xmp|iframe|no\w+|plaintext|textarea|select|svg|math|template)\b|--!>|\[\s*href", re.IGNORECASE
)
_seen: set[int] = set()
_making = threading.Lock()  # one thread makes an outline, and the others that come with the same wait for it
_SAMPLE, _SAMPLE_LINK = "a&#39;&#34;&quot;&amp;&lt;&gt;&nbsp;\xa0'\"", "a&#39;&#34;&amp;\xa0'"


def finished(body: str) -> tuple[str, Sequence[str]]:
    """The HTML with its CSS inlined and without what is no character, and the ids of the images that it shows."""
    found = _taken_apart(body) if is_styled(body) else None
    # Of a known outline the fillings alone may have such characters.
    outline = _outline_of(found[0]) if found and is_text("".join(found[1])) else None
    if found and outline:
        return outline.filled(found[1]), outline.shown
    body = inline_css(body_text(body))
    return body, content_ids(body)


def _outline_of(key: str) -> "_Outline | None":
    """The outline if it has come before: nothing is kept for a mail that is like no other."""
    if hash(key) in _seen:
        with _making:
            return _outline(key)
    if len(_seen) >= MOST_SEEN:
        _seen.clear()
    _seen.add(hash(key))
    return None


@dataclass(frozen=True, slots=True)
class _Outline:
    """An outline with its CSS inlined: texts at even places, and at odd ones what is to fill the hole there."""

    pieces: list[str]
    order: list[int]  # the numbers of the fillings
    shown: list[str]  # the ids of images, which stand in tags

    def filled(self, fillings: list[str]) -> str:
        pieces = self.pieces.copy()
        pieces[1::2] = map(fillings.__getitem__, self.order)
        return "".join(pieces)


def _taken_apart(body: str) -> tuple[str, list[str]] | None:
    """The outline, and what fills its holes, texts before links; None for a body that has none."""
    if len(body) > LONGEST or _TEXT in body or _LINK in body:
        return None
    pieces = _BETWEEN.split(body)
    before, *texts = pieces[::2]  # before all tags blanks matter, too
    joined = "".join(texts)
    holes = [text and _TEXT for text in texts]
    if "<" in before or _is_odd(joined):
        if any(bracket in text for bracket in "<>" for text in (before, joined)):
            return None
        odd = [_is_odd(text) for text in texts]
        holes = [text if found else hole for text, found, hole in zip(texts, odd, holes, strict=True)]
        texts = ["" if found else text for text, found in zip(texts, odd, strict=True)]
    fillings = [text for text in texts if text]
    if fillings and ("&" in joined or "\xa0" in joined):
        fillings = _as_text(_TEXT.join(fillings)).split(_TEXT)
    pieces[::2] = [before, *holes]
    if ' href="' in body:
        pieces[1::2] = [_without_links(tags, fillings) if ' href="' in tags else tags for tags in pieces[1::2]]
    return "".join(pieces), fillings


def _is_odd(text: str, reference: re.Pattern[str] = _ODD_REFERENCE) -> bool:
    """Whether a program might read it in another way than it stands; each looked for by itself, which is quick."""
    return "<" in text or ">" in text or "\r" in text or ("&" in text and reference.search(text) is not None)


def _without_links(tags: str, fillings: list[str]) -> str:
    without = functools.partial(_without_link, fillings)
    if "<!" not in tags and "<?" not in tags:
        return _LINKED.sub(without, tags)
    return "".join(_LINKED.sub(without, tag) if tag[1:2] not in "!?" else tag for tag in _TAGS.split(tags))


def _without_link(fillings: list[str], link: re.Match[str]) -> str:
    if _is_odd(link[1], _ODD_IN_LINK):
        return link[0]
    fillings.append(_as_value(link[1]))
    return f'href="{_LINK}'


@functools.lru_cache(MOST_KEPT)
def _outline(key: str) -> _Outline | None:
    """The outline with its CSS inlined, unless something of it does not come out as it was put in."""
    if _OTHER.search(key) or not is_text(_HOLES.sub("", key)) or not all(map(is_tag, _TAG.findall(key))):
        return None
    numbers = itertools.count()
    marked = key
    for hole in (_TEXT, _LINK):
        marked = re.sub(hole, lambda _: f"{_M}{next(numbers)}x", marked)
    pieces = _MARK.split(inline_css(marked))
    outline = _Outline(pieces, [int(number) for number in pieces[1::2]], content_ids(inline_css(key)))
    samples = [_as_text(_SAMPLE)] * key.count(_TEXT) + [_as_value(_SAMPLE_LINK)] * key.count(_LINK)
    sample = key.replace(_TEXT, _SAMPLE).replace(_LINK, _SAMPLE_LINK)
    return outline if outline.filled(samples) == inline_css(sample) else None


def _as_text(text: str) -> str:
    """A text as HTML is written out."""
    for written, plain in (("&quot;", '"'), ("&#34;", '"'), ("&#39;", "'"), ("\xa0", "&nbsp;")):
        text = text.replace(written, plain)
    return text


def _as_value(text: str) -> str:
    """The value of an attribute as HTML is written out."""
    for written, plain in (("&#34;", "&quot;"), ("&#39;", "'"), ("\xa0", "&nbsp;")):
        text = text.replace(written, plain)
    return text
