"""Templates that do not work."""

import pytest

from mailer.errors import InvalidRequest


def test_an_unknown_template_is_refused_with_what_was_perhaps_meant(folder):
    folder.write("order-confirmation", subject_txt="s", body_html="b")

    problem = folder.problem("order-confirmaton")
    assert (problem.code, problem.target) == ("template_not_found", "template.id")
    assert "did you mean `order-confirmation`?" in problem.message


@pytest.mark.parametrize("name", ["", ".", "..", "../t", "t/", "_shared", "/", "t\x00", "*"])
def test_no_id_leads_out_of_the_folder(folder, name):
    folder.write("t", subject_txt="s", body_html="b")
    folder.write("_shared", subject_txt="s", body_html="b")

    assert folder.problem(name).code == "template_not_found"


@pytest.mark.parametrize(
    "text",
    [
        "{{ 1 / 0 }}",
        "{{ a.b() }}",
        "{{ a | nonsense }}",
        "{% if %}",
        "{% include 'nothing' %}",
        "{{ range(10000000) }}",
        "{% for x in range(10**9) %}{% endfor %}",
        "{% for x in range(99999) %}{% for y in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 10**10 }}",
        "{{ [1] * 10**10 }}",
        "{{ 10 ** (10 ** 9) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% include 't/body.html' %}",
        "{{ lipsum(10**9) }}",
    ],
)
def test_a_template_that_fails_is_a_problem_with_its_file(folder, text):
    folder.write(subject_txt="s", body_html=text)

    problem = folder.problem(a={"b": "secret text"}, lipsum=None) if "lipsum" not in text else folder.problem()
    assert problem.code in {"template_failed", "template_variable_missing"}
    assert problem.target == "lipsum" or "t/body.html:1" in problem.message
    assert "secret text" not in problem.message


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a\n{{ a | nonsense }}", "t/body.html:2 "),
        ("a\n\n{% if %}", "t/body.html:3 "),
        ("{% include '_shared/part.html' %}", "_shared/part.html:2 "),
        ("{% extends '_shared/layout.html' %}{% block x %}\n{{ 1 / 0 }}{% endblock %}", "t/body.html:2 "),
        ("{% include 'gone.html' %}", "TemplateNotFound: gone.html"),
        ("{% include a %}", "TemplateNotFound."),
    ],
)
def test_what_is_wrong_in_a_template_is_named_with_its_line(folder, text, named):
    folder.put({"_shared/part.html": "a\n{{ 1 / 0 }}", "_shared/layout.html": "{% block x %}{% endblock %}"})
    folder.write(subject_txt="s", body_html=text)

    problem = folder.problem(a="secret.html")
    assert problem.code == "template_failed"
    assert named in problem.message + " "
    assert "secret" not in problem.message


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"subject_txt": "s"}, "has no body.html and no body.txt"),
        ({"body_html": "s"}, "has no subject.txt"),
        ({"subject_txt": "s", "body_fr_html": "b"}, "has no body.html and no body.txt"),
        ({"subject_txt": "s", "body_txt": "b", "template_json": "{"}, "t/template.json is no JSON"),
        ({"subject_txt": "s", "body_txt": "b", "template_json": "[]"}, "t/template.json is no JSON object"),
        (
            {"subject_txt": "s", "body_txt": "b", "template_json": '{"locale": "in French"}'},
            "`locale` must be a language",
        ),
        (
            {"subject_txt": "s", "body_txt": "b", "template_json": '{"on_uncertain": "pray"}'},
            "`on_uncertain` must be hold",
        ),
        (
            {"subject_txt": "s", "body_txt": "b", "template_json": '{"content_ids": "qr"}'},
            "`content_ids` must be a list",
        ),
        (
            {"subject_txt": "s", "body_html": "<style>p { color: red</style>{{ 'x' }}", "schema_json": "{"},
            "schema.json is no",
        ),
    ],
)
def test_what_is_wrong_with_a_templates_files_is_said(folder, files, said):
    folder.write(**files)

    problem = folder.problem()
    assert problem.code == "template_failed"
    assert said in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ a.__class__ }}",
        "{{ a.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ '{0.__class__}'.format(a) }}",
        "{{ self.__init__ }}",
    ],
)
def test_a_template_does_not_get_out_of_the_sandbox(folder, text):
    folder.write(subject_txt="s", body_html=text)

    with pytest.raises(InvalidRequest):
        folder.content(a={})
