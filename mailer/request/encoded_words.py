"""Encoded words, `=?utf-8?q?J=C3=B6rg?=`: how programs of the ASCII age write names and subjects. RFC 2047."""

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header

_WORD = re.compile(r"=\?[^?\s]+\?[bq]\?[^?]*\?=", re.IGNORECASE)
_WORDS = re.compile(rf"{_WORD.pattern}(?:\s+{_WORD.pattern})*", re.IGNORECASE)  # one after the other are one text
_LANGUAGE = re.compile(r"(=\?[^?*\s]+)\*[^?\s]*(?=\?)")  # RFC 2231, section 5
LONGEST = 1000  # characters; what is longer is no header of a mail


def decoded(text: str) -> str:
    """The text with its encoded words read; as it is where one cannot be read, or hides another one.

    The same text again for what this returned, so that a request means the same each time it is read.
    """
    if len(text) > LONGEST or not _WORD.search(text):
        return text
    try:
        plain = _WORDS.sub(lambda words: str(make_header(decode_header(words[0]))), _LANGUAGE.sub(r"\1", text))
        plain.encode()  # a charset such as unicode_escape may give halves of characters
    except (HeaderParseError, LookupError, ValueError):
        return text
    return text if _WORD.search(plain) or not plain.strip() else plain
