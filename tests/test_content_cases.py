"""Templates and bodies as people really write them, each with its right value: the samples, and more of each kind."""

import json
from pathlib import Path

import pytest

from mailer.delivery.compose import Composer
from mailer.errors import InvalidRequest
from mailer.request.model import MailRequest, TemplateUse
from mailer.templating.sources import Folder
from mailer.templating.templates import Templates

CASES = Path(__file__).parent / "samples/cases"
TEMPLATES = Templates(Folder(CASES))


def content(name, **variables):
    return TEMPLATES.content(TemplateUse(id=name, variables=variables or TEMPLATES.sample(name)))


def refusal(name, **variables):
    with pytest.raises(InvalidRequest) as refused:
        content(name, **variables)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("d1-null-last-name", "<p>Dear Ada ,</p>"),
        ("d3-null-in-a-joined-list", "Main St 1, 10115 Berlin"),
        ("d4-null-formatted", "Ada ()"),
        ("e1-status-host", "Status: OK\nHost: web-3"),
        ("e3-include-at-end", "Kind regards,\nContoso"),
        ("l1-stripe-currency", "€12.50"),
    ],
)
def test_a_template_says(name, body):
    assert content(name).body == body


def test_a_subject_of_two_lines_keeps_its_words_apart():
    assert content("e4-two-line-subject").subject == "[Critical] Disk full"


@pytest.mark.parametrize(
    ("name", "there", "gone"),
    [
        ("f1-style-media-print", ['<style media="print">', "display: none"], ['style="color: #06c;display']),
        (
            "f3-downlevel-revealed",
            ["<![if !mso]><a href=", "</a><![endif]>", "<!--[if mso]><v:roundrect"],
            ["<!--[if !"],
        ),
        ("f5-fallback-background", ["background: #1a5fb4;background: linear-gradient(#1a5fb4,#124a8c);"], []),
        (
            "f7-web-font-link",
            ['<link href="https://fonts.googleapis.com/css2?family=Inter" rel="stylesheet">', "Inter,Arial"],
            [],
        ),
        ("f8-malformed-style-attribute", ["padding: 8px;", "color:#333"], []),
        ("f10-style-attribute-backslash-n", ["letter-spacing: 2px", "margin: 0;"], []),
        (
            "f11-dead-hover-and-mobile",
            ["a:hover { color: blue !important; }", "width: 100% !important", 'style="width: 600px;"'],
            [],
        ),
        ("f12-comment-before-doctype", ["<!-- Contoso 2026 --><!DOCTYPE html PUBLIC", "xhtml1-transitional.dtd"], []),
        ("f13-style-not-to-inline", ['<style data-css-inline="ignore">.x{margin:0}</style>', "color: red"], []),
    ],
)
def test_a_body_keeps_the_meaning_of_its_css(name, there, gone):
    body = content(name).body

    assert [part for part in there if part not in body] == []
    assert [part for part in gone if part in body] == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("l4-unspeaking-errors", ["`date`", "yyyy-MM-dd"]),
        ("l5-money-without-currency", ["`money`", "currency", 'money("EUR")']),
    ],
)
def test_a_filter_used_wrongly_is_named_with_the_cause(name, says):
    message = refusal(name)

    assert [part for part in says if part not in message] == []
    assert f"{name}/body.html:1" in message


def test_every_template_among_the_cases_is_tested():
    tested = {
        arguments[0]
        for test in (
            test_a_template_says,
            test_a_body_keeps_the_meaning_of_its_css,
            test_a_filter_used_wrongly_is_named_with_the_cause,
        )
        for arguments in test.pytestmark[0].args[1]
    }

    assert {name for name in TEMPLATES.names() if name[0] in "def" or name[0] == "l"} == tested | {
        "e4-two-line-subject"
    }


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("d | date(5)", ["`date`", "yyyy-MM-dd"]),
        ("d | date('Q%d')", ["`date`", "yyyy-MM-dd"]),
        ("t | time('%H:%M')", ["`time`", "yyyy-MM-dd"]),
        ("t | datetime('%c')", ["`datetime`"]),
        ("d | date(fmt='short')", ["`date`", "fmt"]),
        ("n | number('2')", ["`number`", "decimals"]),
        ("n | number(-1)", ["`number`", "decimals"]),
        ("n | percent(1000)", ["`percent`", "decimals"]),
        ("n | money('Euro')", ["`money`", "ISO 4217"]),
        ("n | money()", ["`money`", "ISO 4217"]),
        ("n | round('x')", ["`round`"]),
        ("d | truncate('x')", ["`truncate`"]),
        ("d | truncate(1, 2, 3, 4, 5)", ["`truncate`", "too many"]),
        ("n | filesizeformat(1, 2, 3)", ["`filesizeformat`", "too many"]),
        ("d | replace('x')", ["`replace`", "new"]),
        ("n | dictsort", ["`dictsort`"]),
        ("d | date('DD.MM.YYYY')", ["`date`", "dd for the day of the month", "yyyy for the year"]),
        ("t | datetime('YYYY-MM-dd')", ["`datetime`", "yyyy"]),
        ("d | slice(0) | list", ["`list` cannot take"]),
        ("'{} {}'.format(d)", ["`format` cannot take what it is given (IndexError)"]),
        ("range(10 ** 30)", ["`range`"]),
        ("1 / 0", ["divided by zero"]),
    ],
)
def test_whatever_is_wrong_with_a_filter_names_it(folder, call, says):
    folder.write(subject_txt="s", body_html=f"{{{{ {call} }}}}")

    message = folder.problem(d="2026-12-01", t="2026-12-01T08:00:00Z", n=12).message
    assert [part for part in says if part not in message] == []
    assert "2026-12-01" not in message


def test_patterns_of_unicode_may_say_the_week_and_the_day_of_the_year(folder):
    assert folder.body(
        "{{ d | date(\"YYYY-'W'ww\") }} {{ d | date('D') }} {{ d | date(\"d 'D'\") }}", d="2026-12-01"
    ) == ("2026-W49 335 1 D")


def test_a_function_used_wrongly_names_the_variable_that_it_cannot_take(folder):
    folder.write(subject_txt="s", body_html="{% for one in range(n) %}{% endfor %}")

    assert folder.problem(n="three").message == "The variable `n` of the template `t` must be what `range` takes."


def test_a_list_of_what_is_not_there_is_named_and_not_written(folder):
    folder.write(subject_txt="s", body_html="{{ rows | map(attribute='zz') | list }}")

    assert [*folder.problems(rows=[{"a": 1}, {"a": 2}])] == ["rows[0].zz", "rows[1].zz"]


@pytest.mark.parametrize(
    ("currency", "written"), [("eur", "€12.50"), ("Usd", "$12.50"), ("jpy", "¥12"), ("EUR", "€12.50")]
)
def test_a_currency_may_be_in_small_letters(folder, currency, written):
    assert folder.body("{{ 12.5 | money(c) }}", c=currency) == written


# White space, as Jinja's default has it


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\n{% if x %}\nb\n{% endif %}\nc", "a\n\nb\n\nc"),
        ("{% for n in [1, 2] %}\n{{ n }}\n{% endfor %}", "\n1\n\n2\n"),
        ("  {% if x %}y{% endif %}\nz", "  y\nz"),
        ("a {%- if x %} b {%- endif %} c", "a b c"),
        ("{# note #}\na", "\na"),
        ("{% set y = 1 %}\na{{ y }}", "\na1"),
        ("Hello{% if x %} Ada{% endif %}\nWorld", "Hello Ada\nWorld"),
    ],
)
def test_white_space_is_as_jinja_has_it(folder, text, written):
    folder.write(subject_txt="s", body_txt=text)

    assert folder.content(x=True).body == written


# What mail cannot hold, and images, in bodies without a template


def composer():
    def no_blobs(_attachment):
        raise AssertionError("no blob was asked for")

    return Composer(
        render=lambda use, known: TEMPLATES.content(use, known=known), open_blob=no_blobs, largest=35_000_000
    )


def request(name):
    return MailRequest.model_validate(json.loads((CASES / f"{name}.http.json").read_text()))


def html_request(html, *content_ids):
    files = [
        {"filename": f"{number}.png", "content": "H4sIAA==", "content_id": one}
        for number, one in enumerate(content_ids)
    ]
    members = {"to": "ada@example.com", "subject": "s", "html": html, "attachments": files}
    return MailRequest.model_validate(members)


def test_control_characters_go_as_they_do_in_templates():
    assert composer().compose(request("j1-control-characters"), mail="m").content.body == "[31mERROR[0m disk full"


def test_a_percent_encoded_image_is_the_one_that_is_meant():
    mail = composer().compose(request("k2-percent-encoded"), mail="m")

    assert [file.content_id for file in mail.files] == ["logo@contoso.com"]


def test_a_dead_image_in_literal_html_is_named():
    (problem,) = composer().problems(request("k3-dead-cid-in-literal-html"))

    assert (problem.code, problem.target) == ("image_not_found", "html")
    assert "cid:logo" in problem.message
    assert "attachments" in problem.message


@pytest.mark.parametrize(
    ("html", "ids", "refused"),
    [
        ('<img src="CID:logo">', ["logo"], False),
        ("<IMG SRC='Cid:logo'>", ["logo"], False),
        ("<img src=cid:logo>", ["logo"], False),
        ('<img src=" cid:lo%67o ">', ["logo"], False),
        ('<img src="cid:logo&#64;contoso.com">', ["logo@contoso.com"], False),
        ('<td background="cid:bg">', ["bg"], False),
        ("<td style=\"background:url('cid:bg')\">", ["bg"], False),
        ("<style>td{background:url( cid:bg )}</style>", ["bg"], False),
        ('<img srcset="cid:a 1x, cid:b 2x">', ["a", "b"], False),
        ('<!--[if mso]><v:fill src="cid:bg"/><![endif]-->', ["bg"], False),
        ("<p>cid:logo is how images are shown</p>", [], False),
        ('<!-- <img src="cid:gone"> -->', [], False),
        ('<img src="cid:logo"><img src="cid:gone">', ["logo"], True),
        ('<img src="cid:logo.png">', ["logo"], True),
        ('<img src="CID:Gone">', [], True),
        ('<!--[if mso]><v:fill src="cid:gone"/><![endif]-->', [], True),
        ("<table style=background:url(cid:gone)>", [], True),
        ("<p>no image", ["logo"], True),
        ("<p>cid:logo", ["logo"], True),
    ],
)
def test_images_in_literal_html_and_attachments_belong_together(html, ids, refused):
    assert bool([*composer().problems(html_request(html, *ids))]) is refused


def test_many_dead_images_are_named_up_to_a_point():
    problems = [*composer().problems(html_request("".join(f'<img src="cid:{n}">' for n in range(5_000))))]

    assert 1 <= len(problems) <= 50


# Sizes


@pytest.mark.parametrize("rows", [2200, 2300])
def test_a_body_whose_json_is_above_graphs_limit_is_refused_at_once(rows):
    use = {"id": "p1-quote-heavy-report", "variables": {"rows": [[7] * 40] * rows}}
    mail = MailRequest.model_validate({"to": "ada@example.com", "template": use})

    assert "request_too_large" in {problem.code for problem in composer().problems(mail)}


def test_a_body_just_below_the_limit_is_taken():
    use = {"id": "p1-quote-heavy-report", "variables": {"rows": [[7] * 40] * 1900}}

    assert [*composer().problems(MailRequest.model_validate({"to": "ada@example.com", "template": use}))] == []


@pytest.mark.parametrize(
    ("body", "refused"),
    [('"' * 1_900_000, False), ('"' * 2_100_000, True), ("\n" * 2_100_000, True), ("é" * 1_900_000, False)],
)
def test_a_literal_body_counts_as_graph_is_told_it(body, refused):
    mail = MailRequest.model_validate({"to": "ada@example.com", "subject": "s", "text": body})

    assert ("request_too_large" in {problem.code for problem in composer().problems(mail)}) is refused
