"""A template and its variables to what the mail says."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mailer.errors import InvalidRequest
from mailer.request.model import TemplateUse
from mailer.request.rendered import Content
from mailer.templating.templates import Templates
from tests.written import Written

ROOT = Path(__file__).parents[1]


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


OBJECT, LIST, NUMBER = "must be an object.", "must be a list.", "must be a number."


@pytest.mark.parametrize(
    ("text", "variables", "wrong"),
    [
        ("{{ a.x }}", {"a": "x"}, {"a": OBJECT}),
        ("{{ a.x.y.z }}", {"a": {"x": 1}}, {"a.x": OBJECT}),
        ("{{ a.x }}", {"a": []}, {"a": OBJECT}),
        ("{{ a[0] }}", {"a": {}}, {"a": LIST}),
        (
            "{% for x in a %}{{ x.n }}{% endfor %}",
            {"a": [{"n": 1}, 2, "x", None]},
            dict.fromkeys(("a[1]", "a[2]", "a[3]"), OBJECT),
        ),
        ("{% for x in a %}{{ x }}{% endfor %}", {"a": "text"}, {"a": LIST}),
        ("{% for x in a %}{{ x }}{% endfor %}", {"a": 5}, {"a": LIST}),
        ("{% for x in a.b %}{{ x }}{% endfor %}", {"a": {"b": None}}, {"a.b": LIST}),
        (
            "{% for x in a %}{% for y in x %}{{ y }}{% endfor %}{% endfor %}",
            {"a": [[1], 2, "x"]},
            {"a[1]": LIST, "a[2]": LIST},
        ),
        ("{% macro m(x) %}{{ x.n }}{% endmacro %}{{ m(a) }}", {"a": 1}, {"a": OBJECT}),
        ("{% set x = a.b %}{{ x.c }}", {"a": {"b": ""}}, {"a.b": OBJECT}),
        ("{{ a * 2 }}", {"a": "3"}, {"a": NUMBER}),
        ("{{ 2 - a.b }}", {"a": {"b": "3"}}, {"a.b": NUMBER}),
        ("{{ a + 1 }}", {"a": "3"}, {"a": NUMBER}),
        ("{{ a / b }}", {"a": "3", "b": "4"}, {"a": NUMBER, "b": NUMBER}),
        ("{% if a > 1 %}{% endif %}", {"a": "3"}, {"a": NUMBER}),
        ("{% if 1 <= a %}{% endif %}{{ b.c }}", {"a": "3", "b": 1}, {"a": NUMBER, "b": OBJECT}),
        (
            "{% for x in a %}{{ x | number }}{% endfor %}",
            {"a": [1, "2", True, None], "b": True},
            dict.fromkeys(("a[1]", "a[2]"), NUMBER),
        ),
        ("{{ a | map('number') | join }}", {"a": [1, "1", "1"]}, {"a[1]": NUMBER, "a[2]": NUMBER}),
        ("{% for k, v in a.items() %}{{ v | number }}{% endfor %}", {"a": {"x": 1, "y": "1"}}, {"a.y": NUMBER}),
        ("{{ (a | first) | number }}", {"a": ["x"], "b": "x"}, {"a[0]": NUMBER}),
        ("{{ (a | sort(attribute='n') | last).n | number }}", {"a": [{"n": "y"}, {"n": "x"}]}, {"a[0].n": NUMBER}),
    ],
)
def test_a_mistyped_variable_is_named_by_its_path_with_what_it_must_be(folder, text, variables, wrong):
    assert folder.wrong(text, **variables) == wrong


@pytest.mark.parametrize("wrong", [None, True, 1, 1.5, "x", []])
def test_a_mistyped_variable_is_not_taken_for_an_equal_one(folder, wrong):
    """Null, true and small numbers are one object to Python, wherever they stand."""
    assert folder.wrong("{{ customer.name }}", before=wrong, customer=wrong, order=wrong) == {"customer": OBJECT}


@pytest.mark.parametrize(
    ("text", "variables", "rendered"),
    [
        ("{{ a.x | default('none') }}", {"a": "text"}, "none"),
        ("{% if a.x is defined %}y{% else %}n{% endif %}", {"a": 1}, "n"),
        ("{{ a[:1] }}{{ a | first }}{{ 'x' in a }}", {"a": "xyz"}, "xxTrue"),
        ("{{ a + b }}{{ '-' * 3 }}{{ '%s!' % a }}", {"a": "x", "b": "y"}, "xy---x!"),
        (
            "{{ a is string }}{{ b is number }}{{ c is mapping }}{{ d is sequence }}",
            {"a": "", "b": 1, "c": {}, "d": []},
            "True" * 4,
        ),
        ("{{ a == 'x' }}{{ a < 'y' }}{{ b == 1 }}{{ b < 2 }}{{ a in ['x'] }}", {"a": "x", "b": 1}, "True" * 5),
        ("{% for k in a %}{{ k }}{% endfor %}", {"a": {"x": 1, "y": 2}}, "xy"),
        ("{% for x in a %}{{ loop.index }}/{{ loop.length }}{{ x }} {% endfor %}", {"a": [None, True]}, "1/2 2/2True "),
        (
            "{{ a | tojson }}",
            {"a": [1, 1.5, "x", None, {"y": True}]},
            "[1, 1.5, &#34;x&#34;, null, {&#34;y&#34;: true}]".replace("&#34;", '"'),
        ),
        ("{{ a | sum }}{{ a | max }}{{ a | sort | join(',') }}", {"a": [3, 1]}, "431,3"),
    ],
)
def test_what_a_template_may_do_with_its_variables(folder, text, variables, rendered):
    assert folder.body(text, **variables) == rendered


def test_missing_and_mistyped_variables_are_named_at_once_and_each_once(folder):
    folder.write(
        subject_txt="{{ n | number }}{{ gone }}",
        body_html="{{ gone }}{{ n | number }}{{ n.x }}{{ gone + 1 }}{{ late }}",
    )

    codes = {path: code for path, (code, _) in folder.problems(n="x").items()}
    assert codes == {
        "n": "template_variable_invalid",
        "gone": "template_variable_missing",
        "late": "template_variable_missing",
    }


@pytest.mark.parametrize(
    "text",
    [
        "{{ a + 1 }}",
        "{{ 1 + a }}",
        "{{ -a }}",
        "{{ a ** 2 }}",
        "{{ a > 1 }}",
        "{{ 1 < a }}",
        "{{ a() }}",
        "{{ a.b.c(1) }}",
        "{{ a | int }}",
        "{{ a | float }}",
        "{{ a | round }}",
        "{{ [1, a] | sum }}",
    ],
)
def test_a_missing_variable_does_not_hide_those_after_it(folder, text):
    assert folder.missing(text + "{{ z }}")[-1] == "z"


def test_a_missing_variable_of_one_thread_is_not_another_threads(folder):
    folder.write(subject_txt="s", body_html="{% for x in a %}{{ x.n }}{% endfor %}")
    templates = folder.templates
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
