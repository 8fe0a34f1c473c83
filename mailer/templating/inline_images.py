"""Which images HTML shows as `cid:`, a URL of https://www.rfc-editor.org/rfc/rfc2392. No I/O."""

import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

from mailer.templating.markup import attributes, scan

# Whatever variables put into text is escaped, so that it cannot look like a tag; in attributes it may, which are read
# as a whole.
_SHOWING = {"src", "background", "poster", "srcset"}
_URL = re.compile(r"url\(\s*+[\"']?+\s*+cid:([^\"')]++)", re.IGNORECASE)


def content_ids(body: str) -> list[str]:
    """The ids of all images that HTML shows, each once: in capitals or small letters, percent-encoded or not."""
    return list(dict.fromkeys(unquote(name.strip()) for name in _named(body))) if "cid:" in body.lower() else []


def _named(body: str) -> Iterator[str]:
    for start, end, tag in scan(body):
        text = body[start:end]
        if "cid:" not in text.lower():
            continue
        if tag is None:
            if text.startswith("<!--[if"):  # Outlook reads inside of its own comments
                yield from _named(text[4:].removesuffix("-->"))
            continue
        if tag[2].lower() == "style":
            yield from _URL.findall(body[tag.end() : end])
        for name, value in attributes(tag[3]):
            text = html.unescape(value).strip()
            if name == "style":
                yield from _URL.findall(text)
            elif name in _SHOWING:
                yield from (
                    url[4:].split()[0] for url in _urls(name, text) if url[:4].lower() == "cid:" and url[4:].strip()
                )


def _urls(name: str, value: str) -> list[str]:
    return [part.strip() for part in value.split(",")] if name == "srcset" else [value]
