"""The images that go with a mail's HTML: a template's own files by `cid:`, and charts drawn from variables. No I/O."""

import functools
from typing import Any

import jinja2
from markupsafe import Markup

from mailer.request.attachment import File
from mailer.templating.page import current_page, take
from mailer.templating.variables import note_fault

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif"}

CHART_HEIGHT = 220  # in CSS pixels
WIDEST_CHART = 2_000  # in CSS pixels; a mail has 600
MOST_BARS = 1_000
STEPS_OF_CHART = 20_000
MOST_KEPT = 16  # charts: a report to many people has the same one, which takes as long as twenty mails without
PLAIN = 1e15  # what is larger may be too large to be written, which is told each time


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


@functools.lru_cache(MOST_KEPT)
def _drawn(labels: tuple[str, ...], values: tuple[float, ...], locale: str, width: int) -> bytes:
    """The chart, its numbers written as people of the language do."""
    # Hardly any mail has a chart, and so needs what these import.
    from mailer.templating.chart import draw_bars  # noqa: PLC0415 - its Pillow
    from mailer.templating.formats import Formats  # noqa: PLC0415 - its Babel

    written = [Formats(locale=locale, mistyped=_wrong).number(number) for number in values]
    return draw_bars(labels, values, written=written, width=width, height=CHART_HEIGHT)


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
    if not isinstance(width, int) or isinstance(width, bool) or not 0 < width <= WIDEST_CHART:
        _wrong(width, f"must have a width from 1 to {WIDEST_CHART}")
        return Markup()
    take(STEPS_OF_CHART)
    if isinstance(rows, list) and len(rows) > MOST_BARS:
        _wrong(rows, f"must have at most {MOST_BARS} rows, which is more than anybody can tell apart")
        return Markup()
    labels: list[str] = []
    values: list[float] = []
    for row in rows if isinstance(rows, list) else _wrong(rows, "must be a list"):
        labels.append(str(environment.getattr(row, label)))
        height = environment.getattr(row, value)
        is_number = isinstance(height, int | float) and not isinstance(height, bool)
        values.extend([height] if is_number else _wrong(height, "must be a number"))
    if not labels or len(labels) != len(values):
        return Markup()
    page = current_page()
    content_id = f"chart-{len(page.charts) + 1}.png"
    draw = _drawn if all(abs(number) < PLAIN for number in values) else _drawn.__wrapped__
    page.charts[content_id] = image(content_id, draw(tuple(labels), tuple(values), page.locale, width))
    source = Markup(
        '<img src="cid:{}" width="{}" height="{}" alt="{}" style="display: block; max-width: 100%; height: auto">'
    )
    return source.format(content_id, width, CHART_HEIGHT, alt)


def _wrong(value: object, must: str) -> tuple[()]:
    if not note_fault(value, must):
        raise jinja2.TemplateRuntimeError(f"what `bar_chart` is given {must}")
    return ()
