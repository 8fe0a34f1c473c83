"""One template in one version: what it says for variables and a language, and all that is wrong with them. No I/O.

Its files are `subject.txt` and `body.html`, or `body.txt` for a mail in plain text; each may stand in other languages
beside it, as `body.fr.html`. `sample.json`, `schema.json`, `template.json` and images are optional.
"""

import functools
import json
import re
import traceback
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jinja2

from mailer.errors import InvalidRequest, Problem
from mailer.images import content_ids, image, is_image
from mailer.lifecycle import OnUncertain
from mailer.mail import Content, File, TemplateUse
from mailer.page import Page, rendering
from mailer.sandbox import environment
from mailer.styles import inline_css
from mailer.variables import MISSING, noting_faults

if TYPE_CHECKING:
    from mailer.schema import Schema

MAX_BODY = 3_900_000  # bytes: Graph takes requests up to 4 MB

_TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*", re.IGNORECASE)
_PART = re.compile(rf"(?:(subject)|body)(?:\.({_TAG.pattern}))?\.(?(1)txt|(?:html|txt))", re.IGNORECASE)
# No text has these: controls, and halves of a character. In a subject nor do the marks that turn the order of letters,
# which can make one address look like another; https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_IN_SUBJECT = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Template:
    """One version of a template; thread-safe. Every call may raise InvalidRequest."""

    def __init__(self, name: str, files: Mapping[str, bytes], shared: Mapping[str, bytes]) -> None:
        self.name = name
        self.files = files
        self.shared = shared
        self._parts: dict[tuple[str, str], str] = {}  # file names by what they are and for which language
        for file in sorted(files):  # so that html goes before txt
            if part := _PART.fullmatch(file):
                self._parts.setdefault(("subject" if part[1] else "body", (part[2] or "").lower()), file)

    def environment(self, *, html: bool = True) -> jinja2.Environment:
        """What its files are compiled in."""
        return self._html if html else self._text

    def locales(self) -> list[str]:
        """The languages that it has, the default one first."""
        tags = {tag: self._tag(file) for (_, tag), file in sorted(self._parts.items()) if tag}
        return list({self._default.lower(): self._default, **tags}.values())

    def on_uncertain(self) -> OnUncertain | None:
        """What its own `template.json` says about a mail in doubt."""
        chosen = self._options.get("on_uncertain")
        return None if chosen is None else OnUncertain(chosen)

    def sample(self, locale: str | None = None) -> dict[str, Any]:
        """The variables to show it with; none where it has no `sample.json`."""
        for tag in _chain(locale):
            if content := self._json(f"sample.{tag}.json" if tag else "sample.json"):
                return content
        return {}

    def schema(self) -> dict[str, Any] | None:
        """The JSON Schema of its variables, if it has one."""
        return self._json("schema.json")

    def content_ids(self) -> list[str]:
        """Those of the attachments that it says its callers send along."""
        return list(self._options["content_ids"])

    def fault(self) -> str | None:
        """What is wrong with this version, tried in each of its languages with the sample for it."""
        try:
            for locale in self.locales():
                sample = self.sample(locale)
                self.content(TemplateUse(id=self.name, variables=sample, locale=locale), known=self.content_ids())
        except InvalidRequest as invalid:
            return str(invalid)
        return None

    def content(self, use: TemplateUse, *, known: Collection[str] = ()) -> Content:
        """What the mail says; `known` are the content ids of the caller's own attachments."""
        subject_file, body_file = self._part("subject", use.locale), self._part("body", use.locale)
        is_html = body_file.endswith(".html")
        # One pass over both files, so that all that is wrong is named at once.
        failures: list[Problem] = []
        with noting_faults(use.variables) as findings:
            variables = {"locale": self._tag(body_file), **findings.variables}

            def text(file: str, compiled: jinja2.Environment) -> tuple[str, Page]:
                page = Page(locale=self._format_locale(file, use.locale))
                try:
                    with rendering(page):
                        return compiled.get_template(f"{self.name}/{file}").render(variables), page
                except Exception as error:  # noqa: BLE001 - whatever its author does with the caller's variables
                    failures.append(self._failure(file, error))
                    return "", page

            subject, _ = text(subject_file, self._text)
            body, page = text(body_file, self._html if is_html else self._text)
        # What is wrong with the variables explains why rendering failed.
        if problems := list(self._wrong_variables(use, findings.faults)) or failures:
            raise InvalidRequest(problems)
        return self._mail(subject, body, page, is_html=is_html, known=known)

    def _mail(self, subject: str, body: str, page: Page, *, is_html: bool, known: Collection[str]) -> Content:
        subject = " ".join(_IN_SUBJECT.sub(lambda found: " " if found[0].isspace() else "", subject).split())
        body = _CONTROLS.sub("", body)
        images: tuple[File, ...] = ()
        if is_html:
            body = inline_css(body)
            images = tuple(self._images(body, page.charts, known))
        if len(body.encode()) > MAX_BODY:
            message = (
                f"The body that the template `{self.name}` makes of these variables is over {MAX_BODY:,} bytes, more "
                "than Graph takes. Send less in the variables, or put it into an attachment."
            )
            raise InvalidRequest([Problem(code="request_too_large", message=message, target="template.variables")])
        return Content(subject=subject, body=body, content_type="html" if is_html else "text", images=images)

    def _images(self, body: str, charts: Mapping[str, bytes], known: Collection[str]) -> Iterator[File]:
        """Raises InvalidRequest."""
        files = {**self.shared, **self.files, **charts}
        for name in content_ids(body):
            if name in files and is_image(name):
                yield image(name, files[name])
            elif name not in known:
                shown = f"cid:{name}" if self._says(f"cid:{name}") else "an image's `cid:` made from the variables"
                raise self._failed(f"{shown} is neither in the template's folder nor among the attachments.")

    def _wrong_variables(self, use: TemplateUse, faults: dict[str, str]) -> Iterator[Problem]:
        if self._schema:
            for path, fault in self._schema.faults(use.variables):
                below = (f"{path}.", f"{path}[")
                if fault or not any(found.startswith(below) for found in faults):  # which say it better
                    faults.setdefault(path, fault)
        for path, fault in faults.items():
            if fault is MISSING:
                message = f"The template `{self.name}` needs the variable `{path}`, and `template.variables` lacks it."
                yield Problem(code="template_variable_missing", message=message, target=path)
            else:
                message = f"The variable `{path}` of the template `{self.name}` {fault}."
                yield Problem(code="template_variable_invalid", message=message, target=path or "template.variables")

    def _failure(self, file: str, error: Exception) -> Problem:
        """Where and why rendering failed. Most errors' texts may quote variables, those of the source do not."""
        where = f"{self.name}/{file}"
        if isinstance(error, jinja2.TemplateSyntaxError):
            where, reason = f"{error.filename or where}:{error.lineno}", str(error.message)
        else:
            for frame, line in traceback.walk_tb(error.__traceback__):
                folder, _, own = frame.f_code.co_filename.rpartition("/")
                if own in (self.shared if folder == "_shared" else self.files):
                    where = f"{folder}/{own}:{line}"
            reason = type(error).__name__
            if type(error) is jinja2.TemplateRuntimeError or (
                isinstance(error, jinja2.TemplateNotFound) and self._says(str(error.name))
            ):
                reason = f"{reason}: {error.message}"
        return self._failed(f"The template file {where} cannot be rendered with these variables: {reason}.").problems[0]

    def _failed(self, message: str) -> InvalidRequest:
        return InvalidRequest([Problem(code="template_failed", message=message, target="template")])

    def _says(self, text: str) -> bool:
        """Whether a text is the author's own, so that a message may quote it."""
        return any(
            text.encode(errors="replace") in content for content in (*self.files.values(), *self.shared.values())
        )

    def _part(self, kind: str, locale: str | None) -> str:
        for tag in _chain(locale):
            if file := self._parts.get((kind, tag)):
                return file
        wanted = "subject.txt" if kind == "subject" else "body.html and no body.txt"
        raise self._failed(f"The template `{self.name}` has no {wanted}.")

    def _tag(self, file: str) -> str:
        part = _PART.fullmatch(file)
        return part[2] if part and part[2] else self._default

    def _format_locale(self, file: str, requested: str | None) -> str:
        """The requested language as far as the text is in it: numbers in French for Canada in a French text."""
        tag = self._tag(file)
        language, own = ((spoken or "").partition("-")[0].lower() for spoken in (requested, tag))
        return requested if requested and language == own else tag

    @functools.cached_property
    def _html(self) -> jinja2.Environment:
        return environment().for_files(self.name, self.files, self.shared, html=True)

    @functools.cached_property
    def _text(self) -> jinja2.Environment:
        return environment().for_files(self.name, self.files, self.shared, html=False)

    @functools.cached_property
    def _schema(self) -> "Schema | None":
        schema = self.schema()
        if schema is None:
            return None
        from mailer.schema import Schema  # noqa: PLC0415 - most templates have none

        try:
            return Schema(schema)
        except ValueError as error:
            raise self._failed(f"{self.name}/schema.json is no JSON Schema: {error}.") from error

    @functools.cached_property
    def _options(self) -> dict[str, Any]:
        options = self._json("template.json") or {}
        if "on_uncertain" in options and options["on_uncertain"] not in [*OnUncertain]:
            raise self._failed(f"{self.name}/template.json is wrong: `on_uncertain` must be hold, resend or verify.")
        locale = options.setdefault("locale", "en")
        if not isinstance(locale, str) or not _TAG.fullmatch(locale):
            raise self._failed(
                f"{self.name}/template.json is wrong: `locale` must be a language tag such as fr or fr-CA."
            )
        ids = options.setdefault("content_ids", [])
        if not isinstance(ids, list) or not all(isinstance(content_id, str) for content_id in ids):
            raise self._failed(f"{self.name}/template.json is wrong: `content_ids` must be a list of texts.")
        return options

    @property
    def _default(self) -> str:
        return str(self._options["locale"])

    def _json(self, file: str) -> dict[str, Any] | None:
        """The object in a file, if there is such a file."""
        name = next((name for name in self.files if name.lower() == file.lower()), None)
        if name is None:
            return None
        try:
            content = json.loads(self.files[name])
        except ValueError as error:
            raise self._failed(f"{self.name}/{name} is no JSON.") from error
        if not isinstance(content, dict):
            raise self._failed(f"{self.name}/{name} is no JSON object.")
        return content


def _chain(locale: str | None) -> Iterator[str]:
    """The languages to look for, as in the names of files: fr-CA, then fr, then the default, which has no name."""
    tag = (locale or "").lower()
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]
    yield ""
