"""One template in one version: what it says for variables and a language, and all that is wrong with them. No I/O.

Its files are `subject.txt` and `body.html`, or `body.txt` for a mail in plain text; each may stand in other languages
beside it, as `body.fr.html`. `sample.json`, `schema.json`, `template.json` and images are optional.
"""

import functools
import hashlib
import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jinja2

from mailer.errors import InvalidRequest, Problem
from mailer.request.attachment import File
from mailer.request.characters import body_text, one_line
from mailer.request.members import Priority
from mailer.request.model import TemplateUse
from mailer.request.rendered import Content
from mailer.setting_texts import OnUncertain
from mailer.templating.faults import failed, failed_file, says, wrong_variable
from mailer.templating.images import image, is_image
from mailer.templating.languages import TAG, Languages, chain, format_locale
from mailer.templating.outlines import finished
from mailer.templating.page import Page, TooMuch, rendering
from mailer.templating.sandbox import environment
from mailer.templating.variables import noting_faults, trusting

if TYPE_CHECKING:
    from mailer.templating.schema import Schema

MAX_BODY = 3_900_000  # bytes: Graph takes requests up to 4 MB


class _Written(NamedTuple):
    subject: str
    body: str
    page: Page
    is_html: bool


class Template:
    """One version of a template; thread-safe. Every call may raise InvalidRequest."""

    def __init__(self, name: str, files: Mapping[str, bytes], shared: Mapping[str, bytes]) -> None:
        self.name = name
        self.files = files
        self.shared = shared
        self._languages = Languages(files)

    def environment(self, *, html: bool = True) -> jinja2.Environment:
        """What its files are compiled in."""
        return self._for_html if html else self._for_text

    @functools.cached_property
    def version(self) -> str:
        """A hash of all that a mail can be made of: its own files and the shared ones."""
        found = hashlib.sha256()
        for files in (self.files, self.shared):
            for name in sorted(files):
                found.update(f"{name} {len(files[name])}\n".encode() + files[name])
        return found.hexdigest()[:16]

    def locales(self) -> list[str]:
        """The languages that it has, the default one first."""
        return list({self._default.lower(): self._default, **self._languages.tags()}.values())

    def on_uncertain(self) -> OnUncertain | None:
        """What its own `template.json` says about a mail in doubt."""
        chosen = self._options.get("on_uncertain")
        return None if chosen is None else OnUncertain(chosen)

    def priority(self) -> Priority | None:
        """What its own `template.json` says about who goes first."""
        chosen = self._options.get("priority")
        return None if chosen is None else Priority(chosen)

    def sample(self, locale: str | None = None) -> dict[str, Any]:
        """The variables to show it with; none where it has no `sample.json`."""
        for tag in chain(locale):
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
        failures: list[InvalidRequest] = []
        found: dict[str, str] = {}
        try:
            with trusting(use.variables):
                written = self._written(use, use.variables, failures, goes_on=False)
        except Exception:  # noqa: BLE001 - whatever it is, the other rendering names all that is wrong at once
            failures.clear()
            with noting_faults(use.variables) as findings:
                written, found = self._written(use, findings.variables, failures, goes_on=True), findings.faults
        if faults := self._faults(use.variables, found):  # which explain any failure
            raise InvalidRequest(wrong_variable(self.name, path, fault) for path, fault in faults.items())
        if failures:
            raise failures[0]
        return self._mail(written, known=known)

    def _written(
        self, use: TemplateUse, variables: Mapping[str, Any], failures: list[InvalidRequest], *, goes_on: bool
    ) -> _Written:
        """What its files say. A failure is kept; if it might be the variables', it is raised unless one `goes_on`."""
        (subject_file, subject_tag), (body_file, tag) = (self._part(kind, use.locale) for kind in ("subject", "body"))
        given = {"locale": tag, **variables}

        def text(file: str, page: Page, *, html: bool = False) -> str:
            try:
                with rendering(page):
                    return self.environment(html=html).get_template(f"{self.name}/{file}").render(given)
            except Exception as error:
                if not goes_on and not isinstance(error, TooMuch):
                    raise
                failures.append(failed_file(f"{self.name}/{file}", error, self._sources))
                return ""

        is_html = body_file.lower().endswith(".html")
        page = Page(locale=format_locale(tag, use.locale))
        subject = text(subject_file, Page(locale=format_locale(subject_tag, use.locale)))
        return _Written(subject, text(body_file, page, html=is_html), page, is_html)

    def _faults(self, variables: Mapping[str, Any], found: dict[str, str]) -> dict[str, str]:
        """What rendering found, and what the schema adds to it."""
        faults = dict(found)
        for path, fault in self._schema.faults(variables) if self._schema else ():
            parts = (f"{path}.", f"{path}[")
            if fault or not any(below.startswith(parts) for below in found):  # which say it better
                faults.setdefault(path, fault)
        return faults

    def _mail(self, written: _Written, *, known: Collection[str]) -> Content:
        subject, body, page, is_html = written
        subject = one_line(subject)
        if not is_html:
            body = self._checked(body_text(body))
            return Content(subject=subject, body=body, content_type="text", version=self.version)
        body, shown = finished(body)
        self._checked(body)
        images = {**self._images, **page.charts}
        for dead in (name for name in shown if name not in images and name not in known):
            name = f"cid:{dead}" if says(self._sources, f"cid:{dead}") else "A `cid:` that variables name"
            raise failed(f"{name} is neither in the folder of the template `{self.name}` nor among the attachments.")
        files = tuple(images[name] for name in shown if name in images)
        return Content(subject=subject, body=body, content_type="html", images=files, shown=shown, version=self.version)

    def _checked(self, body: str) -> str:
        if len(body) > MAX_BODY // 4 and len(body.encode()) > MAX_BODY:  # no character is longer than four
            message = (
                f"The body that the template `{self.name}` makes of these variables is over {MAX_BODY:,} bytes, more "
                "than Graph takes. Send less in the variables, or put it into an attachment."
            )
            raise InvalidRequest([Problem(code="request_too_large", message=message, target="template.variables")])
        return body

    def _part(self, kind: str, locale: str | None) -> tuple[str, str]:
        """The file to use, and its language."""
        found = self._languages.find(kind, locale)
        if found is None:
            wanted = "subject.txt" if kind == "subject" else "body.html and no body.txt"
            raise failed(f"The template `{self.name}` has no {wanted}.")
        return found[0], found[1] or self._default

    @functools.cached_property
    def _sources(self) -> dict[str, bytes]:
        own = {f"{self.name}/{file}": content for file, content in self.files.items()}
        return own | {f"_shared/{file}": content for file, content in self.shared.items()}

    @functools.cached_property
    def _images(self) -> dict[str, File]:
        both = {**self.shared, **self.files}
        return {name: image(name, content) for name, content in both.items() if is_image(name)}

    @functools.cached_property
    def _for_html(self) -> jinja2.Environment:
        return environment().for_files(self.name, self.files, self.shared, html=True)

    @functools.cached_property
    def _for_text(self) -> jinja2.Environment:
        return environment().for_files(self.name, self.files, self.shared, html=False)

    @functools.cached_property
    def _schema(self) -> "Schema | None":
        schema = self.schema()
        if schema is None:
            return None
        from mailer.templating.schema import Schema  # noqa: PLC0415 - most templates have none

        try:
            return Schema(schema)
        except ValueError as error:
            raise failed(f"{self.name}/schema.json is no JSON Schema: {error}.") from error

    @functools.cached_property
    def _options(self) -> dict[str, Any]:
        options = self._json("template.json") or {}
        if "on_uncertain" in options and options["on_uncertain"] not in [*OnUncertain]:
            raise failed(f"{self.name}/template.json is wrong: `on_uncertain` must be hold, resend or verify.")
        if "priority" in options and options["priority"] not in [*Priority]:
            raise failed(f"{self.name}/template.json is wrong: `priority` must be urgent, normal or bulk.")
        locale = options.setdefault("locale", "en")
        if not isinstance(locale, str) or not TAG.fullmatch(locale):
            raise failed(f"{self.name}/template.json is wrong: `locale` must be a language tag such as fr or fr-CA.")
        ids = options.setdefault("content_ids", [])
        if not isinstance(ids, list) or not all(isinstance(content_id, str) for content_id in ids):
            raise failed(f"{self.name}/template.json is wrong: `content_ids` must be a list of texts.")
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
        except (ValueError, RecursionError) as error:
            raise failed(f"{self.name}/{name} is no JSON.") from error
        if not isinstance(content, dict):
            raise failed(f"{self.name}/{name} is no JSON object.")
        return content
