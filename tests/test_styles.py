"""CSS where mail programs look for it, and nothing else changed."""

import html.parser

import pytest

from tests.written import Written

STYLE = (
    "<style>p { color: red } a:hover { color: blue } @media (prefers-color-scheme: dark) { p { color: white } }</style>"
)


@pytest.fixture
def folder(tmp_path):
    return Written(tmp_path)


def text_of(body):
    """What a reader sees."""
    seen = []
    parser = html.parser.HTMLParser()
    parser.handle_data = seen.append
    parser.feed(body)
    return "".join(seen)


def test_rules_move_into_style_attributes(folder):
    assert '<p style="color: red;">x</p>' in folder.body(f"{STYLE}<p>x</p>")


def test_what_no_attribute_can_say_stays_in_a_style_element(folder):
    body = folder.body(f"<head>{STYLE}</head><p>x</p>")

    style = body[body.index("<style>") : body.index("</style>")]
    assert "@media (prefers-color-scheme: dark)" in style
    assert "a:hover" in style
    assert "color: red" not in style


def test_a_body_without_a_style_element_stays_as_it_is(folder):
    text = "<!DOCTYPE HTML><P style='color:red'>&eacute;<br/><![CDATA[x]]><table><tr><td>"

    assert folder.body(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "é € \U0001f600 \u202f\u00a0\u200b",
        "&eacute; &nbsp; &amp;nbsp; &lt;b&gt; &#8203; &quot;",
        "a  b\n\n c\t",
        "5 < 6 & 7",
        "\u05e9\u05dc\u05d5\u05dd \u200f",
    ],
)
def test_the_text_survives_inlining(folder, text):
    assert text_of(folder.body(f"<html><head>{STYLE}</head><body><p>{text}</p></body></html>")[-200:]).endswith(
        text_of(f"<p>{text}</p>")
    )


@pytest.mark.parametrize(
    "kept",
    [
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">',
        "<!doctype html>",
        "<!--[if mso]><table><tr><td width=600><![endif]-->",
        "<!--[if mso]></td></tr></table><![endif]-->",
        "<!--[if !mso]><!-->",
        "<!--<![endif]-->",
        '<!--[if mso]><v:rect fill="t"><v:fill src="https://example.com/"/></v:rect><![endif]-->',
    ],
)
def test_doctype_and_the_comments_of_outlook_survive_inlining(folder, kept):
    doctype = kept if kept.lower().startswith("<!doctype") else ""
    comment = "" if doctype else kept

    body = folder.body(f"{doctype}<html><head>{STYLE}</head><body>{comment}<p>x</p></body></html>")
    assert kept in body
    assert "color: red" in body


def test_no_stylesheet_is_fetched(folder, tmp_path):
    (tmp_path / "secret.css").write_text("p { font-family: secret }")
    sheet = (tmp_path / "secret.css").as_uri()

    body = folder.body(
        f'<link rel="stylesheet" href="{sheet}"><link rel="stylesheet" href="http://127.0.0.1:9/x.css">'
        f'<style>@import url("{sheet}"); p {{ color: red }}</style><p>x</p>'
    )
    assert '<p style="color: red;">' in body
    assert "secret;" not in body
