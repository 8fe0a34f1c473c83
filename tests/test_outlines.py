"""CSS that is inlined once for many mails comes out as if it had been inlined for each."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.templating import outlines
from mailer.templating.inline_images import content_ids
from mailer.templating.outlines import finished
from mailer.templating.styles import inline_css

STYLE = "<style>p{color:red} .a{margin:0} td>b{color:blue} a:hover{color:#111} @media print{p{color:#000}}</style>"

TAGS = [
    *(
        "<p>",
        "</p>",
        "<P class=a>",
        "<b>",
        "</b>",
        "<br>",
        "<br/>",
        "<td>",
        "<tr>",
        "<table>",
        "</table>",
        "<div class='a'>",
    ),
    *("</div>", '<a href="', '">', "</a>", "<!-- b -->", "<!--[if mso]><p><![endif]-->", "<!--[if !mso]><!-->", "<!--"),
    *(
        "-->",
        "<!-->",
        "<![if mso]>",
        "<title>",
        "</title>",
        "<textarea>",
        "</textarea>",
        "<pre>",
        "<script>",
        "</script>",
    ),
    *(
        "<head>",
        "</head>",
        "<body>",
        "</body>",
        "<html>",
        "<!doctype html>",
        '<img src="cid:a.png">',
        "<svg>",
        "<select>",
    ),
    *(
        "<option>",
        '<p style="margin:1px">',
        '<p title="',
        "'",
        "<colgroup>",
        "<col>",
        "<plaintext>",
        "<noscript>",
        STYLE,
        "<style>",
    ),
]
TEXTS = [
    *(
        "x",
        " ",
        "\n",
        "a &amp; b",
        "&lt;b&gt;",
        "it&#39;s",
        "&#34;",
        "&quot;",
        "&eacute;",
        "&",
        "&copy",
        "\u00a0",
        "<",
        ">",
        "é",
    ),
    *(" x ", "\r\n", "&nbsp;", "\\1", "\\g<0>", "style = ", "<p", "=", "[href]", "&amp;lt;", "&#x41;", "\u2028"),
]
HOLE = object()


@pytest.fixture(autouse=True)
def fresh():
    outlines._seen.clear()
    outlines._outline.cache_clear()


def has_outline(body):
    return outlines._outline(outlines._taken_apart(body)[0]) is not None


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.sampled_from([*TAGS, *TEXTS, HOLE, HOLE, HOLE]), max_size=12),
    st.lists(st.lists(st.sampled_from(TEXTS), max_size=3).map("".join), min_size=4, max_size=4),
    st.booleans(),
)
def test_a_body_comes_out_as_if_it_were_the_only_one(parts, texts, styled):
    for filling in texts[:1] * 2 + texts:
        body = STYLE * styled + "".join(filling if part is HOLE else part for part in parts)

        made, shown = finished(body)

        assert made == inline_css(body)
        assert set(shown) == set(content_ids(made))


@pytest.mark.parametrize("text", [*TEXTS, "Ada & Bob", "<script>alert(1)</script>", "&#8203;", "x" * 9])
def test_a_text_is_written_as_in_any_other_mail(text):
    bodies = [f'<html>{STYLE}<p>{one}</p><a href="{one}">y</a></html>' for one in ("a", "b", "c", text)]

    assert [finished(body)[0] for body in bodies] == [inline_css(body) for body in bodies]


@pytest.mark.parametrize(
    "link", ["https://example.com/?a=1&amp;b=2", "https://example.com/?a=1&b=2", "&lt;", "a'b", "\u00a0"]
)
def test_a_link_is_written_as_in_any_other_mail(link):
    bodies = [f'{STYLE}<a class=a href="{one}">y</a>' for one in ("a", "b", "c", link)]

    assert [finished(body)[0] for body in bodies] == [inline_css(body) for body in bodies]


def test_a_rule_that_looks_at_links_is_inlined_for_each_mail():
    bodies = [f'<style>a[href="x"]{{color:red}}</style><a href="{one}">y</a>' for one in ("a", "b", "x")]

    assert "color: red" in [finished(body)[0] for body in bodies][-1]


def test_mails_of_one_template_share_an_outline_whatever_they_say():
    bodies = [
        f'{STYLE}<p>{text}</p>\n<table><tr><td><b>{text}</b></td></tr></table><a href="https://example.com/{link}">x</a>'
        for text, link in (("Ada", 1), ("it&#39;s Bob", "?a=1&amp;b"), ("\u00a0x", ""), ("&lt;", "é"))
    ]

    for body in bodies:
        finished(body)

    assert has_outline(bodies[0])
    assert (outlines._outline.cache_info().misses, len(outlines._seen)) == (1, 1)


def test_a_mail_that_is_like_no_other_is_not_kept():
    for number in range(5):
        finished(f"{STYLE}<p class=c{number}>x</p>")

    assert outlines._outline.cache_info().currsize == 0


def test_threads_that_come_with_the_same_new_outline_have_it_inlined_once(monkeypatch):
    """Else each would take the memory and the time of it: at a worker's start all of them come at once."""
    inlined, together = [], threading.Barrier(8)

    def counted(body):
        inlined.append(body)
        time.sleep(0.01)  # as long as the others need to come
        return inline_css(body)

    def one(number):
        together.wait(10)
        return finished(f"{STYLE}<p>{number}</p><i></i><i></i>")[0]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))  # so that the outline has been seen
        outlines._outline.cache_clear()
        monkeypatch.setattr(outlines, "inline_css", counted)
        bodies = list(pool.map(one, range(8)))

    assert len(inlined) == len(set(inlined)) == 3  # with marks, as it is, with samples
    assert bodies == [inline_css(f"{STYLE}<p>{number}</p><i></i><i></i>") for number in range(8)]


@pytest.mark.parametrize("place", ["text", "link", "tag"])
@pytest.mark.parametrize("character", ["\0", "\1", "\x0b", "\x85", "\ud800"])
def test_what_is_no_character_is_gone_also_where_the_outline_is_known(character, place):
    def body(odd):
        text, link, tag = (odd if each == place else "" for each in ("text", "link", "tag"))
        return f'{STYLE}<p class="a{tag}">a{text}b</p><a href="https://contoso.com/{link}">c</a>'

    plain = [finished(body(""))[0] for _ in range(3)]

    assert [finished(body(character))[0] for _ in range(3)] == plain
