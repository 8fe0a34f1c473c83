"""Characters that have no place in a mail, whoever wrote them: a caller, or a template with its variables. No I/O."""

import re

# Controls, and halves of characters, which no encoding has.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# All others. That a body has no others is found by this in half the time that a search takes.
_ALL_TEXT = re.compile("[\t\n\r -~\xa0-\ud7ff\ue000-\U0010ffff]*+")
# Marks that turn the order of letters round, so that one address can look like another:
# https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing. Text from right to left needs none of them.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_BREAKS = re.compile("[\\s\x1c-\x1f\x85]+")


def is_text(text: str) -> bool:
    """Whether all of it may stand in a body."""
    return _ALL_TEXT.fullmatch(text) is not None


def body_text(text: str) -> str:
    """The text without what is no character."""
    return text if is_text(text) else _NO_TEXT.sub("", text)


def one_line(text: str) -> str:
    """The text in one line, without what is no character or turns others round."""
    plain = _TURNING.sub("", _NO_TEXT.sub("", _BREAKS.sub(" ", text)))
    return " ".join(plain.split())  # once more: what stood between two blanks may be gone
