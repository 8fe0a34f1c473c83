"""The CSS of a mail moved to where every mail program looks for it: into style attributes. No I/O.

css-inline finds which rule is for which element, and nothing more: it is given each rule as a property with a number,
so that it meets no declaration and loses none. What else it would change is kept from it behind marks.
"""

import functools
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailer.templating.markup import FEW, Token, TooDeep, scan, tokens

if TYPE_CHECKING:
    from css_inline import CSSInliner

    from mailer.templating.stylesheet import Sheets

_STYLE = re.compile(r"<style\b", re.IGNORECASE)
_M = f"m{secrets.token_hex(8)}"  # no variable can guess it
_KEPT = re.compile(f"<!--{_M}-([0-9]+)-->")
_DOCTYPE = re.compile(f"<!--{_M}-doctype-->(?:<!doctype[^>]*>)?", re.IGNORECASE)
_RULED = re.compile(rf" style=\"((?:-{_M}-[0-9]+: 1;? ?)+)\"")
_OWN = re.compile(rf" {_M}=\"([0-9]+)\"((?: [^\s=\">]+=\"[^\"]*\")*)")  # with what follows it in its tag
_LEFT = re.compile(rf"{{ -{_M}-([0-9]+): 1; }}\n?")
_CONDITION = re.compile(r"<!--\[if\b", re.IGNORECASE)
_STYLE_ELEMENT = re.compile(r"(<style\b[^>]*+>)([^<]*+)(</style\b)", re.IGNORECASE)
_NUMBER = re.compile(r"-([0-9]+): 1")


def inline_css(body: str) -> str:
    """The same HTML with the rules of `<style>` in style attributes; those that cannot be, such as @media, stay."""
    if not is_styled(body):
        return body
    try:
        document = _Document([*tokens(body)])
        inlined = document.restored(_inliner().inline(document.marked(body)))
    except (
        TooDeep,
        ValueError,
    ):  # css-inline gives up, or would end the process: the mail goes with its CSS where it was
        return body
    return body if _M in inlined else inlined  # the same where a mark stood in what css-inline does not read


def is_styled(body: str) -> bool:
    """Whether there is a `<style>` at all."""
    return _STYLE.search(body) is not None


@functools.cache
def _inliner() -> "CSSInliner":
    from css_inline import CSSInliner  # noqa: PLC0415 - a text or a bare HTML does without

    return CSSInliner(remove_inlined_selectors=True, load_remote_stylesheets=False, keep_link_tags=True)


@dataclass
class _Document:
    """What stands behind the marks of one document."""

    tokens: list[Token]
    _own: list[str] = field(default_factory=list)  # the values of style attributes
    _doctype: str = ""

    def marked(self, body: str) -> str:
        """The HTML for css-inline."""
        pieces: list[str] = []
        sheet = end = 0
        for number, token in enumerate(self.tokens):
            pieces.append(body[end : token.start])
            end = token.end
            if token.kind == "doctype":
                pieces.append("" if self._doctype else f"<!--{_M}-doctype-->{token.text}")
                self._doctype = self._doctype or token.text
            elif token.kind == "tag":
                pieces.append(self._without_style(token))
            elif token.kind == "style" and not token.stays:
                pieces += [token.opening, self._numbered(sheet), token.closing]
            else:
                pieces.append(f"<!--{_M}-{number}-->")
            sheet += token.kind == "style"
        return "".join([*pieces, body[end:]])

    def restored(self, body: str) -> str:
        """The HTML that css-inline made of it, with what stands behind the marks."""
        used: set[int] = set()

        @functools.cache
        def attribute(rules: str, own: str = "") -> str:
            numbers = tuple(map(int, _NUMBER.findall(rules)))
            used.update(numbers)
            return f' style="{self._sheets.attribute(numbers, own)}"'

        def own(match: re.Match[str]) -> str:
            ruled = _RULED.search(match[2])
            return _RULED.sub("", match[2]) + attribute(ruled[1] if ruled else "", self._own[int(match[1])])

        if self._own:
            body = _OWN.sub(own, body)
        body = _RULED.sub(lambda match: attribute(match[1]), body)
        winning = self._sheets.winning(frozenset(used))

        def left(match: re.Match[str]) -> str:
            number = int(match[1])
            text = self._sheets.left(number, winning)
            return f"{{ {text} }}\n" if self._sheets.rules[number].selector else f"\0{text}"

        def kept(match: re.Match[str]) -> str:
            token = self.tokens[int(match[1])]
            return self._behind(token, winning) if token.kind == "style" and not token.is_ignored else token.text

        body = _LEFT.sub(left, body).replace(f"{_M} \0", "")
        body = _in_conditions(_KEPT.sub(kept, body), winning) if winning else _KEPT.sub(kept, body)
        return _DOCTYPE.sub(lambda _: self._doctype, body, count=1) if self._doctype else body

    @functools.cached_property
    def _sheets(self) -> "Sheets":
        from mailer.templating.stylesheet import sheets  # noqa: PLC0415 - its tinycss2

        return sheets([token.content for token in self.tokens if token.kind == "style"])

    def _numbered(self, sheet: int) -> str:
        numbers = range(*self._sheets.starts[sheet : sheet + 2])
        return "\n".join(f"{self._sheets.rules[number].selector or _M}{{-{_M}-{number}:1}}" for number in numbers)

    def _behind(self, token: Token, winning: frozenset[str]) -> str:
        sheet = sum(one.kind == "style" and one.start < token.start for one in self.tokens)
        from mailer.templating.stylesheet import raised  # noqa: PLC0415 - its tinycss2

        rules = self._sheets.rules[slice(*self._sheets.starts[sheet : sheet + 2])]
        return f"{token.opening}{raised(rules, winning)}{token.closing}"

    def _without_style(self, token: Token) -> str:
        self._own.append(token.style)
        mark, end, pieces = f'{_M}="{len(self._own) - 1}"', 0, []
        for start, after in token.spans:  # of which a browser takes the first
            pieces += [token.text[end:start], mark]
            mark, end = "", after
        return "".join([*pieces, token.text[end:]])


def _in_conditions(body: str, winning: frozenset[str]) -> str:
    """The HTML with the styles in Outlook's conditional comments raised too."""
    if not _CONDITION.search(body):
        return body
    from mailer.templating.stylesheet import raised, sheets  # noqa: PLC0415 - its tinycss2

    def with_raised(style: re.Match[str]) -> str:
        rules = sheets([style[2]]).rules
        text = raised(rules, winning)
        return style[0] if text == raised(rules, ()) else f"{style[1]}{text}{style[3]}"

    pieces, end = [], 0
    for start, after, _ in scan(body, FEW):
        if _CONDITION.match(body, start):
            pieces += [body[end:start], _STYLE_ELEMENT.sub(with_raised, body[start:after])]
            end = after
    return "".join([*pieces, body[end:]])
