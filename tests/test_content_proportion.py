"""Work in proportion to the length of what comes in: twice the text, about twice the time, for every scan of it."""

import itertools
import math
import time
from datetime import timedelta

import pytest

from mailer.delivery.compose import Composer
from mailer.delivery.gate import Gate, Mode
from mailer.graph.wire import retry_after
from mailer.request.address import Address
from mailer.request.rendered import Content
from mailer.templating.inline_images import content_ids
from mailer.templating.markup import TooDeep, body_start, tokens
from mailer.templating.plain_text import plain_text, without_tags
from mailer.templating.styles import inline_css
from tests.builders import a_mail, a_request

RUNS = itertools.count()
PIECES = [
    "<!--",
    "<!-- -->",
    "<!",
    "<![if x]>",
    "<?",
    "<a",
    "<a ",
    "<a b",
    "<a b=",
    "<a b='",
    '<p style="',
    "<p style=x>",
    "</",
    "</p>",
]
PIECES += [
    "<style>",
    "<style",
    "</style",
    "<script>",
    "<textarea>",
    "<body",
    "<body ",
    "<",
    ">",
    "&",
    "&#1",
    "&amp;",
    "&#x",
    "--",
    "-->",
]
PIECES += [
    "<img src=cid:",
    "<img src=cid:a>",
    "cid:",
    "url(",
    "url( ",
    " ",
    "\n",
    "a",
    '"',
    "'",
    "=",
    "/",
    "<a/",
    "<td background='cid:",
]
PIECES += [
    "<style>url( cid:",
    "<!--[if",
    "<!--[if x]><!--[if",
    "<p a=b style=c ",
    ";a:b",
    "(",
    "http://(",
    "www.",
    "@",
    "%",
]


def gated(body):
    gate = Gate(mode=Mode.REDIRECT, redirect_to=Address(address="a@contoso.com"))
    return gate.screen(a_mail(content=Content(subject="s", body=body, content_type="html")))


def composed(body):
    composer = Composer(render=None, open_blob=None, largest=35_000_000)
    return [*composer.problems(a_request(text=None, html=body))]


def tokened(body):
    try:
        return sum(1 for _ in tokens(body))
    except TooDeep:
        return None


SCANS = {
    "gate": gated,
    "compose": composed,
    "content_ids": content_ids,
    "body_start": body_start,
    "tokens": tokened,
    "plain_text": plain_text,
    "without_tags": without_tags,
    "own styles": lambda text: inline_css(
        f'<style>p{{a:b}}</style><p style="{text}">'.replace("<", "&lt;").replace("&lt;", "<", 3)
    ),
    "styles": lambda text: inline_css(f"<style>p{{a:b}}</style>{text}"),
    "retry_after": lambda text: retry_after({"Retry-After": text}, now=None) or timedelta(),
}


def seconds(scan, text):
    """Of the processor's time of this thread, for a text that no cache has seen."""
    text += str(next(RUNS))
    begun = time.thread_time()
    scan(text)
    return time.thread_time() - begun


def takes_in_proportion(scan, text, *, quick):
    """Whether twice the text takes about twice the time, where it takes longer than a quick scan at all.

    The best of three runs counts, so that a busy machine does no harm; one that is good enough ends them.
    """
    short = math.inf
    for _ in range(3):
        short = min(short, seconds(scan, text))
        if short <= quick:
            return True
    return any(seconds(scan, text * 2) < 3.2 * short + 0.05 for _ in range(3))


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("scan", SCANS)
def test_twice_the_text_takes_about_twice_the_time(scan, piece):
    """Where it takes long at all: a quadratic scan of this many takes minutes."""
    assert takes_in_proportion(SCANS[scan], piece * (200_000 // len(piece)), quick=0.05)


FILTERS = [
    "upper",
    "title",
    "striptags",
    "safe | striptags",
    "urlize",
    "wordwrap",
    "wordwrap(1)",
    "escape",
    "trim",
    "truncate(9)",
    "wordcount",
]
FILTERS += [
    "indent",
    "replace('a', 'b')",
    "tojson",
    "urlencode",
    "list | join",
    "reverse | trim",
    "capitalize",
    "center(9)",
    "pprint",
    "unique | list",
]


@pytest.mark.parametrize(
    "piece", ["<!--", "<a", "(", "http://(", "x", "x ", "\n", "&#1", "<!-- --> ", "-", "a@b.", "www.a.b)"]
)
@pytest.mark.parametrize("call", FILTERS)
def test_a_filter_takes_time_in_proportion_to_a_variable(folder, call, piece):
    folder.write(subject_txt="s", body_txt=f"{{{{ x | {call} }}}}")

    def rendered(text):
        folder.content(x=text)

    assert takes_in_proportion(rendered, piece * (100_000 // len(piece)), quick=0.1)


def test_two_megabytes_of_comments_do_not_hang_the_gate():
    begun = time.thread_time()
    gated("<!--" * 500_000)

    assert time.thread_time() - begun < 2
