"""Encoded words of RFC 2047 in what callers send, which programs written for SMTP put there."""

import contextlib

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mailer.errors import InvalidRequest
from mailer.request.encoded_words import decoded
from mailer.request.parse import read_request
from tests.builders import RULES, a_request

WORDS = {
    "=?utf-8?b?SsO2cmcgTcO8bGxlcg==?=": "Jörg Müller",
    "=?UTF-8?B?SsO2cmcgTcO8bGxlcg==?=": "Jörg Müller",
    "=?utf-8?q?J=C3=B6rg_M=C3=BCller?=": "Jörg Müller",
    "=?iso-8859-1?q?J=F6rg?=": "Jörg",
    "=?windows-1252?Q?=80_7?=": "€ 7",
    "=?gb2312?b?1tDOxA==?=": "中文",
    "=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=": "日本",
    "=?utf-8*de?q?J=C3=B6rg?=": "Jörg",
    "=?utf-8?q?J=C3=B6rg?= Smith": "Jörg Smith",
    "Re: =?utf-8?q?=C3=84nderung?=": "Re: Änderung",
    "Réf. : =?utf-8?q?=C3=84nderung?= 7": "Réf. : Änderung 7",
    "=?utf-8?b?SsO2cmc=?= Müller": "Jörg Müller",
    "=?koi8-r?b?8NLJ18XU?= (=?utf-8?q?=C3=89t=C3=A9?=)": "Привет (Été)",
    "=?utf-8?b?SsO2cmc=?= =?utf-8?b?IE3DvGxsZXI=?=": "Jörg Müller",
    "=?utf-8?b?SsO2cmc=?=\t=?iso-8859-1?q?_M=FCller?=": "Jörg Müller",
}
PLAIN = [
    "",
    "Jörg Müller",
    "=?",
    "=?utf-8?x?abc?=",
    "2 =? 3",
    "what=?now",
    "=?utf-8?b?!?=",
    "=?no-such-charset?q?a?=",
    "=?utf-8?q?=FF?=",
    "=?unicode_escape?q?\\ud800?=",
    "=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3F=3D?=",
    "=?utf-8?q?a?=" + "x" * 2000,
]


@pytest.mark.parametrize(("text", "plain"), WORDS.items())
def test_names_subjects_and_filenames_are_read(text, plain):
    request = a_request(
        to=[{"address": "j@example.com", "name": text.replace("\t", " ")}, f"{text} <j@example.com>"],
        subject=text,
        attachments=[{"filename": text.replace("\t", " "), "content": "YQ=="}],
    )

    assert [address.name for address in request.to] == [plain, plain]
    assert (request.subject, request.attachments[0].filename) == (plain, plain)


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_encoded_word_or_cannot_be_read_stays_as_it_is(text):
    assert decoded(text) == text


def test_an_encoded_subject_of_two_lines_becomes_one():
    assert a_request(subject="=?utf-8?q?a=0D=0ABcc:_eve=40example.com?=").subject == "a Bcc: eve@example.com"


pieces = st.sampled_from([*WORDS, *PLAIN[:-1], "=?", "?=", "=", "?", "q", " ", "\x1b", "\r\n", "=?utf-8?q?=00?="])
texts = st.lists(pieces | st.text(max_size=5), max_size=6).map("".join)


@given(texts)
@example("=?utf-8?q?=00?=0\x80")
@example(" \x00 ")
def test_a_request_means_the_same_each_time_it_is_read(text):
    """It is read when it is accepted and again when it is sent, and must be the same mail."""
    filename = "a" + "".join(text.split("\r\n"))
    request = None
    with contextlib.suppress(InvalidRequest):
        request = a_request(
            to=f"{filename} <a@example.com>",
            subject=f"s{text}",
            text=f"t{text}",
            attachments=[{"filename": filename, "content": "YQ=="}],
        )
    assume(request is not None)
    again = read_request(request.as_json(), rules=RULES)

    assert again == request
    assert again.digest() == request.digest()
