"""The template desk in a real browser: what somebody sees who writes a template."""

import http.server
import json
import os
import shutil
import sys
import threading
import urllib.request
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from mailer.local import programs
from mailer.local.desk.panes import in_scheme, panes
from tests.browser import launched

expect.set_options(timeout=15_000)

BODY = """<!doctype html>
<html><head><meta name="color-scheme" content="light dark"><style>
body {{ background: #fff }} @media (prefers-color-scheme: dark) {{ body {{ background: #000 !important }} }}
@media (max-width: 600px) {{ h1 {{ color: rgb(1, 2, 3) }} }}
</style></head><body><h1>{words} {{{{ name }}}}</h1><img src="cid:dot.png" alt="a dot">
<img src="{remote}/pixel.png" alt=""><script>document.title = "ran"</script>
<a href="{remote}/">away</a></body></html>
"""
DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8cfc0f01f00050001ff56c7a4280000000049454e44ae426082"
)


class Remote(http.server.HTTPServer):
    """A site elsewhere that counts who comes."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
        self.visits = 0
        self.url = f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request, _):
        self.visits += 1
        self.shutdown_request(request)


@pytest.fixture(scope="module")
def remote():
    with Remote() as site:
        threading.Thread(target=site.serve_forever, args=(0.05,)).start()
        yield site
        site.shutdown()


def body(words, remote):
    return BODY.format(words=words, remote=remote.url)


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        kind, *rest = name.split("_")
        file = folder / ".".join([kind, *rest])
        file.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture(scope="module")
def desk(tmp_path_factory, remote):
    """The running desk for a folder of its own."""
    folder = tmp_path_factory.mktemp("templates")
    (port,) = programs.free_ports(1)
    write(folder / "welcome", subject_txt="Hello", body_html=body("Hello", remote), sample_json="{}")
    program = programs.Program(
        name="the desk",
        command=[sys.executable, "-m", "mailer", "templates", "--no-browser", "--port", str(port)],
        ports=(port,),
        log=tmp_path_factory.mktemp("desk") / "desk.log",
        env=os.environ | {"MAILER_TEMPLATES": str(folder)},
    )
    program.start()
    yield SimpleNamespace(folder=folder, url=f"http://127.0.0.1:{port}/", log=program.log)
    program.stop()


@pytest.fixture(scope="module")
def browser():
    with launched() as running:
        yield running


@pytest.fixture
def page(desk, browser, remote):
    """The page of the desk, on two templates as they were made."""
    shutil.rmtree(desk.folder)
    desk.folder.mkdir()
    welcome = {"subject_txt": "Hello {{ name }}", "body_html": body("Welcome", remote), "dot_png": DOT}
    french = {"subject_fr_txt": "Bonjour {{ name }}", "body_fr_html": body("Bienvenue", remote)}
    write(desk.folder / "welcome", **welcome, **french, sample_json='{"name": "Ada"}')
    write(desk.folder / "plain", subject_txt="Plain", body_txt="{{ n | number }} < 3", sample_json='{"n": 2}')
    context = browser.new_context(viewport={"width": 1600, "height": 1000}, color_scheme="light")
    opened = context.new_page()
    opened.goto(desk.url)
    expect(opened.locator("article")).to_have_count(3, timeout=30_000)
    yield opened
    context.close()


def row(page, template, locale):
    return page.locator(f"#template-{template} article").filter(has=page.locator(".locale", has_text=locale))


def mail(page, view, template="welcome", locale="en"):
    """The body of a mail as one view shows it."""
    return row(page, template, locale).frame_locator(f"[data-view={view}] iframe").locator("body")


def test_every_template_is_shown_in_every_language_and_view(page):
    for locale, subject, words in (("en", "Hello Ada", "Welcome Ada"), ("fr", "Bonjour Ada", "Bienvenue Ada")):
        one = row(page, "welcome", locale)
        expect(one.locator(".subject")).to_have_text(subject)
        for view in ("wide", "narrow", "dark", "bare"):
            expect(mail(page, view, locale=locale).locator("h1")).to_have_text(words)
        expect(one.locator("[data-view=text] pre")).to_contain_text(words)
        expect(one.locator("[data-view=source] pre")).to_contain_text(f"<h1>{words}</h1>")
    expect(row(page, "plain", "en").locator("[data-view=text] pre")).to_have_text("2 < 3")
    expect(mail(page, "wide", "plain")).to_have_text("2 < 3")


def test_the_views_differ_as_their_readers_do(page):
    expect(mail(page, "wide")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(mail(page, "dark")).to_have_css("background-color", "rgb(0, 0, 0)")
    expect(mail(page, "narrow").locator("h1")).to_have_css("color", "rgb(1, 2, 3)")
    expect(mail(page, "wide").locator("h1")).not_to_have_css("color", "rgb(1, 2, 3)")
    expect(mail(page, "wide").locator("[alt='a dot']")).to_have_js_property("naturalWidth", 1)
    expect(mail(page, "bare").locator("[alt='a dot']")).to_have_js_property("naturalWidth", 0)

    page.emulate_media(color_scheme="dark")  # the browser's own, which is none of the mail's
    expect(mail(page, "wide")).to_have_css("background-color", "rgb(255, 255, 255)")


def test_an_edited_sample_redraws_every_view_until_it_is_given_up(page):
    one = row(page, "welcome", "en")
    one.locator("textarea").fill('{"name": "Grace"}')

    expect(one.locator(".subject")).to_have_text("Hello Grace")
    expect(mail(page, "dark").locator("h1")).to_have_text("Welcome Grace")
    expect(row(page, "welcome", "fr").locator(".subject")).to_have_text("Bonjour Ada")

    one.get_by_role("button", name="as saved").click()
    expect(one.locator("textarea")).to_have_value('{"name": "Ada"}')
    expect(one.locator(".subject")).to_have_text("Hello Ada")


def test_what_is_wrong_with_a_sample_is_named_by_its_path(page):
    one = row(page, "plain", "en")
    expect(one.locator("[data-view=text] pre")).to_have_text("2 < 3")
    for sample, path, words in (
        ("{}", ["n"], "needs the variable"),
        ('{"n": "two"}', ["n"], "must be a number"),
        ('{"n": 2', [], "not JSON"),
    ):
        one.locator("textarea").fill(sample)
        expect(one.locator(".problems li")).to_contain_text(words)
        expect(one.locator(".problems code")).to_have_text(path)
        expect(one.locator("[data-view=text] pre")).to_have_text("2 < 3")  # the last good mail stays

    one.locator("textarea").fill('{"n": 1}')
    expect(one.locator(".problems li")).to_have_count(0)
    expect(one.locator("[data-view=text] pre")).to_have_text("1 < 3")


def test_saving_a_file_redraws_without_a_reload_and_keeps_what_was_typed(page, desk):
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    row(page, "welcome", "en").locator("textarea").fill('{"name": "Grace"}')
    page.evaluate("window.marker = 'here'")
    write(desk.folder / "welcome", body_html="{{ name }}, good morning", sample_json='{"name": "Alan"}')

    expect(mail(page, "wide")).to_have_text("Grace, good morning")
    expect(row(page, "welcome", "fr").locator(".subject")).to_have_text("Bonjour Alan")
    assert page.evaluate("window.marker") == "here"


def test_a_new_template_and_a_new_language_appear_by_themselves(page, desk):
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    write(desk.folder / "welcome", subject_de_txt="Hallo {{ name }}", body_de_html="{{ name }}")
    write(desk.folder / "alarm", subject_txt="Alarm", body_html="<p>!</p>", sample_json="{}")

    expect(page.locator("nav a")).to_have_text(["alarm", "plain", "welcome"])
    expect(row(page, "alarm", "en").locator(".subject")).to_have_text("Alarm")
    expect(row(page, "welcome", "de").locator(".subject")).to_have_text("Hallo Ada")


def test_faults_are_shown_until_they_are_mended(page, desk):
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    write(desk.folder / "plain", body_txt="\n{% if %}", template_json="{")

    expect(page.locator("#template-plain .faults li")).to_have_count(2)
    expect(page.locator("#template-plain .faults")).to_contain_text("plain/body.txt:2: Expected an expression")
    expect(page.locator("nav .count")).to_have_text("2")
    expect(row(page, "plain", "en").locator(".problems li")).not_to_have_count(0)

    write(desk.folder / "plain", body_txt="{{ n | number }} > 1", template_json="{}")
    expect(page.locator("#template-plain .faults li")).to_have_count(0)
    expect(row(page, "plain", "en").locator("[data-view=text] pre")).to_have_text("2 > 1")


def test_views_and_sizes_can_be_chosen(page):
    frame = row(page, "welcome", "en").locator("[data-view=narrow] .frame")
    expect(mail(page, "narrow").locator("h1")).to_be_visible()
    page.get_by_role("button", name="100 %").click()
    expect(frame).to_have_css("width", "375px")
    page.get_by_role("button", name="Dark").click()

    expect(row(page, "welcome", "en").locator("[data-view=dark]")).to_be_hidden()
    page.reload()
    expect(frame).to_have_css("width", "375px")
    expect(row(page, "welcome", "en").locator("[data-view=dark]")).to_be_hidden()


def test_no_mail_loads_anything_from_elsewhere_leads_there_or_runs(page, remote):
    wide = row(page, "welcome", "en").locator("[data-view=wide] iframe")
    expect(mail(page, "wide").locator("h1")).to_be_visible()
    mail(page, "wide").get_by_text("away").click()
    page.wait_for_timeout(300)

    assert remote.visits == 0
    assert wide.evaluate("frame => frame.contentDocument.title") == ""
    assert len(page.context.pages) == 1
    expect(mail(page, "wide").locator("h1")).to_have_text("Welcome Ada")


def test_another_site_cannot_read_the_templates_by_a_name_of_its_own(desk):
    request = urllib.request.Request(f"{desk.url}templates", headers={"Host": "evil.example.com"})

    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request)


def test_the_command_says_where_the_page_is(desk):
    assert f"Templates  {desk.url}\nFolder     {desk.folder}" in desk.log.read_text()


def test_a_taken_port_is_told(desk):
    port = desk.url.rpartition(":")[2].strip("/")
    command = [sys.executable, "-m", "mailer", "templates", "--no-browser", "--port", port]
    program = programs.Program(name="second", command=command, ports=(), log=desk.log.with_name("second.log"))
    program.launch()

    assert program.process.wait(60) == 1
    assert f"Something listens on port {port} already" in program.log.read_text()


# Ways to look at a mail


@pytest.mark.parametrize(
    ("given", "scheme", "shown"),
    [
        ("@media (prefers-color-scheme: dark) {}", "dark", "@media (min-width: 0) {}"),
        ("@media (prefers-color-scheme: dark) {}", "light", "@media (max-width: -1px) {}"),
        ("@media (PREFERS-COLOR-SCHEME:light) and (x) {}", "light", "@media (min-width: 0) and (x) {}"),
        ('<meta name="color-scheme" content="light dark">', "dark", '<meta name="color-scheme" content="dark">'),
        ('<meta name="color-scheme" content="light">', "dark", '<meta name="color-scheme" content="light">'),
        (":root { color-scheme: light dark; }", "light", ":root { color-scheme: light; }"),
        ("a { supported-color-scheme: light dark }", "dark", "a { supported-color-scheme: light dark }"),
        ("<p>dark</p>", "light", "<p>dark</p>"),
    ],
)
def test_a_colour_scheme_is_the_one_wished_for(given, scheme, shown):
    assert in_scheme(given, scheme) == shown


def test_a_frame_keeps_the_doctype_first():
    for page in panes("<!doctype html>\n<p>x</p>").values():
        assert page.startswith("<!doctype html><meta ")


def test_json_of_the_desk_names_the_folder(desk):
    with urllib.request.urlopen(f"{desk.url}templates") as answer:
        assert json.load(answer)["folder"] == str(desk.folder)
