"""Characters that have no place in a mail, whoever wrote them: a caller, or a template with its variables. No I/O."""

import re

# All but controls, and halves of characters, which no encoding has.
_TEXT = "\t\n\r -~\xa0-\ud7ff\ue000-\U0010ffff"
_ALL_TEXT = re.compile(f"[{_TEXT}]*+")
_NO_TEXT = re.compile(f"[^{_TEXT}]")
# Marks that turn the order of letters round, so that one address can look like another:
# https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing. Text from right to left needs none of them.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_BREAKS = re.compile("[\\s\x1c-\x1f\x85]+")


def body_text(text: str) -> str:
    """The text without what is no character."""
    return text if _ALL_TEXT.fullmatch(text) else _NO_TEXT.sub("", text)  # to match takes half as long


def one_line(text: str) -> str:
    """The text in one line, without what is no character or turns others round."""
    plain = _TURNING.sub("", _NO_TEXT.sub("", _BREAKS.sub(" ", text)))
    return " ".join(plain.split())  # once more: what stood between two blanks may be gone
