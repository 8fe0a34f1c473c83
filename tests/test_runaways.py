"""No template runs away, by its author or by the variables: work, memory and time are bounded."""

import time
import tracemalloc

import pytest

from tests.written import Written


@pytest.fixture
def folder(tmp_path):
    written = Written(tmp_path)
    written.put({"_shared/long.txt": "y" * 60_000})
    return written


BIG = "x" * 1_000_000
VARIABLES = {
    "n": 10**9,
    "w": "1000000000",
    "big": BIG,
    "rows": [{"a": number} for number in range(2_000)],
    "i": 10**300,
}
DOUBLED = "{% set s = namespace(x=START) %}{% for i in range(60) %}{% set s.x = STEP %}{% endfor %}{{ s.x }}"


def doubled(start, step):
    return DOUBLED.replace("START", start).replace("STEP", step)


RUNAWAYS = [
    "{{ 'x' | center(n) }}",
    "{{ 'x' | center(10**9) }}",
    "{{ 'x'.center(n) }}{{ 'x'.ljust(n) }}",
    "{{ 'x'.zfill(n) }}",
    "{{ '\t'.expandtabs(n) }}",
    "{{ (1).to_bytes(n, 'big') }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '%.1000000000f' | format(1.5) }}",
    "{{ '%*d' % (n, 1) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ '{:{}}'.format(1, n) }}",
    "{{ '{:{}}'.format(1, w) }}",
    "{{ ('%s' * 1000) | format(*([big] * 1000)) }}",
    "{{ ('%(a)s' * 10000) | format(a=big) }}",
    "{{ ('{0}' * 10000).format(big) }}",
    "{{ ('{0[a]}' * 10000).format({'a': big}) }}",
    "{{ 'x' | indent(n) }}",
    "{{ ('x\n' * 100000) | indent(100000) }}",
    "{{ big | replace('x', big) }}",
    "{{ big.replace('', big) }}",
    "{{ 'a'.translate({97: big}) }}",
    "{{ big | wordwrap(1, wrapstring=big) }}",
    "{{ ([big] * 1000) | join }}",
    "{{ ''.join([big] * 1000) }}",
    "{{ ([1] * 1000) | join(big) }}",
    "{{ [big] * 1000 }}",
    "{{ ([big] * 1000) | string }}",
    "{{ ([big] * 1000) ~ '' }}",
    "{{ ([big] * 1000) | tojson }}",
    "{{ big ~ big ~ " + " ~ ".join(["big"] * 100) + " }}",
    doubled("'x'", "s.x ~ s.x"),
    doubled("'x'", "s.x + s.x"),
    doubled("[1]", "[s.x, s.x]"),
    doubled("[1]", "[s.x] * 2"),
    doubled("[1]", "s.x + s.x"),
    doubled("{}", "{'a': s.x, 'b': s.x}"),
    doubled("{}", "dict(a=s.x, b=s.x)"),
    doubled("3", "s.x * s.x"),
    "{% set l = [1] %}{% for i in range(60) %}{{ l.extend(l) }}{% endfor %}",
    "{% set x = 'x' %}{% set x %}{{ x }}{{ x }}{% endset %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 40,
    "{{ 10 ** (1000 ** 3) }}",
    "{{ i ** 1000 }}",
    "{{ (10 ** 1000) ** 1000 }}",
    "{{ 'x' * n }}{{ [1] * n }}",
    "{% macro m(k) %}{{ m(k) }}{{ m(k) }}{% endmacro %}{{ m(1) }}",
    "{% macro m(k) %}{% if k %}{{ m(k - 1) }}{{ m(k - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "{% macro m(k) %}{% for i in range(9) %}{% if k %}{{ m(k - 1) }}{% endif %}{% endfor %}{% endmacro %}{{ m(60) }}",
    "{% block a %}{{ self.a() }}{{ self.a() }}{% endblock %}",
    "{% for x in [1] recursive %}{{ loop([1, 1]) }}{% endfor %}",
    "{% include 't/body.html' %}{% include 't/body.html' %}",
    "{% for i in range(99999) %}{% include '_shared/long.txt' %}{% endfor %}",
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{% for i in range(99999) %}{{ big }}{% endfor %}",
    "{% for i in range(99999) %}" + "y" * 60_000 + "{% endfor %}",
    "{% macro m() %}{% for i in range(99999) %}{{ big }}{% endfor %}{% endmacro %}{{ m() }}",
    "{% set x %}{% for i in range(99999) %}{{ big }}{% endfor %}{% endset %}",
    "{% filter upper %}{% for i in range(99999) %}{{ big }}{% endfor %}{% endfilter %}",
    "{% for i in range(99999) %}{% set x = range(99999) | list %}{% endfor %}",
    "{% for i in range(99999) %}{% set x = big | sort %}{% endfor %}",
    "{% for i in range(99999) %}{% if big == big ~ '' %}{% endif %}{% endfor %}",
    "{% for i in range(99999) %}{% for r in rows %}{{ r.a | money('EUR') }}{% endfor %}{% endfor %}",
    "{{ ([[1] * 1000] * 1000) | sum(start=[]) }}",
    "{{ rows | batch(n, 'x') | list }}",
    "{{ rows | slice(n) | list }}",
    "{{ rows | tojson(n) }}",
    "{{ 1.5 | round(n) }}",
    "{{ 1.5 | number(n) }}{{ 1.5 | percent(n) }}",
    "{{ '2026-12-01' | date('y' * 100000) }}",
    "{{ bar_chart(rows, label='a', value='a', alt='x', width=n) }}",
    "{{ bar_chart(rows, label='a', value='a', alt='x', width=100000) }}",
    "{{ bar_chart(rows, label='a', value='a', alt='x') }}",
    "{% for i in range(9999) %}{{ bar_chart([{'day': 'x', 'visits': 1}], alt='x') }}{% endfor %}",
]


@pytest.mark.parametrize("text", RUNAWAYS)
def test_a_template_that_runs_away_is_stopped(folder, text):
    folder.write(subject_txt="s", body_html=text)
    variables = {name: value for name, value in VARIABLES.items() if name in text}
    begun = time.thread_time()

    problems = folder.problems(**variables)

    assert problems
    assert {code for code, _ in problems.values()} <= {
        "template_failed",
        "template_variable_invalid",
        "request_too_large",
    }
    assert time.thread_time() - begun < 10


@pytest.mark.parametrize("text", ["{{ ([big] * 1000) | join }}", "{{ ('{0}' * 10000).format(big) }}"])
def test_a_template_that_runs_away_takes_little_memory(folder, text):
    folder.write(subject_txt="s", body_html=text)
    tracemalloc.start()
    folder.problems(**{name: value for name, value in VARIABLES.items() if name in text})
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 200_000_000


def test_a_large_report_is_no_runaway(folder):
    rows = "".join(f"<td>{{{{ row.c{n} | number }}}}</td>" for n in range(4))
    folder.write(subject_txt="s", body_html=f"{{% for row in rows %}}<tr>{rows}</tr>\n{{% endfor %}}")

    content = folder.content(rows=[{f"c{n}": n * 1_000 for n in range(4)} for _ in range(10_000)])
    assert content.body.count("<tr>") == 10_000


def test_a_list_put_together_row_by_row_is_no_runaway(folder):
    text = "{% set s = namespace(l=[]) %}{% for r in rows %}{% set s.l = s.l + [r] %}{% endfor %}{{ s.l | length }}"

    assert folder.body(text, rows=VARIABLES["rows"]) == "2000"
