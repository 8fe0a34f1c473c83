"""What a template asks of its variables, told from its source and its schema."""

import re

import hypothesis
import hypothesis.strategies as st
import jinja2
import pytest
from hypothesis import settings

from mailer.errors import InvalidRequest
from mailer.request.model import TemplateUse
from mailer.templating.lint.contract import Variable, contract
from mailer.templating.lint.trace import Trace
from mailer.templating.lint.uses import Kind
from mailer.templating.template import Template


def an_environment(files):
    environment = jinja2.Environment(loader=jinja2.DictLoader(files), autoescape=True)
    environment.filters |= dict.fromkeys(("number", "percent", "money", "date", "time", "datetime"), str)
    environment.globals["bar_chart"] = str
    return environment


def traced(text, **files):
    """What is found in this text; the other files are named `layout` for layout.html."""
    trace = Trace(an_environment({"t.html": text} | {f"{name}.html": other for name, other in files.items()}))
    trace.follow("t.html")
    return trace


def told(text, *, schema=None, **files):
    """Path and type of each variable, with a question mark where it is optional; objects and their like left out."""
    trace = traced(text, **files)
    assert list(trace.trees.faults) == []
    found = contract(trace.variables, schema)
    above = {one.parent.path for one in trace.variables.all()}
    return {
        f"{one.path}:{one.type}{'?' if one.optional else ''}" for one in found if one.path not in above or one.optional
    }


# What is found, and of which type


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{ a }}", "a:text"),
        ("{{ a.b.c }}{{ a['d'] }}", "a.b.c:text a.d:text"),
        (
            "{{ a | number }}{{ b | number(2) }}{{ c | percent }}{{ d | round(1) }}",
            "a:number b:number c:number d:number",
        ),
        ("{{ a | money('EUR') }}{{ b | money(currency) }}", "a:money b:money currency:text"),
        ("{{ a | date }}{{ b | time }}{{ c | datetime('long', tz=zone) }}", "a:date b:date c:date zone:text"),
        ("{% if a %}x{% endif %}{{ 'y' if b }}{{ 'z' if not c }}", "a:yes/no b:yes/no c:yes/no"),
        ("{% if a %}{{ a }}{% endif %}", "a:text"),
        ("{% if a == 'x' %}{% elif b > 1 %}{% elif c in ['x', 'y'] %}{% endif %}", "a:text b:number c:text"),
        ("{{ a ~ b }}{{ c * 2 }}{{ -d }}{{ e + 1 }}{{ 'x' + f }}", "a:text b:text c:number d:number e:number f:text"),
        ("{{ n }}{% if n == 1 %}{% endif %}", "n:number"),
        ("{{ d | date }}{% if d %}{{ d }}{% endif %}", "d:date"),
        ("{{ a | length }}", "a:list"),
        ("{{ a | upper }}{{ b.upper() }}{{ c | truncate(n) }}", "a:text b:text c:text n:text"),
        ("{{ a is number }}{{ b is string }}{{ c is mapping }}", "a:number b:text c:object"),
    ],
)
def test_a_variable_has_the_type_of_its_use(text, found):
    assert told(text) == set(found.split())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{% for x in a.b %}{{ x.n | number }}{% endfor %}", "a.b[].n:number"),
        ("{% for x in tags %}{{ x }}{% endfor %}", "tags[]:text"),
        ("{% for x in tags %}•{% endfor %}", "tags:list"),
        ("{{ a[0].n }}{{ (b | first).n }}{{ c[:2][0].n }}", "a[].n:text b[].n:text c[].n:text"),
        ("{% for x in a | sort(attribute='n') | reverse %}{{ x.m }}{% endfor %}", "a[].n:text a[].m:text"),
        ("{% for x in a | selectattr('paid') %}{{ x.n }}{% endfor %}", "a[].paid:yes/no a[].n:text"),
        ("{% for x in a | selectattr('state', 'eq', 'open') %}{{ x.n }}{% endfor %}", "a[].state:text a[].n:text"),
        ("{{ a | sum(attribute='price.net') | money('EUR') }}", "a[].price.net:number"),
        ("{{ a | map(attribute='n') | join(', ') }}{{ b | join(' ') }}", "a[].n:text b[]:text"),
        ("{{ a | map('upper') | first }}", "a[]:text"),
        (
            "{% for k, xs in a | groupby('kind') %}{% for x in xs %}{{ x.n }}{% endfor %}{% endfor %}",
            "a[].kind:text a[].n:text",
        ),
        ("{% for row in a | batch(2) %}{% for x in row %}{{ x.n }}{% endfor %}{% endfor %}", "a[].n:text"),
        (
            "{% for x in a if x.paid %}{{ x.n }}{% if loop.previtem.day %}{% endif %}{% endfor %}",
            "a[].paid:yes/no a[].n:text a[].day:yes/no",
        ),
        (
            "{% for x in a %}{% for y in x.b %}{{ y.n }}{% endfor %}{% else %}{{ none_left }}{% endfor %}",
            "a[].b[].n:text none_left:text",
        ),
        ("{{ bar_chart(stats, alt='Visits in ' ~ month) }}", "stats[].day:text stats[].visits:number month:text"),
        ("{{ bar_chart(stats, 'week', value='sales') }}", "stats[].week:text stats[].sales:number"),
    ],
)
def test_entries_of_lists_are_followed(text, found):
    assert told(text) == set(found.split())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{% set x = a.b %}{{ x.c | number }}", "a.b.c:number"),
        ("{% set x = a %}{% if b %}{% set x = c %}{% endif %}{{ x.d }}", "b:yes/no a.d:text c.d:text"),
        ("{% if b %}{% set a = c %}{% endif %}{{ a }}", "b:yes/no a:text c:text"),
        ("{% for x in a %}{% set y = x.n %}{{ y }}{% endfor %}{{ y }}", "a[].n:text y:text"),
        ("{% with x = a.b %}{{ x }}{% endwith %}{{ x }}", "a.b:text x:text"),
        (
            "{% for label, value in [('N', a.n), ('D', a.d)] %}{{ label }}{{ value | number }}{% endfor %}",
            "a.n:number a.d:number",
        ),
        (
            "{% set ns = namespace(sum=0) %}{% for x in a %}{% set ns.sum = ns.sum + x.n %}{% endfor %}{{ ns.sum }}",
            "a[].n:number",
        ),
        ("{% set ns = namespace(last=a) %}{% set ns.last = b %}{{ ns.last.c }}", "a.c:text b.c:text"),
        (
            "{% macro m(x, y=z) %}{{ x.n | number }}{{ y }}{% endmacro %}{{ m(a) }}{{ m(b, y=c) }}",
            "a.n:number z:text b.n:number c:text",
        ),
        ("{% macro unused(x) %}{{ y }}{% endmacro %}", ""),
        (
            "{% macro box() %}{{ caller(a) }}{% endmacro %}{% call(x) box() %}{{ x.n }}{{ b }}{% endcall %}",
            "a.n:text b:text",
        ),
        (
            "{% macro tree(x) %}{{ x.n }}{% for y in x.below %}{{ tree(y) }}{% endfor %}{% endmacro %}{{ tree(a) }}",
            "a.n:text a.below[]:text",
        ),
        ("{% filter upper %}{{ a }}{% endfilter %}{% set x %}{{ b }}{% endset %}{{ x }}", "a:text b:text"),
        ("{{ (a or b).n }}{{ (c if d else e).n }}", "a.n:text b.n:text d:yes/no c.n:text e.n:text"),
        ("{{ {'x': a}['x'].n }}{{ {'x': b}[key].n }}", "a.n:text key:text b.n:text"),
    ],
)
def test_values_are_followed_through_the_template_s_own_names(text, found):
    assert told(text) == set(found.split())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{ a[key] }}", "a:object key:text"),
        ("{% for k, v in a.items() %}{{ k }}{{ v.n }}{% endfor %}", "a:object"),
        ("{% for x in a recursive %}{{ x.n }}{{ loop(x.below) }}{% endfor %}", "a[].n:text a[].below:text"),
        ("{{ a.b.isoformat() }}", "a.b:text"),
    ],
)
def test_what_cannot_be_followed_is_known_up_to_there(text, found):
    assert told(text) == set(found.split())


@pytest.mark.parametrize(
    "text", ["{{ locale }}", "{{ range(3) }}", "{% for x in [1] %}{{ loop.index }}{% endfor %}", "{{ 'a' }}"]
)
def test_what_is_no_variable_is_not_asked_for(text):
    assert told(text) == set()


# What may be left out


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{ a | default('x') }}", "a:text?"),
        ("{{ a | default(1) }}{% if b | d(false) %}{% endif %}", "a:number? b:yes/no?"),
        ("{{ a.b | default('x') | upper }}", "a:object? a.b:text?"),
        ("{{ a | default('x') }}{{ a }}", "a:text"),
        ("{{ a | default(b) }}", "a:text? b:text"),
        ("{% if a is defined %}{{ a }}{% endif %}", "a:text?"),
        ("{% if a is not defined %}{{ b }}{% else %}{{ a }}{% endif %}", "a:text? b:text"),
        ("{% if not (a is defined) %}{% elif a %}{{ a.b }}{% endif %}", "a:object? a.b:text"),
        ("{% if a is defined and a == 'x' %}{{ a }}{% endif %}", "a:text?"),
        ("{% if a is undefined or a == 'x' %}y{% else %}{{ a }}{% endif %}", "a:text?"),
        ("{% if a is defined or b %}{{ a }}{% endif %}", "a:text b:yes/no"),
        ("{% if a is defined %}y{% endif %}{{ a }}", "a:text"),
        ("{{ a if a is defined else b }}", "a:text? b:text"),
        ("{% if a.b is defined %}{{ a.b }}{{ a.c }}{% endif %}", "a:object? a.b:text? a.c:text"),
        ("{{ a.x }}{% if a.b is defined %}{{ a.b }}{% endif %}", "a.x:text a.b:text?"),
        ("{% for x in a %}{% if x.n is defined %}{{ x.n }}{% endif %}{{ x.m }}{% endfor %}", "a[].n:text? a[].m:text"),
        ("{% for x in a %}{% if x.n is defined %}{{ x.n }}{% endif %}{% endfor %}", "a[].n:text?"),
        ("{% for x in a | default([]) %}{{ x.n }}{% endfor %}", "a:list? a[].n:text"),
        ("{{ a.get('b') }}", "a:object? a.b:text?"),
    ],
)
def test_what_is_only_used_where_it_is_there_is_optional(text, found):
    assert told(text) == set(found.split())


# Other files


def test_layouts_blocks_includes_and_imports_are_followed():
    found = told(
        "{% extends 'layout.html' %}{% import 'parts.html' as parts %}{% set title = order.name %}{{ never }}"
        "{% block body %}{{ super() }}{{ parts.button(link) }}{% include 'foot.html' %}{% endblock %}",
        layout="{{ title }}{% block body %}{{ base }}{% endblock %}{% block end %}{{ end }}{% endblock %}",
        parts="{% macro button(url) %}{{ url }}{{ unseen }}{% endmacro %}",
        foot="{{ foot }}{{ title }}",
    )

    assert found == {"order.name:text", "base:text", "link:text", "foot:text", "end:text"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{% from 'parts.html' import button as b %}{{ b(a) }}", "a:text"),
        ("{% from 'parts.html' import button with context %}{{ button(a) }}", "a:text c:text"),
        ("{% include ['none.html', 'foot.html'] %}", "c:text"),
        ("{% include 'none.html' ignore missing %}{{ b }}", "b:text"),
        ("{% include 'foot.html' without context %}{{ b }}", "b:text"),
        ("{% for c in a %}{% include 'foot.html' %}{% endfor %}", "a[]:text"),
        ("{% include 'foot.html' if a else 'bare.html' %}", "a:yes/no c:text"),
        ("{% block x %}{{ a }}{% endblock %}{{ self.x() }}", "a:text"),
    ],
)
def test_each_way_to_use_another_file_is_followed(text, found):
    others = {"parts": "{% macro button(u) %}{{ u }}{{ c }}{% endmacro %}", "foot": "{{ c }}", "bare": ""}

    assert told(text, **others) == set(found.split())


def test_files_that_include_each_other_come_to_an_end():
    assert told("{{ a }}{% include 'other.html' %}", other="{{ b }}{% include 't.html' %}") == {"a:text", "b:text"}


@pytest.mark.parametrize(
    ("text", "file", "line", "fault"),
    [
        ("\n{% include 'nothing.html' %}", "t.html", 2, "there is no file nothing.html"),
        ("{% extends 'nothing.html' %}", "t.html", 1, "there is no file nothing.html"),
        ("{{ a }}\n{% if %}", "t.html", 2, "Expected an expression, got 'end of statement block'"),
        ("{{ a | nonsense }}", "t.html", 1, "No filter named 'nonsense'."),
        ("{% include 'broken.html' %}", "broken.html", 3, "Unexpected end of template."),
    ],
)
def test_what_cannot_work_is_told_with_its_line(text, file, line, fault):
    ((place, words),) = traced(text, broken="\n\n{% for x in a %}").trees.faults

    assert (place, words.partition(" Jinja was looking")[0]) == ((file, line), fault)


def test_a_use_knows_its_line():
    trace = traced("\n{{ a.b }}\n{% for x in c %}\n{{ x.n }}{% endfor %}")

    assert {use.path: use.places for use in trace.variables.all() if use.places} == {
        "a.b": [("t.html", 2)],
        "c": [("t.html", 3)],
        "c[].n": [("t.html", 4)],
    }


# The schema


SCHEMA = {
    "type": "object",
    "required": ["order"],
    "properties": {
        "order": {"$ref": "#/$defs/order"},
        "note": {"type": ["null", "string"], "description": "What the shop adds."},
        "sent": {"type": "string", "format": "date"},
    },
    "$defs": {
        "order": {
            "type": "object",
            "required": ["lines"],
            "properties": {
                "lines": {"type": "array", "items": {"type": "object", "properties": {"gift": {"type": "boolean"}}}},
                "total": {"type": "number"},
                "parent": {"$ref": "#/$defs/order"},
            },
        }
    },
}


def test_the_schema_s_word_counts():
    found = contract(traced("{{ order.total }}{{ note }}{{ sent }}").variables, SCHEMA)

    assert {one.path: (one.type, one.optional) for one in found} == {
        "order": ("object", False),
        "order.total": ("number", True),
        "note": ("text", True),
        "sent": ("date", True),
        "order.lines": ("list", False),
        "order.lines[]": ("object", False),
        "order.lines[].gift": ("yes/no", True),
    }


def test_money_is_told_by_the_template_alone():
    (_, total, *_) = contract(traced("{{ order.total | money('EUR') }}").variables, SCHEMA)

    assert total == Variable(path="order.total", type="money", optional=True)


def test_a_description_is_handed_on():
    (note, *_) = contract(traced("{{ note }}").variables, SCHEMA)

    assert note.as_json() == {"path": "note", "type": "text", "optional": True, "description": "What the shop adds."}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"properties": {"a": {"$ref": "#"}}},
        {"properties": {"a": True, "b": {"$ref": "https://example.com/other.json"}}, "required": "a"},
        {"properties": [], "items": False, "allOf": [{"$ref": "#/nowhere"}]},
    ],
)
def test_a_schema_that_says_little_or_goes_in_circles_is_no_trouble(schema):
    assert "a" in {one.path for one in contract(traced("{{ a }}").variables, schema)}


def test_parts_that_a_schema_puts_together_are_all_there():
    schema = {"allOf": [{"properties": {"b": {"type": "number"}}, "required": ["b"]}]}

    assert [(one.path, one.type, one.optional) for one in contract(traced("").variables, schema)] == [
        ("b", "number", False)
    ]


# The contract and the engine agree


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.builds(".".join, st.lists(NAMES, min_size=1, max_size=3))
EXPRESSIONS = st.one_of(
    PATHS,
    st.builds("{} | upper".format, PATHS),
    st.builds("{} | default('x')".format, PATHS),
    st.builds("{} | default({})".format, PATHS, PATHS),
    st.builds("({0} if {0} is defined else {1})".format, PATHS, PATHS),
    st.builds("({} if {} else {})".format, PATHS, PATHS, PATHS),
    st.builds("({} or {})".format, PATHS, PATHS),
    st.builds("({} is defined and {})".format, PATHS, PATHS),
    st.builds("{} | map(attribute='{}') | join".format, PATHS, NAMES),
    st.builds("({} | first).{}".format, PATHS, NAMES),
    st.builds("{} ~ {}".format, PATHS, PATHS),
    st.builds("m({})".format, PATHS),
)
TESTS = st.one_of(
    EXPRESSIONS,
    st.builds("{} is defined".format, PATHS),
    st.builds("{} is not defined".format, PATHS),
    st.builds("{} is defined and {}".format, PATHS, PATHS),
    st.builds("{} is not defined or {} == 1".format, PATHS, PATHS),
    st.builds("not {} is defined".format, PATHS),
)


def statements(inner):
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, TESTS, inner, inner),
        st.builds("{{% if {} %}}{}{{% elif {} %}}{}{{% endif %}}".format, TESTS, inner, TESTS, inner),
        st.builds("{{% for x in {} %}}{}{{{{ x.{} }}}}{{% endfor %}}".format, PATHS, inner, NAMES),
        st.builds("{{% for {} in {} %}}{}{{% else %}}{}{{% endfor %}}".format, NAMES, PATHS, inner, inner),
        st.builds("{{% set {} = {} %}}{}".format, NAMES, EXPRESSIONS, inner),
        st.builds("{{% with {} = {} %}}{}{{% endwith %}}".format, NAMES, EXPRESSIONS, inner),
    )


BODIES = st.recursive(st.builds("{{{{ {} }}}}".format, EXPRESSIONS), statements, max_leaves=5)
MACRO = "{% macro m(x) %}{{ x.a }}{% if x.b is defined %}{{ x.b }}{% endif %}{% endmacro %}"


def missed(template, variables):
    """The paths that the engine misses, entries of lists without their numbers."""
    problems = []
    try:
        template.content(TemplateUse(id="t", variables=variables))
    except InvalidRequest as invalid:
        problems = invalid.problems
    return {
        re.sub(r"\[\d+\]", "[]", problem.target) for problem in problems if problem.code == "template_variable_missing"
    }


def given(use, *, generous):
    """A value that has all that is required of a part, and what is optional too where it is generous."""
    if use.kind is Kind.LIST:
        return [given(use.part("[]"), generous=generous)]
    if use.kind is Kind.OBJECT or use.parent is None:
        parts = {name: part for name, part in use.parts.items() if part.used and name != "[]"}
        return {name: given(part, generous=generous) for name, part in parts.items() if generous or part.required}
    return "x"


@settings(max_examples=100, deadline=None, derandomize=True)
@hypothesis.given(BODIES)
def test_what_has_all_that_the_contract_requires_misses_nothing(body):
    template = Template("t", {"subject.txt": b"s", "body.html": (MACRO + body).encode()}, {})
    trace = Trace(template.environment())
    trace.follow("t/body.html")
    required = {one.path for one in contract(trace.variables) if not one.optional}
    # Jinja2 takes a name in a loop for the template's own if it is set anywhere behind the loop.
    own = {name for name in "abc" if f"set {name} " in body}

    def missed_but(variables):
        return {path for path in missed(template, variables) if path.split(".")[0] not in own}

    assert missed_but({}) <= required
    for generous in (True, False):
        assert missed_but(given(trace.variables, generous=generous)) == set()
