"""Which of a template's files says what in which language. No I/O."""

import re
from collections.abc import Iterable, Iterator

TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*", re.IGNORECASE)
_PART = re.compile(rf"(?:(subject)|body)(?:\.({TAG.pattern}))?\.(?(1)txt|(?:html|txt))", re.IGNORECASE)


class Languages:
    """The files `subject` and `body` of a template, each perhaps in several languages, as in `body.fr.html`."""

    def __init__(self, files: Iterable[str]) -> None:
        self._parts: dict[tuple[str, str], tuple[str, str]] = {}  # file and tag by what it is and for which language
        for file in sorted(files):  # so that html goes before txt
            if part := _PART.fullmatch(file):
                kind, tag = part[1] or "body", part[2] or ""
                self._parts.setdefault((kind.lower(), tag.lower()), (file, tag))

    def tags(self) -> dict[str, str]:
        """The languages beside the default one as the files write them, by their small letters."""
        return {tag: written for (_, tag), (_, written) in sorted(self._parts.items()) if tag}

    def find(self, kind: str, locale: str | None) -> tuple[str, str] | None:
        """The file for this language or the nearest, and that one's tag, which is empty for the default."""
        if not locale:
            return self._parts.get((kind, ""))
        return next(filter(None, (self._parts.get((kind, tag)) for tag in chain(locale))), None)


def chain(locale: str | None) -> Iterator[str]:
    """The languages to look for, as in the names of files: fr-CA, then fr, then the default, which has no name."""
    tag = (locale or "").lower()
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]
    yield ""


def format_locale(own: str, requested: str | None) -> str:
    """The requested language as far as the text is in it: numbers in French for Canada in a French text."""
    language, spoken = (requested or "").partition("-")[0].lower(), own.partition("-")[0].lower()
    return requested if requested and language == spoken else own
