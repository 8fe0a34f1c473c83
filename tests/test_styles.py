"""CSS where mail programs look for it, and nothing else changed."""

import html.parser
import re

import pytest

STYLE = (
    "<style>p { color: red } a:hover { color: blue } @media (prefers-color-scheme: dark) { p { color: white } }</style>"
)


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


# What css-inline would read otherwise than a browser


@pytest.mark.parametrize(
    ("text", "there"),
    [
        (
            '<style media="screen and (max-width: 9px)">p{color:blue}</style><p>x',
            '<style media="screen and (max-width: 9px)">',
        ),
        ('<style media="PRINT">p{display:none}</style><p>x', "<p>x</p>"),
        ('<style media="all">p{color:red}</style><p>x', '<p style="color: red;">'),
        ('<style media="">p{color:red}</style><p>x', '<p style="color: red;">'),
        ('<style type="text/less">p{color:@a}</style><style>p{color:red}</style><p>x', "p{color:@a}"),
        ('<style data-premailer="ignore">p{color:blue}</style><style>p{color:red}</style><p>x', "p{color:blue}"),
        ("<style>p{color:red}</style><p>x</p><svg><style>path{fill:red}</style></svg>", "<svg><style>path{fill:red}"),
        ("<style>p{color:red}</style><svg><defs><style>.a{fill:red}</style></defs></svg>", "<style>.a{fill:red}"),
        ("<style>p{color:red}</style><noscript><style>i{color:blue}</style></noscript>", "i{color:blue}"),
        ("<style>p{color:red}</style><p>a<![if gte mso 9]>b<![endif]>c", "<![if gte mso 9]>b<![endif]>"),
        ("<style>p{color:red}</style><p>a<![CDATA[b]]>c", "<![CDATA[b]]>"),
        ('<?xml version="1.0"?><!DOCTYPE html><style>p{color:red}</style><p>a', '<?xml version="1.0"?><!DOCTYPE html>'),
        ("<!-- a --><!-- <!doctype x> -->\n<!doctype HTML><style>p{color:red}</style><p>", "<!doctype HTML>"),
        ("<style>p{display:block;display:flex}</style><p>x", 'style="display: block;display: flex;"'),
        ("<style>p{width:100px;width:calc(50% - 1px)}</style><p>x", "width: 100px;width: calc(50% - 1px);"),
        (
            "<style>p{color:#111;color:rgba(1,2,3,.5)}.a{margin:0}</style><p class=a>x",
            "color: #111;color: rgba(1,2,3,.5);",
        ),
        (
            "<style>p{background:#111}.a{background:linear-gradient(#111,#222)}</style><p class=a>x",
            "background: #111;back",
        ),
        ("<style>p{color:red}.a{color:blue}</style><p class=a>x", 'style="color: blue;"'),
        ("<style>.a{padding-left:1px}.b{padding:0}</style><p class='a b'>x", 'style="padding-left: 1px;padding: 0;"'),
        (
            "<style>.a{padding-left:1px}.b{padding:0}.c{padding-left:2px}</style><p class='a b c'>x",
            '"padding: 0;padding-left: 2px;"',
        ),
        (
            "<style>p{color:red !important}.a{color:blue}</style><p class=a>x",
            '"color: blue;color: red;color: red !important;"',
        ),
        (
            "<style>p{color:red}</style><style media=print>p{color:blue}</style><p>x",
            "<style media=print>p { color: blue !important; }",
        ),
        (
            "<style>p{color:red}</style><!--[if mso]><style>p{color:blue;margin:0}</style><![endif]--><p>x",
            "<!--[if mso]><style>p { color: blue !important; margin: 0; }\n</style><![endif]-->",
        ),
        ("<style>p{color:red}</style><p style='color:blue;font:a \"b\"'>x", 'style="color:blue;font:a &quot;b&quot;"'),
        ("<style>p{margin:0}</style><p style=color:blue>x", 'style="margin: 0;color:blue"'),
        ("<style>p{margin:0}</style><p style='a:b' id=c style='*d:e'>x", 'style="margin: 0;a:b"'),
        ('<style>p{background:url("a.png")}</style><p>x', "background: url('a.png');"),
        ("<style>p{color red;margin:0;;*zoom:1}</style><p>x", 'style="margin: 0;"'),
        ("<style>}{</style><style>p{margin:0}</style><p>x", 'style="margin: 0;"'),
        (
            "<style>p{margin:0}@media(max-width:9px){p{margin:1px}p{color:red}}</style><p>x",
            "p {margin: 1px !important;}p {color: red;}",
        ),
        ("<style>p{font:1px a}p:hover{line-height:2;color:red}</style><p>x", "line-height: 2 !important; color: red;"),
        ("<style>p{color:red}@font-face{font-family:a;color:b}</style><p>x", "@font-face{font-family:a;color:b}"),
        ("<style>p{color:red}@keyframes k{from{color:blue}}</style><p>x", "@keyframes k{from{color:blue}}"),
        ("<style>p{color:red}@media print{@supports (a:b){p{color:blue}}}</style><p>x", "p {color: blue !important;}"),
        ("<style>p{color:red}.a{&:hover{color:blue}}</style><p class=a>x", "&:hover {color: blue !important;}"),
        (
            "<style>#outlook a{padding:0}.ExternalClass p{margin:0}p{margin:1px}</style><p>x",
            ".ExternalClass p { margin: 0 !important; }",
        ),
        ("<style>.x::before{content:'{}'}p{color:red}</style><p title='}'>x", 'content: "{}"'),
        ("<style><!-- p{color:red} --></style><p>x", 'style="color: red;"'),
        ("<style>p{color:red}</style><script>'<p style=\"*a\">'</script><p>x", "<script>'<p style=\"*a\">'</script>"),
    ],
)
def test_css_keeps_its_meaning(folder, text, there):
    assert there in folder.body(
        f"<html><body>{text}</body></html>".replace("<html><body><?", "<?").replace("<html><body><!", "<!")
    )


@pytest.mark.parametrize(
    "hostile", ["*zoom:1", "color:", "\\", "}", "{;", "a:b;\\n", '"', "';--", "x" * 100_000, "/*", "url(", "é:ü"]
)
def test_a_variable_in_a_style_attribute_costs_its_declaration_and_never_the_mail(folder, hostile):
    body = folder.body('<style>p{margin:0}</style><p style="{{ x }}">a</p><p style="color:red">b</p>', x=hostile)

    assert 'style="margin: 0;color:red"' in body


@pytest.mark.parametrize("hostile", ["p{", "}", "<!--", "*", "@import", "\\", "</p>", "/*", "url("])
def test_a_variable_in_a_style_element_never_costs_the_mail(folder, hostile):
    assert "<p" in folder.body("<style>a{color:{{ x }}} p{margin:0}</style><p>a</p>", x=hostile)


def test_elements_within_one_another_without_end_do_not_end_the_process(folder):
    body = "<style>p{margin:0}</style>" + "<div>" * 50_000 + "<p>x"

    assert folder.body(body) == body


def test_flat_elements_are_inlined_however_many_they_are(folder):
    body = folder.body("<style>li{margin:0}</style><ul>" + "<li>x" * 5_000)

    assert body.count('<li style="margin: 0;">') == 5_000


def test_no_mark_is_left_behind(folder):
    text = (
        "<!doctype html><style>p{color:red}a:hover{color:blue}@media print{p{a:b}}</style><![if x]><p style='a:b' id=c>"
    )

    assert not re.search(r"m[0-9a-f]{16}", folder.body(text))
