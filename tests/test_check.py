"""What is wrong with the templates in a folder."""

import json

import pytest

from mailer.local.programs import ROOT
from mailer.templating.lint.check import check
from mailer.templating.lint.filenames import part_for, parts
from mailer.templating.templates import PACKAGED
from tests.terminal import mailer

PIXEL = b"\x89PNG"

# A sound template in two languages, with a layout, an image, a partial of its own, a schema and a schedule of doubt.
SOUND = {
    "_shared/layout.html": "<body>{% block body %}{% endblock %}<img src='cid:sign.png'>{{ sender }}</body>",
    "_shared/sign.png": PIXEL,
    "t/subject.txt": "Order {{ order.number }}",
    "t/body.html": "{% extends '_shared/layout.html' %}{% block body %}<img src='cid:logo.png'>"
    "{{ order.total | money('EUR') }}\n"
    "{% for line in order.lines %}{% include 'line.html' %}{% endfor %}{{ note | default('') }}{% endblock %}",
    "t/line.html": "<p>{{ line.name }}</p>",
    "t/logo.png": PIXEL,
    "t/subject.fr.txt": "Commande {{ order.number }}",
    "t/body.fr.html": "{% extends '_shared/layout.html' %}"
    "{% block body %}{{ order.total | money('EUR') }} {{ tva }}{% endblock %}",
    "t/sample.json": {
        "sender": "x",
        "tva": "20 %",
        "order": {"number": 7, "total": 12.5, "lines": [{"name": "x"}]},
        "note": "x",
    },
    "t/schema.json": {"properties": {"order": {"properties": {"number": {"type": "integer"}}}}},
    "t/template.json": {"on_uncertain": "resend", "locale": "en"},
    "t/.gitkeep": "",
}

GERMAN = {
    "t/subject.de.txt": "Bestellung {{ order.number }}",
    "t/body.de.html": "{{ note }}",
    "t/sample.de.json": {"order": {"number": 7}, "note": "x"},
}


@pytest.fixture
def told(tmp_path):
    """The faults of the sound folder with changes; None leaves a file out."""

    def told(changes, *, base=SOUND):
        for name, content in (base | changes).items():
            if content is not None:
                file = tmp_path / name
                file.parent.mkdir(exist_ok=True)
                text = json.dumps(content) if isinstance(content, dict) else content
                file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return [str(fault) for fault in check(tmp_path)]

    return told


def without(name):
    """The sample without one variable."""
    return {key: value for key, value in SOUND["t/sample.json"].items() if key != name}


def test_a_sound_folder_has_no_faults(told):
    assert told({}) == []


def test_the_packaged_templates_have_no_faults():
    assert check(PACKAGED) == []


@pytest.mark.parametrize(
    ("changes", "place", "words"),
    [
        # Files
        ({"t/subject.txt": None}, "t/subject.txt", "is missing"),
        ({"t/sample.json": None, "t/schema.json": None}, "t/sample.json", "is missing"),
        ({"t/boddy.html": "x"}, "t/boddy.html", "means nothing: did you mean body.html?"),
        ({"t/logo.svg": "x"}, "t/logo.svg", "means nothing"),
        ({"t/body.txt": "x"}, "t/body.txt", "is never used"),
        ({"t/body.fr.html": None, "t/sample.json": without("tva")}, "t/body.fr.html", "is missing, although"),
        ({"t/subject.fr.txt": None}, "t/subject.fr.txt", "is missing, although"),
        ({"t/body.fr.html": None, "t/body.fr.txt": "{{ tva }}"}, "t/body.fr.html", "is missing, although"),
        (GERMAN, "t/sample.fr.json", "is missing, although"),
        # Sources
        ({"t/body.fr.html": "{{ tva }}\n{% if %}"}, "t/body.fr.html:2", "Expected an expression"),
        ({"t/body.fr.html": "{{ tva }}{{ order.total | mony }}"}, "t/body.fr.html:1", "No filter named 'mony'"),
        (
            {"t/body.fr.html": "{{ tva }}\n{% extends '_shared/no.html' %}"},
            "t/body.fr.html:2",
            "there is no file _shared/no.html",
        ),
        ({"t/line.html": None}, "t/body.html:2", "there is no file line.html"),
        (
            {"_shared/layout.html": "\n{% if %}<img src='cid:sign.png'>"},
            "_shared/layout.html:2",
            "Expected an expression",
        ),
        ({"t/line.html": "{{ line.name }}\n\n{{ 1 / 0 }}"}, "t/line.html:3", "divided by zero"),
        ({"t/body.fr.html": b"{{ tva }}\xff"}, "t/body.fr.html:1", "UTF-8"),
        # Variables
        (
            {"t/line.html": "\n{{ line.name }}{{ line.nmae }}"},
            "t/line.html:2",
            "`order.lines[].nmae` is neither in sample.json",
        ),
        ({"t/sample.json": without("note")}, "t/body.html:2", "`note` is neither in"),
        ({"t/sample.json": without("tva")}, "t/body.fr.html:1", "`tva` is neither in sample.json"),
        ({"t/sample.json": SOUND["t/sample.json"] | {"extra": {"a": 1}}}, "t/sample.json", "`extra` is used nowhere"),
        (
            {"t/schema.json": {"properties": {"odrer": {"properties": {"a": {}}}}}},
            "t/schema.json",
            "`odrer` is used nowhere",
        ),
        ({"t/schema.json": {"required": ["id"], "properties": {"note": {}}}}, "t/sample.json", "`id` is missing"),
        ({"t/schema.json": {"properties": {"note": {"type": "number"}}}}, "t/sample.json", "`note`"),
        ({"t/schema.json": {"properties": {"note": {"type": "nunber"}}}}, "t/schema.json", "this is no JSON Schema"),
        ({"t/sample.json": "{\n  'order': 7}"}, "t/sample.json:2", "this is no JSON"),
        ({"t/schema.json": "[]"}, "t/schema.json", "this is JSON but no object"),
        ({"t/template.json": {"on_uncertain": "perhaps"}}, "t/template.json", "must be hold, resend or verify"),
        ({"t/template.json": {"locale": "français"}}, "t/template.json", "must be a language tag"),
        ({"t/template.json": {"on_uncertian": "hold"}}, "t/template.json", "did you mean on_uncertain?"),
        ({"t/template.json": "{"}, "t/template.json:1", "this is no JSON"),
        # Images
        (
            {"t/line.html": "\n{{ line.name }}<img src='cid:loog.png'>"},
            "t/line.html:2",
            "cid:loog.png is neither in the template's folder nor in _shared",
        ),
        ({"t/unseen.png": PIXEL}, "t/unseen.png", "no body shows it"),
        ({"_shared/unseen.png": PIXEL}, "_shared/unseen.png", "no template shows it"),
        ({"t/logo.png": None}, "t/body.html:1", "cid:logo.png is neither"),
    ],
)
def test_a_fault_is_named_with_its_place_and_is_the_only_one(told, changes, place, words):
    (fault,) = told(changes)

    assert fault.startswith(f"{place}: ")
    assert words in fault


@pytest.mark.parametrize(
    "changes",
    [
        {"t/subject.fr-CA.txt": "Commande no {{ order.number }}"},
        {"t/body.html": None, "t/body.fr.html": None, "t/line.html": None, "t/logo.png": None}
        | {"_shared/layout.html": None, "_shared/sign.png": None, "t/sample.json": {"order": {"number": 7}, "a": 1}}
        | {"t/body.txt": "{{ a }}", "t/body.fr.txt": "{{ a }}"},
        {"t/body.txt": "plain", "t/line.html": "{% include 'body.txt' %}{{ line.name }}"},
        {"t/logo.png": None, "_shared/logo.png": PIXEL},
        {"t/body.fr.html": "{{ tva }}{# <img src='cid:no.png'> #}"},
        {"t/line.html": "{{ line | tojson }}"},
        {"t/sample.json": without("note"), "t/schema.json": {"properties": {"note": {"type": "string"}}}},
        {"t/logo-en.png": PIXEL, "t/line.html": "{{ line.name }}<img src='cid:logo-{{ locale }}.png'>"},
        {"t/line.html": "{{ line.name }}<!-- was: cid:old.png --> acid:7"},
        {"t/a&b.png": PIXEL, "t/line.html": "{{ line.name }}<img src='cid:a&amp;b.png'>"},
        {"t/a.jpg": PIXEL, "t/line.html": "{{ line.name }}{% set name = 'a' %}<img src='cid:{{ name }}.jpg'>"},
        {"t/row.html": "{{ tva }}", "t/body.fr.html": "{% include 't/row.html' %}"},
    ],
)
def test_what_is_right_is_no_fault(told, changes):
    assert told(changes) == []


def test_two_regions_of_a_language_do_not_lend_each_other_files(told):
    files = {"t/subject.txt": "S", "t/body.html": "B", "t/sample.json": {}}
    regions = {"t/subject.fr-FR.txt": "S", "t/body.fr-CA.html": "B"}

    assert [fault.partition(":")[0] for fault in told(files | regions, base={})] == [
        "t/body.fr.html",
        "t/subject.fr.txt",
    ]


def test_a_dead_image_is_found_in_any_file_that_a_body_includes(told):
    line = "{% if line.name %}{{ line.name }}{% else %}{% include 'row.htm' %}{% endif %}"

    (fault,) = told({"t/row.htm": "<img src='cid:gone.png'>", "t/line.html": line})

    assert fault.startswith("t/row.htm:1: cid:gone.png is neither")


def test_an_image_that_callers_bring_is_no_dead_one(told):
    body = "{% extends '_shared/layout.html' %}{% block body %}<img src='cid:qr.png'><img src='cid:logo.png'>"
    body += "{{ order.total | money('EUR') }}{% for line in order.lines %}{% include 'line.html' %}{% endfor %}"
    body += "{{ note | default('') }}{% endblock %}"

    assert "qr.png" in " ".join(told({"t/body.html": body}))
    assert told({"t/body.html": body, "t/template.json": {"content_ids": ["qr.png"]}}) == []


def test_one_fault_of_a_layout_is_told_once_however_many_templates_use_it(told):
    others = {name.replace("t/", "u/"): content for name, content in SOUND.items() if name.startswith("t/")}
    layout = SOUND["_shared/layout.html"] + "\n<img src='cid:sing.png'>"

    (fault,) = told(others | {"_shared/layout.html": layout})
    assert fault.startswith("_shared/layout.html:2: cid:sing.png")


def test_a_folder_with_a_sample_alone_lacks_the_rest(told):
    places = [fault.split(":")[0] for fault in told({"t/sample.json": "{}", "t/template.json": "{}"}, base={})]

    assert places == ["t/body.html", "t/subject.txt"]


@pytest.mark.parametrize("base", [{}, {"readme.txt": "x"}, {"_shared/layout.html": "x"}])
def test_a_folder_without_templates_is_a_fault(told, base):
    (fault,) = told({}, base=base)

    assert "there is no template here" in fault


@pytest.mark.parametrize(
    ("tag", "file"), [("fr-ca", "body.fr-CA.txt"), ("fr-be", "body.fr.html"), ("de", "body.html"), ("", "body.html")]
)
def test_a_language_without_a_file_of_its_own_takes_a_wider_one(tag, file):
    known = parts(["body.html", "body.txt", "body.fr.html", "body.fr-CA.txt", "subject.de.txt"])

    assert part_for(tag, "body", known).file == file


# The command


TEN = {
    "t/boddy.html": "x",
    "t/body.fr.html": "{{ tva }}\n<img src='cid:loog.png'>",
    "t/line.html": "{{ line.name }}{{ line.nmae }}",
    "t/sample.json": SOUND["t/sample.json"] | {"extra": 1},
    "t/unseen.png": PIXEL,
    "t/template.json": {"on_uncertain": "perhaps"},
    "t/schema.json": {"properties": {"note": {"type": "number"}}},
    "u/body.html": "\n{% for x in y %}",
    "u/body.de.html": "{% include 'no.html' %}",
    "u/subject.de.txt": "x",
    "u/sample.json": "{}",
}


def run(*arguments, **environ):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        for name, text in environ.items():
            patch.setenv(name, text)
        return mailer("templates", "check", *arguments)


def test_of_ten_planted_faults_all_ten_are_named(told, tmp_path):
    told(TEN)
    done = run(tmp_path)

    places = [line.split(": ")[0] for line in done.out.splitlines()[:-1]]
    assert places == [
        "t/boddy.html",
        "t/body.fr.html:2",
        "t/line.html:1",
        "t/sample.json",  # `extra`
        "t/sample.json",  # `note`
        "t/template.json",
        "t/unseen.png",
        "u/body.de.html:1",
        "u/body.html:2",
        "u/subject.txt",
    ]
    assert done.out.splitlines()[-1] == f"{tmp_path}: 10 faults"
    assert done.code == 1


@pytest.mark.parametrize("setting", ["", "packaged", "https://contoso.blob.core.windows.net/templates"])
def test_the_packaged_templates_are_checked_where_the_settings_name_no_folder(setting):
    done = run(MAILER_TEMPLATES=setting)

    assert (done.code, done.err) == (0, "")
    assert done.out == f"{PACKAGED}: no faults\n"


def test_a_folder_in_the_settings_that_is_not_there_is_told():
    done = run(MAILER_TEMPLATES="nowhere")

    assert (done.code, done.out) == (1, "")
    assert "there is no folder nowhere" in done.err


def test_the_folder_of_the_settings_is_checked(told, tmp_path):
    told({})

    assert run(MAILER_TEMPLATES=str(tmp_path)).out == f"{tmp_path}: no faults\n"
