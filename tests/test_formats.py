"""Numbers, money and dates in mails."""

import pytest

from mailer.request.model import TemplateUse

NOON = "2026-12-01T12:00:00+01:00"


@pytest.mark.parametrize(
    ("text", "value", "english", "french"),
    [
        ("{{ x | number }}", 1234567.5, "1,234,567.5", "1 234 567,5"),
        ("{{ x | number(2) }}", 3, "3.00", "3,00"),
        ("{{ x | number(0) }}", 3.7, "4", "4"),
        ("{{ x | percent }}", 0.256, "26%", "26 %"),
        ("{{ x | percent(1) }}", 0.256, "25.6%", "25,6 %"),
        ("{{ x | money('EUR') }}", 1234.5, "€1,234.50", "1 234,50 €"),
        ("{{ x | money('EUR') }}", "1234.50", "€1,234.50", "1 234,50 €"),
        ("{{ x | money('EUR') }}", "12345678901234567890.12", "€12,345,678,901,234,567,890.12", None),
        ("{{ x | money('JPY') }}", 1234, "¥1,234", "1 234 JPY"),
        ("{{ x | money('KWD') }}", -1.5, "-KWD 1.500", "-1,500 KWD"),
        ("{{ x | money('CHF') }}", 5, "CHF 5.00", "5,00 CHF"),
        ("{{ x | date }}", "2026-12-01", "Dec 1, 2026", "1er déc. 2026"),
        ("{{ x | date('full') }}", NOON, "Tuesday, December 1, 2026", "mardi 1er décembre 2026"),
        ("{{ x | date('MMMM yyyy') }}", NOON, "December 2026", "décembre 2026"),
        ("{{ x | time }}", NOON, "12:00 PM", "12:00"),
        ("{{ x | datetime('short') }}", NOON, "12/1/26, 12:00 PM", "01/12/2026 12:00"),
        ("{{ x | time(tz='America/New_York') }}", NOON, "6:00 AM", "06:00"),
        ("{{ x | date(tz='Pacific/Kiritimati') }}", NOON, "Dec 2, 2026", "2 déc. 2026"),
        ("{{ x | time }}", "2026-12-01T12:00:00Z", "12:00 PM", "12:00"),
        ("{{ x | time(tz='Europe/Paris') }}", "2026-12-01T12:00:00", "12:00 PM", "12:00"),
    ],
)
def test_a_format_follows_the_language(folder, text, value, english, french):
    folder.write(subject_txt="s", body_txt=text, body_fr_txt=text)

    def spaces(body):
        return body.replace("\u202f", " ").replace("\xa0", " ")

    assert spaces(folder.content(x=value).body) == english
    assert french is None or spaces(folder.content(use_locale="fr", x=value).body) == french


@pytest.mark.parametrize(
    ("requested", "body"),
    [
        ("fr-CA", "1\xa0234,5"),  # for Canada, as the text is French
        ("fr", "1\u202f234,5"),
        ("de", "1,234.5"),  # the text is English
        ("en-ZZ", "1,234.5"),  # no place that is known
        ("fr-XQ", "1\u202f234,5"),
        (None, "1,234.5"),
    ],
)
def test_formats_are_those_of_the_place_that_was_asked_for_as_far_as_the_text_is_in_its_language(
    folder, requested, body
):
    folder.write(subject_txt="s", body_txt="{{ x | number }}", body_fr_txt="{{ x | number }}")

    assert folder.content(use_locale=requested, x=1234.5).body == body


def test_subject_and_body_are_each_formatted_in_their_own_language(folder):
    folder.write(subject_txt="{{ x | number }}", body_txt="{{ x | number }}", body_fr_txt="{{ x | number }}")

    content = folder.content(use_locale="fr", x=1.5)
    assert (content.subject, content.body) == ("1.5", "1,5")


NUMBER = "must be a number."
DATE = "must be an ISO 8601 date such as 2026-12-01."
INSTANT = "must be an ISO 8601 date and time such as 2026-12-01T08:00:00+01:00."


@pytest.mark.parametrize(
    ("text", "wrong", "must"),
    [
        ("{{ a.x | number }}", "12", NUMBER),
        ("{{ a.x | number }}", True, NUMBER),
        ("{{ a.x | number }}", [1], NUMBER),
        ("{{ a.x | percent }}", "12", NUMBER),
        ("{{ a.x | money('EUR') }}", "12,50", NUMBER),
        ("{{ a.x | money('EUR') }}", "1e5", NUMBER),
        ("{{ a.x | money('EUR') }}", "1E999999999", NUMBER),
        ("{{ a.x | money('EUR') }}", "NaN", NUMBER),
        ("{{ a.x | money('EUR') }}", " 1", NUMBER),
        ("{{ a.x | money('EUR') }}", "", NUMBER),
        ("{{ 1 | money(a.x) }}", "Euro", "must be an ISO 4217 currency code such as EUR."),
        ("{{ 1 | money(a.x) }}", 978, "must be an ISO 4217 currency code such as EUR."),
        ("{{ a.x | date }}", "1 December", DATE),
        ("{{ a.x | date }}", 1764543600, DATE),
        ("{{ a.x | time }}", "2026-12-01", INSTANT),
        ("{{ a.x | datetime }}", "soon", INSTANT),
        ("{{ a.x | datetime(tz='Asia/Tokyo') }}", "9999-12-31T23:00:00Z", INSTANT),
        ("{{ '2026-12-01T08:00Z' | time(tz=a.x) }}", "Mars/Base", "must be an IANA time zone such as Europe/Paris."),
        (
            "{{ '2026-12-01T08:00Z' | time(tz=a.x) }}",
            "../../etc/passwd",
            "must be an IANA time zone such as Europe/Paris.",
        ),
        ("{{ '2026-12-01T08:00Z' | time(tz=a.x) }}", "", "must be an IANA time zone such as Europe/Paris."),
    ],
)
def test_what_cannot_be_formatted_is_named_by_its_path_with_what_it_must_be(folder, text, wrong, must):
    assert folder.wrong(text, a={"x": wrong}, b=wrong) == {"a.x": must}


def test_everything_that_cannot_be_formatted_is_named_at_once(folder):
    text = "{{ n | number }}{{ x | money(c) }}{{ d | time(tz=z) }}{{ gone | date }}"

    assert list(folder.problems(text, n="1", x="?", c="?", d="?", z="?")) == ["n", "x", "c", "z", "d", "gone"]


def test_a_value_that_the_template_made_is_the_templates_own_fault(folder):
    problem = folder.problems("{{ (a ~ 'x') | number }}", a="secret text")["template"]

    assert problem[0] == "template_failed"
    assert "t/body.html:1" in problem[1]
    assert "must be a number" in problem[1]
    assert "secret text" not in problem[1]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_what_json_calls_a_number_and_nobody_else_does_is_none(folder, wrong):
    folder.write(subject_txt="s", body_txt="{{ x | number }}")

    (problem,) = folder.templates.problems(TemplateUse(id="t", variables={"x": wrong}))
    assert (problem.target, problem.code) == ("x", "template_variable_invalid")
