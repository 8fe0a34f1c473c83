"""A template shown without sending it: what it asks for, and what it says for some variables. Touches the templates."""

import base64
import html
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from mailer.request.parse import parse_preview
from mailer.request.rendered import Content
from mailer.templating.lint.contract import contract
from mailer.templating.lint.filenames import parts
from mailer.templating.lint.trace import Trace
from mailer.templating.plain_text import plain_text
from mailer.templating.templates import Templates

# What a page must not do that shows a mail: run anything, load anything, send anything.
# https://www.w3.org/TR/CSP3/
SAFE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; sandbox"


def listed(templates: Templates) -> list[dict[str, Any]]:
    """All templates with their languages."""
    return [{"id": name, "locales": templates.locales(name)} for name in templates.names()]


def described(name: str, templates: Templates) -> dict[str, Any]:
    """One template with the variables that it needs. Raises InvalidRequest."""
    locales, schema = templates.locales(name), templates.schema(name)
    variables = contract(traced(name, templates).variables, schema)
    described = {
        "id": name,
        "locales": locales,
        "variables": [variable.as_json() for variable in variables],
        "sample": templates.sample(name),
    }
    return described | ({} if schema is None else {"schema": schema})


def traced(name: str, templates: Templates) -> Trace:
    """What the files of a template in all its languages do with variables. Raises InvalidRequest."""
    trace = Trace(templates.environment(name))
    for part in parts(templates.files(name)):
        if part.kind != "sample":
            trace.follow(f"{name}/{part.file}")
    return trace


def preview(name: str, body: bytes, templates: Templates) -> "Preview":
    """What a template says for the variables in the body of a request, or for its sample. Raises InvalidRequest."""
    use = parse_preview(body, template=name)
    locale = _chosen(use.locale, templates.locales(name))
    if "variables" not in use.model_fields_set:
        use = use.model_copy(update={"variables": templates.sample(name, use.locale)})
    return Preview(content=templates.content(use, known=templates.content_ids(name)), locale=locale)


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """A mail as a template says it, and the language that it is in."""

    content: Content
    locale: str

    def as_json(self) -> dict[str, Any]:
        """All parts of the mail; the text of one in HTML is what a reader without HTML sees."""
        is_html = self.content.content_type == "html"
        return {
            "subject": self.content.subject,
            "html": self.content.body if is_html else None,
            "text": plain_text(self.content.body) if is_html else self.content.body,
            "locale": self.locale,
            "images": [
                {"content_id": image.content_id, "content_type": image.content_type, "size": image.size}
                for image in self.content.images
            ],
        }

    def as_page(self) -> str:
        """The mail as a page of its own, with its images in it."""
        if self.content.content_type == "text":
            return f'<!doctype html>\n<meta charset="utf-8">\n<pre>{html.escape(self.content.body)}</pre>\n'
        page = self.content.body
        for image in self.content.images:
            data = base64.b64encode(image.read(0, image.size)).decode()
            # In an attribute or in CSS the id ends with a quote, a bracket or a space.
            name = str(image.content_id)
            shown = rf"(?i:cid:)(?:{re.escape(name)}|{re.escape(quote(name, safe=''))})(?=[\"'\s)>])"
            page = re.sub(shown, f"data:{image.content_type};base64,{data}", page)
        return page


def _chosen(wanted: str | None, locales: list[str]) -> str:
    """The language that a mail is in: the one wanted, else a wider one, else the default."""
    known = {tag.lower(): tag for tag in locales}
    tag = (wanted or "").lower()
    while tag and tag not in known:
        tag = tag.rpartition("-")[0]
    return known.get(tag, locales[0])
