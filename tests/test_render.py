"""A template and its variables to what the mail says."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pydantic_core
import pytest

from mailer.errors import InvalidRequest
from mailer.mail import Content, TemplateUse
from mailer.render import PACKAGED, Templates, render
from mailer.sources import Folder
from tests.builders import a_request


class Written:
    """A template folder that a test fills."""

    def __init__(self, path):
        self.path = path

    def write(self, name="t", **files):
        (self.path / name).mkdir(exist_ok=True)
        for file, text in files.items():
            (self.path / name / file.replace("_", ".")).write_text(text)

    def content(self, name="t", **variables) -> Content:
        # As they come from a request: equal texts and small numbers may be one object.
        variables = pydantic_core.from_json(pydantic_core.to_json(variables))
        return Templates(Folder(self.path)).content(TemplateUse(id=name, variables=variables))

    def body(self, text, **variables):
        self.write(subject_txt="s", body_html=text)
        return self.content(**variables).body

    def missing(self, text, **variables):
        """The paths of the variables that this body misses."""
        with pytest.raises(InvalidRequest) as refusal:
            self.body(text, **variables)
        assert {problem.code for problem in refusal.value.problems} == {"template_variable_missing"}
        return [problem.target for problem in refusal.value.problems]

    def problem(self, name="t", **variables):
        with pytest.raises(InvalidRequest) as refusal:
            self.content(name, **variables)
        (problem,) = refusal.value.problems
        return problem


@pytest.fixture
def folder(tmp_path):
    return Written(tmp_path)


# What is rendered


def test_subject_and_body_take_the_variables(folder):
    folder.write(subject_txt="Order {{ n }}", body_html="<p>{{ n }}</p>")

    assert folder.content(n=7) == Content(subject="Order 7", body="<p>7</p>", content_type="html")


def test_a_template_without_html_makes_a_mail_in_plain_text(folder):
    folder.write(subject_txt="s", body_txt="{{ a }} & b")

    assert folder.content(a="<a>") == Content(subject="s", body="<a> & b", content_type="text")


def test_html_goes_before_plain_text(folder):
    folder.write(subject_txt="s", body_txt="text", body_html="html")

    assert folder.content().content_type == "html"


def test_html_is_escaped_and_the_subject_is_not(folder):
    folder.write(subject_txt="{{ a }}", body_html="{{ a }}")

    content = folder.content(a="<b> & 'c'")
    assert content.subject == "<b> & 'c'"
    assert content.body == "&lt;b&gt; &amp; &#39;c&#39;"


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\u2028b", "a\u0085b", " a \n\n b\n", "a\x0bb"])
def test_the_subject_is_one_line_whatever_the_variables(folder, text):
    folder.write(subject_txt="{{ a }}\n", body_html="b")

    assert folder.content(a=text).subject == "a b"


def test_variables_are_never_taken_for_templates(folder):
    assert folder.body("{{ a }}", a="{{ 7 * 7 }}") == "{{ 7 * 7 }}"


@pytest.mark.parametrize(
    ("text", "variables", "rendered"),
    [
        ("{{ a | default('x') }}", {}, "x"),
        ("{{ a.b.c | default('x') }}", {}, "x"),
        ("{{ a.b | default('x') }}", {"a": {}}, "x"),
        ("{{ a.b | default('x') }}", {"a": None}, "x"),
        ("{{ a[0] | default('x') }}", {"a": []}, "x"),
        ("{% if a is defined %}y{% else %}n{% endif %}", {}, "n"),
        ("{% if a.b is defined %}y{% else %}n{% endif %}", {"a": {"b": 0}}, "y"),
        ("{% if a.b is defined %}y{% else %}n{% endif %}", {"a": {}}, "n"),
        ("{% if a.b.c is not defined %}n{% endif %}", {}, "n"),
        ("{{ 'x' if a is defined }}", {}, ""),
        ("{{ 'x' if a }}", {"a": False}, ""),
        ("{% if a %}y{% else %}n{% endif %}", {"a": None}, "n"),
        ("[{{ a }}]", {"a": None}, "[]"),
        ("[{{ a }}]", {"a": ""}, "[]"),
        ("[{{ a }}]", {"a": 0}, "[0]"),
        ("{{ order.items }}", {"order": {"items": "mine"}}, "mine"),
        (
            "{% for line in order.items %}{{ line.keys }}{% endfor %}",
            {"order": {"items": [{"keys": 1}, {"keys": 2}]}},
            "12",
        ),
        ("{% for k, v in a.items() %}{{ k }}{{ v }}{% endfor %}", {"a": {"x": 1}}, "x1"),
        ("{% for x in a %}{{ x }}{% else %}none{% endfor %}", {"a": []}, "none"),
        ("{% for x in a | default([]) %}{{ x }}{% else %}none{% endfor %}", {}, "none"),
        ("{{ a['b'] }}", {"a": {"b": 1}}, "1"),
        ("{{ '%.2f' | format(a) }}", {"a": 1.005}, "1.00"),
        ("{% set x = a %}{{ x }}", {"a": 1}, "1"),
    ],
)
def test_a_template_renders(folder, text, variables, rendered):
    assert folder.body(text, **variables) == rendered


# What is missing


@pytest.mark.parametrize(
    ("text", "variables", "paths"),
    [
        ("{{ a }}", {}, ["a"]),
        ("{{ a }}{{ b }}{{ a }}", {}, ["a", "b"]),
        ("{{ a.b }}", {}, ["a.b"]),
        ("{{ a.b }}", {"a": {}}, ["a.b"]),
        ("{{ a.b.c.d }}", {"a": {"b": {}}}, ["a.b.c.d"]),
        ("{{ a['b'] }}", {"a": {}}, ["a.b"]),
        ("{{ a[1] }}", {"a": [1]}, ["a[1]"]),
        ("{{ a[0].b }}", {"a": [{"c": 1}]}, ["a[0].b"]),
        ("{% for x in a %}{{ x.n }}{% endfor %}", {"a": [{"n": 1}, {}, {"n": 3}, {}]}, ["a[1].n", "a[3].n"]),
        ("{% for x in a.b %}{{ x }}{% endfor %}", {"a": {}}, ["a.b"]),
        ("{% for x in a %}{{ x }}{% endfor %}{{ b }}", {}, ["a", "b"]),
        ("{% if a %}{% endif %}{{ b }}", {}, ["a", "b"]),
        ("{% if a == 1 %}{% endif %}", {}, ["a"]),
        ("{% if a in [1] %}{% endif %}", {}, ["a"]),
        ("{{ a | upper }}{{ b | length }}{{ c | join(',') }}", {}, ["a", "b", "c"]),
        ("{{ a ~ b }}", {}, ["a", "b"]),
        ("{{ a * 2 }}", {}, ["a"]),
        ("{{ a + 1 }}", {}, ["a"]),
        ("{{ a | int }}", {}, ["a"]),
        ("{{ a > 1 }}", {}, ["a"]),
        ("{{ a() }}", {}, ["a"]),
        ("{{ a | tojson }}", {}, ["a"]),
        ("{{ a | round }}", {}, ["a"]),
        ("{{ a | first }}", {}, ["a"]),
        ("{% set x = a.b %}{{ x }}", {"a": {}}, ["a.b"]),
        ("{% with x = a.b %}{{ x.c }}{% endwith %}", {"a": {}}, ["a.b.c"]),
    ],
)
def test_a_missing_variable_is_named_by_its_path(folder, text, variables, paths):
    assert folder.missing(text, **variables) == paths


@pytest.mark.parametrize("wrong", [None, True, 1, 1.5, "x", []])
def test_what_must_be_an_object_and_is_not_is_named_by_its_path(folder, wrong):
    """Also where an equal one stands elsewhere: null and small numbers are one object to Python."""
    folder.write(subject_txt="s", body_html="{{ customer.name }}")

    problem = folder.problem(customer=wrong, order=wrong)
    assert (problem.code, problem.target) == ("template_variable_invalid", "customer")
    assert problem.message.endswith("must be an object.")


def test_what_subject_and_body_miss_is_named_at_once(folder):
    folder.write(subject_txt="{{ a.b }}", body_html="{{ c }}{{ a.b }}")

    with pytest.raises(InvalidRequest) as refusal:
        folder.content()
    assert [problem.target for problem in refusal.value.problems] == ["a.b", "c"]
    assert "`a.b`" in str(refusal.value)


def test_a_missing_variable_of_one_thread_is_not_another_threads(folder):
    folder.write(subject_txt="s", body_html="{% for x in a %}{{ x.n }}{% endfor %}")
    templates = Templates(Folder(folder.path))
    start = threading.Barrier(8)

    def problems(number):
        start.wait()
        rows = [{"n": 1}] * number + [{}]
        return [problem.target for problem in templates.problems(TemplateUse(id="t", variables={"a": rows}))]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(problems, range(8))) == [[f"a[{number}].n"] for number in range(8)]


# What does not work


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
    ],
)
def test_a_template_that_fails_is_a_problem_with_its_file(folder, text):
    folder.write(subject_txt="s", body_html=text)

    problem = folder.problem(a={"b": "secret text"})
    assert problem.code == "template_failed"
    assert "t/body.html" in problem.message
    assert "secret text" not in problem.message


def test_a_template_without_a_body_is_a_problem(folder):
    folder.write(subject_txt="s")

    assert folder.problem().code == "template_failed"


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


# The packaged templates, and mails without one


def test_every_packaged_template_renders_with_its_sample():
    templates = Templates()

    for name in templates.names():
        sample = pydantic_core.from_json((PACKAGED / name / "sample.json").read_bytes())
        content = templates.content(TemplateUse(id=name, variables=sample))
        assert content.subject
        assert content.body
    assert "order-confirmation" in templates.names()


def test_a_packaged_template_names_all_that_it_misses():
    problems = Templates().problems(TemplateUse(id="order-confirmation", variables={"order": {"lines": [{}]}}))

    assert [problem.target for problem in problems] == [
        "order.number",
        "customer.name",
        "order.total",
        "order.currency",
        "order.lines[0].quantity",
        "order.lines[0].name",
        "order.lines[0].price",
    ]


def test_what_can_be_rendered_has_no_problems(folder):
    folder.write(subject_txt="s", body_html="b")

    assert list(Templates(Folder(folder.path)).problems(TemplateUse(id="t"))) == []


@pytest.mark.parametrize(
    ("changes", "content"),
    [
        ({}, Content(subject="Hello", body="Hello, Ada", content_type="text")),
        ({"html": "<p>{{ x }}"}, Content(subject="Hello", body="<p>{{ x }}", content_type="html")),
    ],
)
def test_a_mail_without_a_template_says_what_the_request_says(folder, changes, content):
    assert render(a_request(**changes), templates=Templates(Folder(folder.path))) == content


def test_a_mail_with_a_template_says_what_the_template_says():
    variables = {"customer": {"name": "Ada"}, "order": {"number": 7, "currency": "EUR", "total": 1, "lines": []}}
    use = TemplateUse(id="order-confirmation", variables=variables)
    request = a_request().model_copy(update={"template": use})

    assert render(request, templates=Templates()).subject == "Order 7 is confirmed"
