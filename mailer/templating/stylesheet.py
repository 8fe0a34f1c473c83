"""The texts of a mail's `<style>` elements, rule by rule: what moves into attributes, and what stays behind. No I/O."""

import functools
import html
import re
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import tinycss2  # type: ignore[import-untyped]  # it has no types

# At-rules with rules of their own in them; those of all others, such as @font-face, are no matter of the cascade.
_NESTING = {"media", "supports", "layer", "container", "document", "-moz-document", "scope"}
# Values that every program knows, so that what stood before them is needless; all else may be a typing error, or newer.
_KNOWN = (
    r"(?:#(?:[0-9a-f]{3}|[0-9a-f]{6})|[+-]?(?:\d+|\d*\.\d+)(?:px|pt|em|%)?|url\([^()]*\)|none|normal|bold|italic|inherit|auto"
    r"|left|right|center|top|bottom|middle|baseline|justify|block|inline|inline-block|table|table-cell|hidden|visible"
    r"|collapse|separate|solid|dashed|dotted|underline|uppercase|lowercase|capitalize|nowrap|fixed|repeat|no-repeat"
    r"|repeat-x|repeat-y|break-word|break-all|border-box|transparent|black|white|red|green|blue|gray|silver|pointer)"
)
_PLAIN = re.compile(rf"{_KNOWN}(?:\s*[\s,/]\s*{_KNOWN})*+", re.IGNORECASE)
# A declaration of an element's own attribute.
_OWN = re.compile(r"(?:^|;)\s*+([a-z-]++)\s*+:([^;:()\"'&\\/!*]++)(?=;|$)", re.IGNORECASE)
# Selectors that look at one element alone: where they match none now, no mail program makes them match later.
_ALONE = re.compile(r"[\w.#-]+(?:\s*,\s*[\w.#-]+)*")
LONGEST_KEPT = 200_000  # characters of CSS; what is longer is read anew for each mail
MOST_KEPT = 4_000  # texts made of the rules of one mail

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Declaration:
    """One property of a rule with its value, as it is written."""

    name: str  # in small letters
    family: str  # the properties that set one another: a shorthand and what it stands for
    text: str
    important: bool
    plain: bool  # known to every program


@dataclass(frozen=True, slots=True)
class Rule:
    """A selector with its declarations, several of which may be of one property: fallbacks for older programs.

    Without a selector it is an `@media` or its like, with text between the declarations.
    """

    selector: str
    parts: tuple[str | Declaration, ...]

    @property
    def declarations(self) -> Iterator[Declaration]:
        return (part for part in self.parts if isinstance(part, Declaration))

    def left(self, winning: Container[str]) -> str:
        """What stays behind of it; it wins over attributes where a family of properties is among those in them."""
        between = " " if self.selector else ""
        return between.join(
            part if isinstance(part, str) else f"{part.text}{_important(part, winning)};" for part in self.parts
        )


def _important(declaration: Declaration, winning: Container[str]) -> str:
    return " !important" if declaration.important or declaration.family in winning else ""


@dataclass(frozen=True, slots=True, eq=False)
class Sheets:
    """All rules of one mail by their numbers, and what has been made of them so far."""

    rules: tuple[Rule, ...]
    starts: tuple[int, ...]  # the number of the first rule of each text, and the number of all
    _made: dict[Any, Any] = field(default_factory=dict)

    def attribute(self, numbers: tuple[int, ...], own: str) -> str:
        """The value of a style attribute: what the rules say, the most specific one last, then what was there."""
        if not own:
            return self._once(numbers, lambda: _text(self._merged(numbers, ())))
        names = {name.lower() for name, value in _OWN.findall(own) if _PLAIN.fullmatch(value.strip())}
        return _text(self._merged(numbers, names)) + own

    def winning(self, numbers: frozenset[int]) -> frozenset[str]:
        """The families of properties that these rules have brought into attributes."""
        return self._once(
            numbers, lambda: frozenset(one.family for number in numbers for one in self.rules[number].declarations)
        )

    def left(self, number: int, winning: frozenset[str]) -> str:
        """What stays behind of a rule because no element is its own."""
        rule = self.rules[number]
        return self._once((number, winning), lambda: rule.left(() if _ALONE.fullmatch(rule.selector) else winning))

    def _once(self, key: Hashable, make: Callable[[], T]) -> T:
        made: T | None = self._made.get(key)  # other threads may clear it meanwhile
        if made is None:
            if len(self._made) >= MOST_KEPT:
                self._made.clear()
            made = self._made[key] = make()
        return made

    def _merged(self, numbers: Iterable[int], without: Container[str]) -> Iterator[Declaration]:
        """The declarations of several rules without those that later ones replace wherever they are read."""
        merged: list[Declaration | None] = []
        places: dict[str, list[int]] = {}
        for number in numbers:
            seen: set[str] = set()
            for one in self.rules[number].declarations:
                if one.plain and one.name not in seen:
                    for place in places.pop(one.name, []):
                        if (earlier := merged[place]) and earlier.important and not one.important:
                            places.setdefault(one.name, []).append(place)
                        else:
                            merged[place] = None
                seen.add(one.name)
                places.setdefault(one.name, []).append(len(merged))
                merged.append(one)
        return (one for one in merged if one and (one.important or one.name not in without))


def raised(rules: Iterable[Rule], winning: Container[str]) -> str:
    """A whole text that stays behind."""
    return "".join(
        f"{rule.selector} {{ {rule.left(winning)} }}\n" if rule.selector else rule.left(winning) for rule in rules
    )


def sheets(texts: Sequence[str]) -> Sheets:
    """The rules of these texts. What cannot be read costs the declaration or the rule, as in a browser."""
    return (_read if sum(map(len, texts)) <= LONGEST_KEPT else _read.__wrapped__)(tuple(texts))


@functools.lru_cache(32)
def _read(texts: tuple[str, ...]) -> Sheets:
    rules: list[Rule] = []
    starts = [0]
    for text in texts:
        rules += _rules(tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True))
        starts.append(len(rules))
    return Sheets(tuple(rules), tuple(starts))


def _text(declarations: Iterable[Declaration]) -> str:
    """As an attribute has them: what is `!important` last, and twice, for Outlook on Windows ignores it so marked.

    https://www.campaignmonitor.com/blog/email-marketing/2010/05/outlook-2007-and-the-inline-important-declaration/
    """
    ordered = sorted(declarations, key=lambda one: one.important)
    texts = ((_quoted(one.text), one.important) for one in ordered)
    return "".join(f"{text};{text} !important;" if important else f"{text};" for text, important in texts)


def _quoted(text: str) -> str:
    """As an attribute in double quotes has it; some programs read no `&quot;` there."""
    return html.escape(text if "'" in text else text.replace('"', "'"), quote=False).replace('"', "&quot;")


def _rules(nodes: Iterable[Any]) -> Iterator[Rule]:
    for node in nodes:
        if node.type == "qualified-rule":
            selector = tinycss2.serialize(node.prelude).strip()
            parts = _contents(node)
            if declarations := tuple(_declarations(parts)):
                yield Rule(selector, declarations)
            nested = [part for part in parts if part.type in {"qualified-rule", "at-rule"}]
            if nested:  # which few programs know
                yield Rule("", (f"{selector} {{", *_pieces(nested), "}\n"))
        elif node.type == "at-rule":
            yield Rule("", (*_pieces([node]), "\n"))


def _pieces(nodes: Iterable[Any]) -> Iterator[str | Declaration]:
    for node in nodes:
        if node.type == "at-rule" and (node.content is None or node.lower_at_keyword not in _NESTING):
            yield node.serialize()
        elif node.type in {"at-rule", "qualified-rule"}:
            name = f"@{node.at_keyword}" if node.type == "at-rule" else ""
            yield f"{name}{tinycss2.serialize(node.prelude).rstrip()} {{"
            yield from _pieces(_contents(node))
            yield "}"
        elif node.type == "declaration":
            yield from _declarations([node])
        elif node.type == "whitespace":
            yield node.value


def _contents(node: Any) -> list[Any]:  # noqa: ANN401 - tinycss2 has no types
    contents: list[Any] = tinycss2.parse_blocks_contents(node.content, skip_comments=True)
    return contents


def _declarations(nodes: Iterable[Any]) -> Iterator[Declaration]:
    for node in nodes:
        if node.type == "declaration":
            value = tinycss2.serialize(node.value).strip()
            name = node.lower_name
            plain = name == "font-family" or _PLAIN.fullmatch(value) is not None
            yield Declaration(name, _family(name), f"{node.name}: {value}", node.important, plain)


def _family(name: str) -> str:
    if name.startswith("--"):
        return name
    first = (name[1:].partition("-")[2] if name.startswith("-") else name).partition("-")[0]  # without -webkit-
    return "font" if first == "line" else first
