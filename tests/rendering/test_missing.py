"""Variables that are missing."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailer.request.model import TemplateUse


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
