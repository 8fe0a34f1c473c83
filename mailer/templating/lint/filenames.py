"""What the name of a file in a template's folder says it is, and which names say nothing or leave a gap. No I/O."""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from mailer.errors import meant
from mailer.templating.images import TYPES, is_image

_TAG = r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*"
_PART = re.compile(rf"(subject|body|sample)(?:\.({_TAG}))?\.(txt|html|json)", re.IGNORECASE)
_SUFFIXES = {"subject": ("txt",), "body": ("html", "txt"), "sample": ("json",)}
_MEANT = ["subject.txt", "body.html", "body.txt", "sample.json", "schema.json", "template.json"]


class Part(NamedTuple):
    """A file that belongs to the mail in one language; without a tag it is the default one."""

    file: str
    kind: str
    tag: str
    suffix: str

    @property
    def language(self) -> str:
        return self.tag.partition("-")[0]


def parts(files: Iterable[str]) -> list[Part]:
    """The files of a template that are for one language each."""
    found = [(file, _PART.fullmatch(file)) for file in sorted(files)]
    named = [Part(file, name[1].lower(), (name[2] or "").lower(), name[3].lower()) for file, name in found if name]
    return [one for one in named if one.suffix in _SUFFIXES[one.kind]]


def part_for(tag: str, kind: str, known: Iterable[Part]) -> Part | None:
    """The file for a language, else for a wider one, else the default one; html goes before txt."""
    by_tag = {one.tag: one for one in sorted(known, key=lambda one: one.suffix, reverse=True) if one.kind == kind}
    while tag and tag not in by_tag:
        tag = tag.rpartition("-")[0]
    return by_tag.get(tag)


def name_faults(files: Collection[str], *, used: Collection[str], all_used: bool) -> Iterator[tuple[str, str]]:
    """Each file that is missing, of no use or of no meaning, and what to do.

    `used` are those that other files include, `all_used` whether these are all.
    """
    known = parts(files)
    yield from _missing(known)
    yield from _gaps(known)
    for file in sorted({*files} - {*used} - {one.file for one in known}):
        close = meant(file.lower(), _MEANT)
        if file.lower() in _MEANT or is_image(file):
            continue
        if close:
            yield file, f"means nothing: did you mean {close}?"
        elif all_used:
            images = ", ".join(suffix.removeprefix(".") for suffix in TYPES)
            yield file, f"means nothing, and no file includes it: delete it, or rename it (an image is {images})"
    html = {one.tag for one in known if one.kind == "body" and one.suffix == "html"}
    for one in known:
        if one.kind == "body" and one.suffix == "txt" and one.tag in html and one.file not in used:
            yield one.file, "is never used, since the body in HTML goes before it: delete it"


def _missing(known: Collection[Part]) -> Iterator[tuple[str, str]]:
    given = {one.kind for one in known if not one.tag}
    for kind, file, what in (
        ("subject", "subject.txt", "write the subject"),
        ("body", "body.html", "write the body, in HTML or as body.txt"),
        ("sample", "sample.json", "write variables to show and try the template with"),
    ):
        if kind not in given:
            yield file, f"is missing: {what}"


def _gaps(known: Collection[Part]) -> Iterator[tuple[str, str]]:
    """What a language lacks, so that half of its mail would be in another one."""
    others = [one for one in known if one.tag]
    expected = {"subject": "txt", "body": _suffix(known)} | {
        one.kind: one.suffix for one in others if one.kind == "sample"
    }
    for tag, language in sorted({(one.tag, one.language) for one in others}):
        for kind, suffix in expected.items():
            found = part_for(tag, kind, known)
            if not found or not found.tag or (found.language, found.suffix) != (language, suffix):
                file = f"{kind}.{language}.{suffix}"
                yield file, "is missing, although there are other files in this language: write it, or delete those"


def _suffix(known: Collection[Part]) -> str:
    """How the bodies are written: as the default one is."""
    body = part_for("", "body", known)
    return body.suffix if body else "html"
