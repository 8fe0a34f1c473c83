"""Whatever the variables hold, they change neither the structure of a mail nor its headers."""

import html.parser
import unicodedata

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailer.request.model import TemplateUse
from tests.written import Written

BODY = """<!DOCTYPE html>
<html lang="en"><head><title>{{ a }}</title>
<style>p { color: red } .b { margin: 0 } @media print { p { color: black } }</style></head>
<body>{# #}<!-- {{ a }} --><p>{{ a }}</p><p class="b" title="{{ a }}">{{ a | upper }}</p>
<a href='{{ a }}'>{{ a | title }}</a><img src="cid:logo.png" alt="{{ a }}">
<textarea>{{ a }}</textarea><table><tr><td style="color: blue">{{ a | truncate(9) }}</td></tr></table>
<ul>{% for x in list %}<li>{{ x }}</li>{% endfor %}</ul>{% include "_shared/foot.txt" %}</body></html>"""

# fmt: off
PIECES = [
    "<script>", "</title>", "</style>", "</textarea>", "-->", "--!>", "<!--", "<![CDATA[", "</", "<style>", "=", " ",
    '"', "'", ">", "<", "&", "&lt;", "{{ a }}", "{% raw %}", "{#", "p{color:blue}", "cid:x.png", "<img src=cid:x.png>",
    "\r\n", "Bcc: eve@example.com", "\x00", "\u2028", "\x85", "\x0b", "\ud800", "\udc00", "\ufffe", "\u202e", "\u2066",
    "\u200f", "\u05d0",
]
# fmt: on
HOSTILE = st.text(alphabet=st.characters(codec=None)) | st.lists(st.sampled_from(PIECES)).map("".join)


class Structure(html.parser.HTMLParser):
    """The tags of a mail with the names of their attributes, its CSS, and all else that is no text."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        style = dict(attributes).get("style")
        self.found.append((tag, [name for name, _ in attributes], style))

    def handle_data(self, data):
        if self.cdata_elem == "style":
            self.found.append(data)

    def handle_endtag(self, tag):
        self.found.append(("/", tag))

    def handle_comment(self, _):
        self.found.append("comment")

    def handle_decl(self, declaration):
        self.found.append(declaration)

    def unknown_decl(self, _):
        self.found.append("unknown")

    def handle_pi(self, _):
        self.found.append("instruction")


def structure(body):
    parser = Structure()
    parser.feed(body)
    parser.close()
    return parser.found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    written = Written(tmp_path_factory.mktemp("hostile"))
    written.put({"_shared/foot.txt": "<i>{{ a }}</i>", "t/logo.png": b"png"})
    written.write(subject_txt="Hello {{ a }}", body_html=BODY)
    written.write("text", subject_txt="{{ a }}", body_txt="{{ a }}")
    return written


def content(folder, name, text):

    use = TemplateUse.model_construct(id=name, variables={"a": text, "list": [text, text]}, locale=None)
    return folder.templates.content(use)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=HOSTILE)
@example(text="<script>alert(1)</script>")
@example(text="a" * 100_000)
@example(text="--><!--")
def test_no_variable_changes_the_structure_of_the_html(folder, text):
    mail = content(folder, "t", text)

    assert structure(mail.body) == structure(content(folder, "t", "x").body)
    assert [image.content_id for image in mail.images] == ["logo.png"]
    mail.body.encode()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=HOSTILE)
@example(text="x\r\nBcc: eve@example.com")
@example(text="moc.elpmaxe\u202e")
def test_no_variable_leaves_the_one_line_of_the_subject_or_turns_it_round(folder, text):
    subject = content(folder, "t", text).subject

    assert subject.startswith("Hello")
    assert len(f"{subject}.".splitlines()) == 1
    assert not {unicodedata.category(character) for character in subject} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(character) for character in subject} & {
        *("LRE", "RLE", "LRO", "RLO", "PDF"),
        *("LRI", "RLI", "FSI", "PDI"),
    }
    subject.encode()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=HOSTILE)
def test_a_mail_in_plain_text_says_what_the_variable_says(folder, text):
    body = content(folder, "text", text).body

    assert body == "".join(
        character for character in text if unicodedata.category(character) not in {"Cc", "Cs"} or character in "\t\n\r"
    )


@pytest.mark.parametrize(
    "text", ["\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627 \u200f!", "\u200eAda", "👨\u200d👩\u200d👧"]
)
def test_a_subject_from_right_to_left_or_of_joined_signs_stays_as_it_is(folder, text):
    assert content(folder, "t", text).subject == f"Hello {text}"


@pytest.mark.parametrize("text", ["x" * 1_000_000, "<" * 500_000, "\u202e" * 300_000, "\ud800" * 1_000_000])
def test_a_variable_of_a_megabyte_changes_nothing_but_the_length(folder, text):
    mail = content(folder, "text", text)

    assert len(mail.body) in {len(text), 0}
    assert "\n" not in mail.subject
