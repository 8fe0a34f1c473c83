"""The images that go with a mail."""

import pytest

from mailer.request.attachment import File
from tests.written import Written

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(100))


@pytest.fixture
def folder(tmp_path):
    written = Written(tmp_path)
    written.put({"t/logo.png": PNG, "t/photo.JPG": b"jpg", "t/notes.txt": "n", "_shared/wave.gif": b"gif"})
    return written


def ids(folder, text, **variables):
    folder.write(subject_txt="s", body_html=text)
    return [image.content_id for image in folder.content(**variables).images]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('<img src="cid:logo.png">', ["logo.png"]),
        ("<IMG SRC='CID:logo.png'>", ["logo.png"]),
        ("<img src=cid:logo.png>", ["logo.png"]),
        ('<img alt="a > b" src="cid:logo.png">', ["logo.png"]),
        ('<img src="cid:photo.JPG"><img src="cid:logo.png"><img src="cid:photo.JPG">', ["photo.JPG", "logo.png"]),
        ('<img src="cid:wave.gif">', ["wave.gif"]),
        ('<td background="cid:logo.png">', ["logo.png"]),
        ('<td style="background: url(cid:logo.png) no-repeat">', ["logo.png"]),
        ("<td style=\"background: url('cid:logo.png')\">", ["logo.png"]),
        ("<style>td { background: url(cid:logo.png) }</style><table><tr><td>x", ["logo.png"]),
        ("<style>@media print { td { background: url('cid:logo.png') } }</style>", ["logo.png"]),
        ('<!--[if mso]><v:fill src="cid:logo.png"/><![endif]-->', ["logo.png"]),
        ('<!--[if !mso]><!--><img src="cid:logo.png"><!--<![endif]-->', ["logo.png"]),
        ('<script src="cid:wave.gif"></script><img src="cid:logo.png">', ["wave.gif", "logo.png"]),
        ('<!-- <img src="cid:gone.png"> --><img src="cid:logo.png"><!-- -->', ["logo.png"]),
        ("cid:logo.png", []),
        ('<a title="cid:logo.png" href="https://example.com">x</a>', []),
        ("no image", []),
    ],
)
def test_the_images_that_the_html_shows_go_along_once(folder, text, shown):
    assert ids(folder, text) == shown


def test_an_image_can_be_read_piece_by_piece(folder):
    folder.write(subject_txt="s", body_html='<img src="cid:logo.png">')

    (image,) = folder.content().images
    assert (image.filename, image.content_type, image.size) == ("logo.png", "image/png", len(PNG))
    assert image.read(0, 50) + image.read(50, 10_000) == PNG
    assert isinstance(image, File)


@pytest.mark.parametrize(("name", "kind"), [("photo.JPG", "image/jpeg"), ("wave.gif", "image/gif")])
def test_an_images_type_is_that_of_its_name(folder, name, kind):
    folder.write(subject_txt="s", body_html=f'<img src="cid:{name}">')

    assert folder.content().images[0].content_type == kind


def test_an_image_of_the_template_goes_before_a_shared_one(folder):
    folder.put({"t/wave.gif": b"own"})
    folder.write(subject_txt="s", body_html='<img src="cid:wave.gif">')

    assert folder.content().images[0].read(0, 10) == b"own"


@pytest.mark.parametrize("name", ["gone.png", "notes.txt", "../other/logo.png", "body.html"])
def test_an_image_that_is_nowhere_is_a_problem_that_names_it(folder, name):
    folder.write(subject_txt="s", body_html=f'<img src="cid:{name}">')

    problem = folder.problem()
    assert problem.code == "template_failed"
    assert problem.message.startswith(f"cid:{name} is neither in the folder of the template `t` nor among")


def test_an_image_among_the_callers_attachments_is_no_problem_and_not_the_templates(folder):
    folder.write(subject_txt="s", body_html='<img src="cid:qr.png"><img src="cid:logo.png">')

    assert [image.content_id for image in folder.content(known=["qr.png"]).images] == ["logo.png"]


@pytest.mark.parametrize("text", ["{{ x }}", '<p title="{{ x }}">x</p>', "<!-- {{ x }} -->", "<p>{{ x }}"])
@pytest.mark.parametrize(
    "hostile", ['<img src="cid:logo.png">', "cid:logo.png", '"><img src=cid:gone.png>', "--><td background=cid:x>"]
)
def test_the_text_of_a_variable_shows_no_image(folder, text, hostile):
    assert ids(folder, text, x=hostile) == []


def test_a_message_about_an_image_that_a_variable_named_does_not_quote_it(folder):
    folder.write(subject_txt="s", body_html='<img src="cid:{{ x }}">')

    assert "secret" not in folder.problem(x="secret").message


# Charts

ROWS = [{"day": "Mon", "visits": 3}, {"day": "Tue", "visits": 5.5}]


def test_a_chart_goes_along_as_an_image_of_twice_its_size(folder):
    folder.write(subject_txt="s", body_html='{{ bar_chart(rows, alt="Visits <by> day") }}')

    content = folder.content(rows=ROWS)
    (image,) = content.images
    assert (image.content_id, image.content_type) == ("chart-1.png", "image/png")
    width, height = (int.from_bytes(image.read(at, 4)) for at in (16, 20))
    assert (
        f'src="cid:chart-1.png" width="{width // 2}" height="{height // 2}" alt="Visits &lt;by&gt; day"' in content.body
    )


def test_a_chart_writes_its_numbers_as_the_language_does(folder):
    folder.write(
        subject_txt="s", body_html='{{ bar_chart(rows, alt="a") }}', body_fr_html='{{ bar_chart(rows, alt="a") }}'
    )

    def drawn(visits, locale):
        (image,) = folder.content(use_locale=locale, rows=[{"day": "", "visits": visits}]).images
        return image.read(0, image.size)

    assert drawn(1204, "en") != drawn(1204, "fr")
    assert drawn(204, "en") == drawn(204, "fr")


def test_two_charts_are_two_images(folder):
    text = '{{ bar_chart(rows, alt="a") }}{{ bar_chart(rows, label="visits", alt="b", width=300) }}'

    assert ids(folder, text, rows=ROWS) == ["chart-1.png", "chart-2.png"]


def test_what_is_wrong_with_a_charts_rows_is_named_at_once(folder):
    text = '{{ bar_chart(a, alt="a") }}{{ bar_chart(b, alt="b") }}{{ bar_chart(c, alt="c") }}'

    problems = folder.problems(text, a=[{"day": "Mon", "visits": "3"}, {"visits": True}, 5], b="rows")
    assert {path: code.rpartition("_")[2] for path, (code, _) in problems.items()} == {
        "a[0].visits": "invalid",
        "a[1].day": "missing",
        "a[1].visits": "invalid",
        "a[2]": "invalid",
        "b": "invalid",
        "c": "missing",
    }
