"""What is rendered."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailer.errors import InvalidRequest
from mailer.request.model import TemplateUse
from mailer.request.rendered import Content
from mailer.templating.template import Template
from mailer.templating.templates import Templates
from tests.rendering.given import ROOT

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


# The packaged templates, and mails without one


def test_every_packaged_template_renders_with_its_sample_in_each_of_its_languages():
    templates = Templates()

    for name in templates.names():
        for locale in templates.locales(name):
            use = TemplateUse(id=name, variables=templates.sample(name, locale), locale=locale)
            content = templates.content(use)
            assert content.subject
            assert content.body
    assert "order-confirmation" in templates.names()


def test_what_can_be_rendered_has_no_problems(folder):
    folder.write(subject_txt="s", body_html="b")

    assert list(folder.templates.problems(TemplateUse(id="t"))) == []


# Sizes


def test_a_body_too_large_for_graph_is_refused(folder):
    folder.write(subject_txt="s", body_txt="{{ x }}")

    assert len(folder.content(x="é" * 1_950_000).body) == 1_950_000
    problem = folder.problem(x="é" * 1_950_001)
    assert (problem.code, problem.target) == ("request_too_large", "template.variables")


def test_a_mail_loads_only_the_packages_that_it_needs(folder):
    folder.write(subject_txt="Order {{ n }}", body_html="<p>{{ n }}</p>")
    code = (
        "import sys; from pathlib import Path; from mailer.request.model import TemplateUse;"
        "from mailer.templating.templates import Templates; from mailer.templating.sources import Folder;"
        "use = TemplateUse(id='t', variables={'n': 7});"
        "Templates(Folder(Path(sys.argv[1]))).content(use); print(*sys.modules)"
    )
    command = [sys.executable, "-c", code, str(folder.path)]
    loaded = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()

    assert "jinja2" in loaded
    assert {"babel", "css_inline", "jsonschema_rs", "PIL", "azure"} & set(loaded) == set()


@pytest.mark.parametrize(
    ("text", "variables", "path"),
    [
        ("{{ order.items }}", {"order": {}}, "order.items"),
        ("{{ order.copy }} {{ order.total }}", {"order": {"total": 1}}, "order.copy"),
        ("{% for i in order.items %}{{ i }}{% endfor %}", {"order": {}}, "order.items"),
    ],
)
def test_a_method_that_nobody_calls_is_a_missing_variable(folder, text, variables, path):
    assert folder.missing(text, **variables) == [path]


def test_a_text_in_place_of_an_object_is_told_also_where_texts_have_such_a_method(folder):
    assert folder.wrong("{{ alert.title }}", alert="hello") == {"alert": "must be an object."}


def test_a_method_may_be_called(folder):
    text = "{{ who.upper() }}{% for key, value in order.items() %} {{ key }}={{ value }}{% endfor %}"

    assert folder.body(text, who="ada", order={"a": 1}) == "ADA a=1"


def test_a_number_that_is_too_large_for_any_is_named(folder):
    assert folder.wrong("{{ n | number }} {{ m / 2 }}", n=10**400, m=10**400).keys() >= {"n"}


def test_a_loop_over_what_a_filter_gives_is_counted_too(folder):
    text = "{% for a in xs|selectattr('p','ge',0) %}{% for b in xs|map(attribute='p') %}{% endfor %}{% endfor %}"
    folder.write(subject_txt="s", body_html=text)

    assert "loops" in folder.problem(xs=[{"p": 1}] * 2000).message


def test_a_byte_order_mark_of_an_editor_is_no_part_of_a_mail(folder):
    folder.write(subject_txt="\ufeffHello", body_html="\ufeff<!doctype html><p>Hello")

    content = folder.content()

    assert (content.subject, content.body[:9]) == ("Hello", "<!doctype")


@pytest.mark.parametrize("file", ["sample.json", "schema.json", "template.json"])
def test_json_nested_beyond_reading_is_a_fault_of_its_file(folder, file):
    folder.write(subject_txt="s", body_html="b")
    folder.put({f"t/{file}": "[" * 100_000})

    with pytest.raises(InvalidRequest, match=f"t/{file} is no JSON"):
        folder.templates.sample("t"), folder.templates.schema("t"), folder.templates.on_uncertain("t")


def test_a_template_changes_no_list_of_its_caller(folder):
    folder.write(subject_txt="s", body_txt="{{ xs.append(3) }}{{ xs | join }}")
    variables = {"xs": [1, 2]}

    contents = [folder.templates.content(TemplateUse(id="t", variables=variables)).body for _ in range(2)]

    assert (contents, variables) == (["123", "123"], {"xs": [1, 2]})


def test_threads_that_come_first_with_a_template_have_its_files_compiled_once():
    read, together = [], threading.Barrier(8)

    class Files(dict):
        def __getitem__(self, name):
            read.append(name)
            time.sleep(0.01)  # as long as the others need to come
            return super().__getitem__(name)

    template = Template("a", Files({"subject.txt": b"s", "body.html": b"{{ n }}"}), {})

    def one(number):
        together.wait(10)
        return template.content(TemplateUse(id="a", variables={"n": number})).body

    assert template.version  # which reads each of them, too
    read.clear()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(8))) == [str(number) for number in range(8)]
    assert sorted(read) == ["body.html", "subject.txt"]
