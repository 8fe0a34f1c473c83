"""The images that go with a mail's HTML: a template's own files by `cid:`, and charts drawn from variables. No I/O."""

import html.parser
import re
from typing import Any
from urllib.parse import unquote

import jinja2
from markupsafe import Markup

from mailer.request.attachment import File
from mailer.templating.page import current_page
from mailer.templating.variables import note_fault

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif"}

CHART_HEIGHT = 220  # in CSS pixels

# Whatever variables put into text is escaped, so that it cannot look like a tag; in attributes it may, which are read
# as a whole. Outlook reads inside of its own comments.
_TOKEN = re.compile(
    r"""<!--(?!\[if\b)(?:-?>|.*?-->)
    |<style\b[^>]*>(?P<css>.*?)</style
    |(?P<tag><[a-z][^\s/>]*(?:"[^"]*"|'[^']*'|[^'">])*>)""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_URL = re.compile(r"""url\(\s*["']?\s*cid:([^"')]+)""", re.IGNORECASE)


def content_ids(body: str) -> list[str]:
    """The ids of all images that HTML shows as `cid:`, each once."""
    if "cid:" not in body.lower():
        return []
    attributes = _Attributes()
    for token in _TOKEN.finditer(body):
        if "cid:" in token[0].lower():
            attributes.ids.extend(_URL.findall(token["css"] or ""))
            attributes.reset()  # so that no tag is taken for the text of the one before
            attributes.feed(token["tag"] or "")
    return list(dict.fromkeys(unquote(name.strip()) for name in attributes.ids))


def image(name: str, content: bytes) -> File:
    """A file that the HTML shows under its own name."""
    suffix = name[name.rfind(".") :].lower()
    return File(
        filename=name,
        content_type=TYPES[suffix],
        size=len(content),
        read=lambda offset, count: content[offset : offset + count],
        content_id=name,
    )


def is_image(name: str) -> bool:
    """Whether a file may go with a mail as an image."""
    return name[name.rfind(".") :].lower() in TYPES


@jinja2.pass_environment
def bar_chart(
    environment: jinja2.Environment,
    rows: Any,  # noqa: ANN401 - whatever the caller sent
    label: str = "day",
    value: str = "visits",
    *,
    alt: str,
    width: int = 536,
) -> Markup:
    """An image with a bar for each row, drawn at twice its size for sharp screens."""
    labels: list[str] = []
    values: list[float] = []
    for row in rows if isinstance(rows, list) else _wrong(rows, "must be a list"):
        labels.append(str(environment.getattr(row, label)))
        height = environment.getattr(row, value)
        is_number = isinstance(height, int | float) and not isinstance(height, bool)
        values.extend([height] if is_number else _wrong(height, "must be a number"))
    if not labels or len(labels) != len(values):
        return Markup()
    # Hardly any mail has a chart, and so needs what these import.
    from mailer.templating.chart import draw_bars  # noqa: PLC0415 - its Pillow
    from mailer.templating.formats import Formats  # noqa: PLC0415 - its Babel

    page = current_page()
    content_id = f"chart-{len(page.charts) + 1}.png"
    written = [Formats(locale=page.locale, mistyped=_wrong).number(number) for number in values]
    page.charts[content_id] = draw_bars(labels, values, written=written, width=width, height=CHART_HEIGHT)
    source = Markup(
        '<img src="cid:{}" width="{}" height="{}" alt="{}" style="display: block; max-width: 100%; height: auto">'
    )
    return source.format(content_id, width, CHART_HEIGHT, alt)


def _wrong(value: object, must: str) -> tuple[()]:
    if not note_fault(value, must):
        raise jinja2.TemplateRuntimeError(f"what `bar_chart` is given {must}")
    return ()


class _Attributes(html.parser.HTMLParser):
    """Collects the ids that the attributes of tags refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base class's signature
        for name, value in attributes:
            if value and name in {"src", "background"} and value.strip().lower().startswith("cid:"):
                self.ids.append(value.strip()[4:])
            elif value and name == "style":
                self.ids.extend(_URL.findall(value))
