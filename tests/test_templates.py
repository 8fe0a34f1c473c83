"""The packaged templates: what people get to read, in both languages."""
# ruff: noqa: RUF001 - signs as they are printed are the fact itself

import copy
import html
import re
from html.parser import HTMLParser

import pytest
from jinja2 import nodes

from mailer.request.model import TemplateUse
from mailer.templating.chart import FONT
from mailer.templating.plain_text import plain_text
from mailer.templating.styles import inline_css
from mailer.templating.templates import Templates
from tests.contrast import contrast

TEMPLATES = Templates()
NAMES = ["alert", "invoice", "order-confirmation", "password-reset", "weekly-report"]
BOTH = ["en", "fr"]
VOID = {"meta", "br", "img", "hr"}
CLIPPED = 102 * 1024  # bytes: Gmail cuts a mail there, https://github.com/hteumeuleu/email-bugs/issues/41

each_mail = pytest.mark.parametrize(("name", "locale"), [(name, locale) for name in NAMES for locale in BOTH])
each_template = pytest.mark.parametrize("name", NAMES)


def a_mail(name, locale, variables=None):
    variables = TEMPLATES.sample(name, locale) if variables is None else variables
    return TEMPLATES.content(TemplateUse(id=name, variables=variables, locale=locale))


def text_of(name, locale, variables=None):
    return plain_text(a_mail(name, locale, variables).body)


def sample(name, **changes):
    """The sample with other values, by their dotted paths."""
    variables = copy.deepcopy(TEMPLATES.sample(name))
    for path, value in changes.items():
        *above, last = path.split("__")
        place = variables
        for step in above:
            place = place[step]
        place[last] = value
    return variables


def faults(name, variables, locale=None):
    return [problem.target for problem in TEMPLATES.problems(TemplateUse(id=name, variables=variables, locale=locale))]


class Page(HTMLParser):
    """The tags of a mail with what they inherit, and its texts with their colours."""

    def __init__(self, body):
        super().__init__()
        self.tags, self.texts = [], []
        self._open = [("", {})]
        self.feed(body)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        rules = (rule.partition(":") for rule in attributes.get("style", "").split(";") if rule)
        own = {name.strip(): value.replace("!important", "").strip() for name, _, value in rules}
        self.tags.append((tag, attributes))
        if tag not in VOID:
            inherited = {name: value for name, value in self._open[-1][1].items() if name != "table-layout"}
            self._open.append((tag, {**inherited, **own}))

    def handle_endtag(self, tag):
        while tag not in VOID and self._open.pop()[0] != tag:
            pass

    def handle_data(self, text):
        tag, style = self._open[-1]
        if text.strip() and tag not in {"title", "style"} and style.get("display") != "none":
            self.texts.append((text.strip(), style.get("color"), style.get("background-color")))


def in_the_dark(body):
    """The mail as a program shows it that prefers dark colours."""
    style = re.search(r"<style>.*?</style>", body, re.DOTALL)[0]
    rules = re.search(r"@media \(prefers-color-scheme: dark\) \{(.*?)\n\}", style, re.DOTALL)[1]
    return inline_css(body.replace(style, f"<style>{rules}</style>"))


def blocks(file):
    """Each block of a template file with its own text, which has no tags, expressions and blocks within."""
    name, _, _ = file.partition("/")
    environment = TEMPLATES.environment(name)
    source, _, _ = environment.loader.get_source(environment, file)
    found = {}
    for block in environment.parse(source).find_all(nodes.Block):
        inner = {id(data) for below in block.find_all(nodes.Block) for data in below.find_all(nodes.TemplateData)}
        own = [data.data for data in block.find_all(nodes.TemplateData) if id(data) not in inner]
        found[block.name] = html.unescape(re.sub(r"<[^>]*>", " ", "\n".join(own)))
    return found


def test_these_are_the_packaged_templates():
    assert TEMPLATES.names() == NAMES


# Both languages


@each_template
def test_every_template_speaks_english_and_french(name):
    assert TEMPLATES.locales(name) == BOTH


@each_template
def test_french_has_words_of_its_own_for_all_that_english_says(name):
    english, french = blocks(f"{name}/body.html"), blocks(f"{name}/body.fr.html")

    with_words = {block for block, text in english.items() if re.search(r"\w", text)}
    assert with_words <= set(french)
    assert set(french) <= set(english)


@each_template
def test_both_languages_ask_for_the_same_variables(name):
    for variables in ({}, {member: {} for member in TEMPLATES.sample(name)}):
        english, french = (faults(name, variables, locale) for locale in BOTH)
        assert set(english) == set(french) != set()


@each_template
def test_all_that_the_schema_does_not_require_can_be_left_out(name):
    def required(schema, value):
        if isinstance(value, dict):
            return {key: required(schema["properties"][key], value[key]) for key in schema["required"]}
        if isinstance(value, list):
            return [required(schema["items"], entry) for entry in value]
        return value

    least = required(TEMPLATES.schema(name), TEMPLATES.sample(name))
    assert least != TEMPLATES.sample(name)
    for locale in BOTH:
        assert a_mail(name, locale, least).body


@each_template
def test_french_is_set_as_french_is_printed(name):
    for text in blocks(f"{name}/body.fr.html").values():
        assert not re.search(r"(?<![\u00a0\u202f])[:;!?»]|«(?!\u00a0)", text), text
        assert "'" not in text
        assert '"' not in text


# What they say


@pytest.mark.parametrize(
    ("name", "english", "french"),
    [
        ("alert", "[Critical] Disk almost full on web-3", "[Critique] Disque presque plein sur web-3"),
        (
            "invoice",
            "Invoice 2026-0042: $1,678.00 due by December 15, 2026",
            "Facture 2026-0042, 1 876,00 € à régler d’ici au 15 décembre 2026",
        ),
        ("order-confirmation", "Order 7 is confirmed", "Votre commande n° 7 est confirmée"),
        ("password-reset", "Reset your password", "Réinitialisez votre mot de passe"),
        (
            "weekly-report",
            "contoso.com: 8,412 visits in the week of November 16, 2026",
            "contoso.com, 8 412 visites dans la semaine du 16 novembre 2026",
        ),
    ],
)
def test_the_subject_says_what_it_is_about(name, english, french):
    # Which of its spaces may break a line is no matter in a subject.
    assert [" ".join(a_mail(name, locale).subject.split()) for locale in BOTH] == [english, french]


@pytest.mark.parametrize(
    ("name", "locale", "lines"),
    [
        ("alert", "en", ["Critical", "Time: November 24, 2026, 3:12:40 AM (GMT+01:00)", "Server: web-3.contoso.com"]),
        ("alert", "fr", ["Critique", "Heure : 24 novembre 2026 à 03:12:40 (UTC+01:00)", "Serveur : web-3.contoso.com"]),
        ("invoice", "en", ["Amount due $1,678.00", "Already paid −$500.00", "Reference: 2026-0042"]),
        ("invoice", "fr", ["Reste à payer 1 876,00 €", "Déjà réglé −500,00 €", "Référence : 2026-0042"]),
        ("order-confirmation", "en", ["2 × Ream of paper, A4, recycled €12.00", "Shipping €4.90", "Total €66.82"]),
        ("order-confirmation", "fr", ["2 × Ramette de papier A4 recyclé 12,00 €", "Livraison 4,90 €", "Total 67,80 €"]),
        ("order-confirmation", "en", ["It should arrive by Friday, November 27, 2026."]),
        ("password-reset", "en", ["The link works until Tuesday, November 24, 2026, 4:30 PM (GMT+01:00)."]),
        ("password-reset", "en", ["https://login.contoso.com/reset?token=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"]),
        ("weekly-report", "en", ["499 more than in the week before (+6.3%).", "Thu 19 1,398 1,402 -0.3%"]),
        ("weekly-report", "fr", ["499 de plus que la semaine précédente (+6,3 %).", "jeu. 19 1 398 1 402 -0,3 %"]),
    ],
)
def test_read_as_text_it_says_line_by_line(name, locale, lines):
    read = text_of(name, locale).splitlines()

    assert [line for line in lines if line not in read] == []


@pytest.mark.parametrize(
    ("currency", "locale", "shown"),
    [
        ("JPY", "en", "¥1,200"),
        ("KWD", "fr", "1 200,000 KWD"),
        ("CAD", "fr-CA", "1 200,00 $"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency_and_the_form_of_its_language(currency, locale, shown):
    variables = sample("order-confirmation", order__currency=currency, order__total=1200)

    assert f"Total {shown}" in text_of("order-confirmation", locale, variables).splitlines()


def test_amounts_may_be_texts_since_no_float_is_money():
    variables = sample("order-confirmation", order__total="66.82")

    assert a_mail("order-confirmation", "en", variables) == a_mail("order-confirmation", "en")


@pytest.mark.parametrize("locale", BOTH)
def test_each_severity_has_a_word_and_not_only_a_colour(locale):
    kinds = TEMPLATES.schema("alert")["properties"]["alert"]["properties"]["severity"]["enum"]

    words = set()
    for kind in kinds:
        mail = a_mail("alert", locale, sample("alert", alert__severity=kind))
        word = re.match(r"\[(.+?)\]", mail.subject)[1]
        assert word in plain_text(mail.body).splitlines()
        words.add(word)
    assert len(words) == len(kinds)


@pytest.mark.parametrize(
    ("visits", "before", "english", "french"),
    [
        (90, 100, "10 fewer than in the week before (-10.0%).", "10 de moins que la semaine précédente (-10,0 %)."),
        (100, 100, "As many as in the week before.", "Autant que la semaine précédente."),
        (100, 0, "100 more than in the week before.", "100 de plus que la semaine précédente."),
    ],
)
def test_the_report_compares_with_the_week_before(visits, before, english, french):
    days = [{"date": "2026-11-16", "visits": visits, "visits_before": before}]
    variables = sample("weekly-report", report__days=days)

    assert english in text_of("weekly-report", "en", variables)
    assert french in text_of("weekly-report", "fr", variables)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("alert", "alert__url"),
        ("invoice", "payment__url"),
        ("order-confirmation", "order__url"),
        ("password-reset", "reset__url"),
        ("weekly-report", "report__url"),
    ],
)
def test_no_link_leads_into_a_script(name, path):
    assert faults(name, sample(name, **{path: "javascript:alert(1)"})) == [path.replace("__", ".")]


# How they are made


@each_mail
def test_nothing_is_loaded_from_elsewhere(name, locale):
    body = a_mail(name, locale).body

    for tag, attributes in Page(body).tags:
        assert tag not in {"script", "link", "iframe", "form", "object", "base"}
        loaded = [attributes[attribute] for attribute in ("src", "background", "srcset") if attribute in attributes]
        assert all(reference.startswith("cid:") for reference in loaded)
    assert "url(" not in body
    assert "@import" not in body


@each_mail
def test_every_image_goes_with_the_mail_and_has_a_size_and_a_text_instead(name, locale):
    mail = a_mail(name, locale)

    images = [attributes for tag, attributes in Page(mail.body).tags if tag == "img"]
    assert {f"cid:{image.content_id}" for image in mail.images} == {image["src"] for image in images}
    assert all({"alt", "width", "height"} <= set(image) for image in images)
    assert sum(image.size for image in mail.images) < 20_000


def test_the_report_shows_a_chart_and_the_reset_an_image_of_its_own():
    assert [image.content_id for image in a_mail("weekly-report", "en").images] == ["chart-1.png"]
    assert [image.content_id for image in a_mail("password-reset", "fr").images] == ["key.png"]


@each_mail
def test_programs_that_read_aloud_are_told_language_title_headings_and_tables(name, locale):
    mail = a_mail(name, locale)
    tags = Page(mail.body).tags

    (page,) = [attributes for tag, attributes in tags if tag == "html"]
    assert (page["lang"], page["dir"]) == (locale, "ltr")
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", mail.body)[1]
    assert f"<title>{heading}</title>" in mail.body
    assert re.fullmatch(r"(h1)(h2)*", "".join(tag for tag, _ in tags if tag in {"h1", "h2", "h3"}))
    for table in re.findall(r"<table[^>]*>(?:(?!<table).)*?</table>", mail.body, re.DOTALL):
        assert ('role="presentation"' in table) != ("<th scope=" in table or "<th " in table)


@each_mail
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(name, locale, scheme):
    body = a_mail(name, locale).body
    texts = Page(in_the_dark(body) if scheme == "dark" else body).texts

    assert len(texts) > 8
    weak = [text for text, colour, behind in texts if contrast(colour, behind) < 4.5]
    assert weak == []


@pytest.mark.parametrize("severity", ["critical", "warning", "info", "resolved"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_severity_stands_out_from_its_badge(severity, scheme):
    body = a_mail("alert", "en", sample("alert", alert__severity=severity)).body
    texts = Page(in_the_dark(body) if scheme == "dark" else body).texts

    colour, behind = texts[0][1:]
    assert contrast(colour, behind) >= 4.5


@pytest.mark.parametrize("name", ["order-confirmation", "invoice"])
@pytest.mark.parametrize("locale", BOTH)
def test_forty_long_lines_are_not_clipped(name, locale):
    line = {"quantity": 12, "name": "Überlange Bezeichnung אבג " * 2, "price": 99999.99, "amount": 99999.99}
    kind = "order" if name == "order-confirmation" else "invoice"
    variables = sample(name, **{f"{kind}__lines": [line] * 40})

    assert len(a_mail(name, locale, variables).body.encode()) < CLIPPED


def test_the_font_comes_with_its_licence():
    licence = FONT.with_name("OFL.txt").read_text()

    assert "SIL Open Font License, Version 1.1" in licence


@pytest.mark.parametrize(("locale", "words"), [("en", "1 visit "), ("fr", "1 visite ")])
def test_one_visit_is_no_plural(locale, words):
    templates = Templates()
    variables = templates.sample("weekly-report", locale)
    variables["report"]["days"] = [{"date": "2026-11-16", "visits": 1, "visits_before": 0}]

    content = templates.content(TemplateUse(id="weekly-report", variables=variables, locale=locale))

    assert words in content.subject
    assert f"{words.strip()}</p>" in content.body
