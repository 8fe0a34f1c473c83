"""Null in a template is blank, whatever is done with it, and never "None"."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.errors import InvalidRequest
from tests.written import Written


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory):
    return Written(tmp_path_factory.mktemp("null"))


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        ("n", ""),
        ("n ~ 'x' ~ n", "x"),
        ("'a' + n", "a"),
        ("n + n", ""),
        ("n + 1", ""),
        ("2 - n", ""),
        ("n * 2", ""),
        ("n / 2", ""),
        ("-n", ""),
        ("(n * 2) | money('EUR')", ""),
        ("'%s-%s' % (n, 'x')", "-x"),
        ("'%s' % n", ""),
        ("'%(a)s!' % {'a': n}", "!"),
        ("'%s (%s)' | format('Ada', n)", "Ada ()"),
        ("'{}-{:>3}-{:.2f}'.format(n, n, n)", "--"),
        ("[n, 'x', n] | join(', ')", "x"),
        ("['x', n] | map('upper') | join('+')", "X"),
        ("rows | join(', ', attribute='a')", "3, 1"),
        ("rows | map(attribute='a') | join(', ')", "3, 1"),
        ("rows | sum(attribute='a')", "4"),
        ("[1, n, 3] | sum", "4"),
        ("[2, n, 1] | min", "1"),
        ("[2, n, 1] | max", "2"),
        ("(rows | max(attribute='a')).a", "3"),
        ("[n, n] | min", ""),
        ("[2, n, 1] | sort | join(',')", "1,2"),
        ("['b', n, 'a'] | sort | join(',')", "a,b"),
        ("rows | sort(attribute='a') | map(attribute='a') | join(',')", "1,3"),
        ("rows | groupby('a') | map(attribute='grouper') | join(',')", "1,3"),
        ("[n, n, 1] | unique | list | length", "2"),
        ("n | upper", ""),
        ("n | title | trim", ""),
        ("n | truncate(3)", ""),
        ("n | replace('a', 'b')", ""),
        ("'abc' | replace(n, 'x')", "abc"),
        ("'abc' | replace('b', n)", "ac"),
        ("n | center(9)", ""),
        ("n | indent(4, true)", ""),
        ("n | wordwrap", ""),
        ("n | urlize", ""),
        ("n | striptags", ""),
        ("n | escape", ""),
        ("n | safe", ""),
        ("n | string", ""),
        ("n | urlencode", ""),
        ("{'a': n} | urlencode", "a="),
        ("{'a': n, 'b': 1} | xmlattr", ' b="1"'),
        ("n | number", ""),
        ("n | percent", ""),
        ("n | money('EUR')", ""),
        ("n | date", ""),
        ("n | time", ""),
        ("n | datetime", ""),
        ("'2026-12-01T08:00:00Z' | date(tz=n)", "Dec 1, 2026"),
        ("n | round", ""),
        ("n | abs", ""),
        ("n | filesizeformat", ""),
        ("n | first", ""),
        ("n | last", ""),
        ("n | length", "0"),
        ("n | int", "0"),
        ("n | float", "0.0"),
        ("n | default('x')", ""),
        ("n | default('x', true)", "x"),
        ("n or 'x'", "x"),
        ("n | tojson", "null"),
        ("[n, {'a': n}] | tojson", '[null, {"a": null}]'),
        ("n is none", "True"),
        ("n is defined", "True"),
        ("n is string", "False"),
        ("n is sequence", "False"),
        ("n is sameas none", "True"),
        ("n == none", "True"),
        ("none == n", "True"),
        ("n != none", "False"),
        ("n == ''", "True"),
        ("n == 0", "False"),
        ("n in [none]", "True"),
        ("none in [n]", "True"),
        ("n > 1", "False"),
        ("n < 1", "False"),
        ("1 >= n", "False"),
        ("n < 'x'", "False"),
        ("n == rows[1].a", "True"),
        ("n % 2", ""),
        ("7 % n", ""),
        ("n ** 2", ""),
        ("'2026-12-01' | date(n)", "Dec 1, 2026"),
        ("'2026-12-01' | date('short', n)", "12/1/26"),
        ("1.5 | number(n)", "1.5"),
        ("'yes' if n else 'no'", "no"),
        ("none", ""),
        ("none ~ 'x'", "x"),
        ("(none or none) | upper", ""),
        ("[none, 'x'] | join(',')", "x"),
        ("rows[0].get('z')", ""),
        ("rows[0].get('z') ~ 'x'", "x"),
        ("[1].append(2)", ""),
    ],
)
def test_null_is_blank(folder, expression, written):
    folder.write(subject_txt=f"[{{{{ {expression} }}}}]", body_txt=f"{{{{ {expression} }}}}")

    content = folder.content(n=None, rows=[{"a": 3}, {"a": None}, {"a": 1}])
    assert content.body == written
    assert content.subject.replace(" ", "") == f"[{content.body}]".replace(" ", "")


def test_null_is_blank_in_links(folder):
    body = folder.body(
        '<a href="https://x.example/?a={{ n }}&b={{ n | urlencode }}" title="{{ n }}">{{ n }}</a>', n=None
    )

    assert body == '<a href="https://x.example/?a=&b=" title=""></a>'


@pytest.mark.parametrize(
    "text", ["{{ rows }}", "{{ rows | list }}", "{{ rows | string }}", "{{ rows | pprint }}", "{{ n | pprint }}"]
)
def test_a_list_with_a_null_in_it_does_not_say_none_either(folder, text):
    assert "None" not in folder.body(text, rows=[None, {"a": None}], n=None)


@pytest.mark.parametrize(
    "call", ["'%d' | format(a.n)", "'%.2f' % a.n", "'x' | truncate(a.n)", "1.5 | round(a.n)", "1 | money(a.n)"]
)
def test_where_only_a_number_will_do_a_null_is_named_by_its_path(folder, call):
    folder.write(subject_txt="s", body_html=f"{{{{ {call} }}}}")

    assert [*folder.problems(a={"n": None})] == ["a.n"]


def test_a_null_is_named_by_its_own_path_among_others(folder):
    assert folder.wrong("{{ a.x.y }}{{ b[1].z }}", a={"x": None, "u": None}, b=[None, None]) == {
        "a.x": "must be an object.",
        "b[1]": "must be an object.",
    }


NAMES = [
    "upper",
    "trim",
    "title",
    "length",
    "list",
    "join",
    "first",
    "last",
    "sort",
    "unique",
    "sum",
    "min",
    "max",
    "string",
    "escape",
]
NAMES += [
    "tojson",
    "reverse",
    "wordcount",
    "striptags",
    "urlize",
    "capitalize",
    "number",
    "percent",
    "date",
    "int",
    "abs",
    "round",
]
EXPRESSIONS = st.recursive(
    st.sampled_from(["n", "o.n", "rows[1]", "'x'", "1", "rows", "none"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["~", "+", "*", "-", "==", "<", "in", "and", "or"]), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
        st.tuples(inner, st.sampled_from(NAMES)).map(lambda t: f"({t[0]} | {t[1]})"),
        st.tuples(inner, inner).map(lambda t: f"[{t[0]}, {t[1]}]"),
        st.tuples(inner, inner).map(lambda t: f"('%s %s' | format({t[0]}, {t[1]}))"),
    ),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(expression=EXPRESSIONS)
def test_no_expression_says_none(shared_folder, expression):
    shared_folder.write(subject_txt=f"{{{{ {expression} }}}}", body_html=f"<p title='{{{{ {expression} }}}}'>")
    try:
        content = shared_folder.content(n=None, o={"n": None}, rows=["y", None, {"z": None}])
    except InvalidRequest:
        return
    assert "none" not in (content.subject + content.body).lower()
