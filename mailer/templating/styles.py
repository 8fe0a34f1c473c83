"""The CSS of a mail moved to where every mail program looks for it: into style attributes. No I/O."""

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from css_inline import CSSInliner

_STYLE = re.compile(r"<style\b", re.IGNORECASE)
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)


def inline_css(body: str) -> str:
    """The same HTML with the rules of `<style>` in style attributes; those that cannot be, such as @media, stay."""
    if not _STYLE.search(body):
        return body
    inlined = _inliner().inline(body)
    # It knows but one doctype, and programs lay a mail out by the one that it has.
    doctype = _DOCTYPE.match(body)
    return _DOCTYPE.sub(lambda _: doctype[0], inlined, count=1) if doctype else inlined


@functools.cache
def _inliner() -> "CSSInliner":
    from css_inline import CSSInliner  # noqa: PLC0415 - a text or a bare HTML does without

    return CSSInliner(remove_inlined_selectors=True, load_remote_stylesheets=False)
