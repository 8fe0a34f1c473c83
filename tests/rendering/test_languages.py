"""Languages, and files that templates share."""

import pytest

from mailer.request.model import TemplateUse

# Languages


@pytest.mark.parametrize(
    ("locale", "subject", "body"),
    [
        (None, "S", "B"),
        ("en", "S", "B"),
        ("fr", "S fr", "B fr"),
        ("FR", "S fr", "B fr"),
        ("fr-CA", "S fr", "B fr-CA"),
        ("FR-ca", "S fr", "B fr-CA"),
        ("fr-Latn-CA", "S fr", "B fr"),
        ("zh-Hant-TW", "S", "B zh-Hant"),
        ("zh", "S", "B"),
        ("f", "S", "B"),
    ],
)
def test_each_file_is_the_nearest_to_the_language_that_was_asked_for(folder, locale, subject, body):
    folder.put(
        {
            "t/subject.txt": "S",
            "t/subject.fr.txt": "S fr",
            "t/body.txt": "B",
            "t/body.FR.txt": "B fr",
            "t/body.fr-ca.txt": "B fr-CA",
            "t/body.zh-Hant.txt": "B zh-Hant",
        }
    )

    use = TemplateUse.model_construct(id="t", variables={}, locale=locale)
    content = folder.templates.content(use)
    assert (content.subject, content.body) == (subject, body)


@pytest.mark.parametrize(
    ("locale", "files", "variables", "seen"),
    [
        (None, {}, {}, "en"),
        ("de", {}, {}, "en"),
        ("fr-CA", {}, {}, "fr"),
        (None, {"template_json": '{"locale": "de-CH"}'}, {}, "de-CH"),
        ("fr", {}, {"locale": "mine"}, "mine"),
        ("fr", {}, {"locale": None}, ""),
    ],
)
def test_a_template_knows_the_language_of_its_body(folder, locale, files, variables, seen):
    folder.write(subject_txt="{{ locale }}", body_txt="{{ locale }}", body_fr_txt="{{ locale }}", **files)

    content = folder.content(use_locale=locale, **variables)
    assert (content.subject, content.body) == (seen, seen)


def test_a_templates_languages_are_listed_default_first(folder):
    folder.write(subject_txt="s", subject_fr_txt="s", body_html="b", body_fr_txt="b", body_de_html="b")
    folder.write("u", subject_txt="s", body_txt="b", template_json='{"locale": "sv"}')

    assert folder.templates.locales("t") == ["en", "de", "fr"]
    assert folder.templates.locales("u") == ["sv"]


def test_the_sample_is_the_nearest_to_a_language(folder):
    folder.write(subject_txt="s", body_txt="b", sample_json='{"n": 1}', sample_fr_json='{"n": 2}')
    folder.write("u", subject_txt="s", body_txt="b")

    assert [folder.templates.sample("t", locale) for locale in (None, "de", "fr-CA")] == [{"n": 1}, {"n": 1}, {"n": 2}]
    assert folder.templates.sample("u") == {}


# Shared files


def test_layouts_partials_and_macros_are_shared(folder):
    folder.put(
        {
            "_shared/layout.html": "<h1>{% block title %}{% endblock %}</h1>{% include '_shared/foot.html' %}",
            "_shared/foot.html": "<i>{{ who }}</i>",
            "_shared/parts.html": "{% macro b(x) %}<b>{{ x }}</b>{% endmacro %}",
            "t/own.html": "<u>{{ who }}</u>",
        }
    )
    text = (
        "{% extends '_shared/layout.html' %}{% import '_shared/parts.html' as parts %}"
        "{% block title %}{{ parts.b(who) }}{% include 'own.html' %}{% include 't/own.html' %}{% endblock %}"
    )

    assert folder.body(text, who="<&>").replace("&lt;&amp;&gt;", "X") == "<h1><b>X</b><u>X</u><u>X</u></h1><i>X</i>"


@pytest.mark.parametrize("file", ["_shared/part.txt", "_shared/part", "_shared/part.j2", "part.txt"])
def test_what_becomes_html_is_escaped_in_whatever_file_it_stands(folder, file):
    folder.put({file if "/" in file else f"t/{file}": "{{ x }}{% macro m(y) %}{{ y }}{% endmacro %}"})

    text = f"{{% include '{file}' %}}{{% from '{file}' import m with context %}}{{{{ m(x) }}}}"
    assert folder.body(text, x="<b>") == "&lt;b&gt;&lt;b&gt;"


def test_what_stays_text_is_not_escaped(folder):
    folder.put({"_shared/part.html": "{{ x }}"})
    folder.write(subject_txt="{% include '_shared/part.html' %}", body_txt="{% include '_shared/part.html' %}")

    content = folder.content(x="<b>")
    assert (content.subject, content.body) == ("<b>", "<b>")


@pytest.mark.parametrize("file", ["u/body.html", "../u/body.html", "/etc/passwd", "_shared/../u/body.html"])
def test_a_template_sees_only_its_own_and_shared_files(folder, file):
    folder.write("u", subject_txt="s", body_html="other")
    folder.put({"_shared/x": ""})
    folder.write(subject_txt="s", body_html=f"{{% include '{file}' %}}")

    assert folder.problem().code == "template_failed"
