"""What no mail can hold is left out, and all else stays."""

import sys

from mailer.request.characters import _ALL_TEXT, _NO_TEXT


def test_every_character_is_either_text_or_none():
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        assert (_ALL_TEXT.fullmatch(character) is None) == (_NO_TEXT.fullmatch(character) is not None), number
