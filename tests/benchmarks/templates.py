"""Packaged templates beside plain Jinja2: the same files and filters, without sandbox, checks, charts and CSS."""

import time
from collections.abc import Callable
from itertools import count

import jinja2
from markupsafe import Markup

from mailer.request.model import TemplateUse
from mailer.templating.filters import OF_MAIL
from mailer.templating.formats import Formats
from mailer.templating.templates import PACKAGED, Templates
from tests.benchmarks.figures import ratio, told

MAILS = 20  # in a round


def run(*, quick: bool) -> None:
    """Print a ratio for each template, and of all together."""
    templates = Templates()
    ours: dict[str, list[float]] = {}
    plain: dict[str, list[float]] = {}
    for name in templates.names():
        both = (by_mailer(templates, name), ours), (by_jinja(templates, name), plain)
        for once, _ in both:
            once(), once(), once()
        for _ in range(3 if quick else 15):
            for once, costs in both:
                began = time.process_time()
                for _ in range(MAILS):
                    once()
                costs.setdefault(name, []).append((time.process_time() - began) / MAILS)
        ratio(f"template {name}", ours[name], plain[name], "≤ 2")
    sums = [[sum(each) for each in zip(*costs.values(), strict=True)] for costs in (ours, plain)]
    ratio("all five", *sums, "≤ 2")


def by_mailer(templates: Templates, name: str) -> Callable[[], object]:
    known = templates.content_ids(name)
    mails = [TemplateUse(id=name, variables=other(templates.sample(name), number)) for number in range(7)]
    numbers = count()
    return lambda: templates.content(mails[next(numbers) % len(mails)], known=known)


def by_jinja(templates: Templates, name: str) -> Callable[[], object]:
    body, subject = (
        environment(name, html=html).get_template(file) for html, file in ((1, "body.html"), (0, "subject.txt"))
    )
    mails = [other(templates.sample(name), number) | {"locale": "en"} for number in range(7)]
    numbers = count()

    def once() -> object:
        values = mails[next(numbers) % len(mails)]
        return subject.render(values), body.render(values)

    return once


def environment(name: str, *, html: bool) -> jinja2.Environment:
    loader = jinja2.FileSystemLoader([PACKAGED / name, PACKAGED])
    made = jinja2.Environment(loader=loader, autoescape=html, auto_reload=False)
    formats = Formats(locale="en", mistyped=lambda value, must: told(str(value), must))
    made.filters |= {each: getattr(formats, each) for each in OF_MAIL}
    made.globals["bar_chart"] = lambda *_, **__: Markup('<img src="cid:chart-1.png">')
    return made


def other(value, number: int):
    """The sample with another text in it, as another mail has."""
    if isinstance(value, dict):
        return {name: other(part, number) for name, part in value.items()}
    if isinstance(value, list):
        return [other(part, number) for part in value]
    plain = isinstance(value, str) and " " in value
    return f"{value} {number}" if plain else value
