"""A mail as it lies on the queue."""

import base64
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.delivery.envelope import Envelope, Outcome
from mailer.delivery.message import MAX_BYTES, ROOM, fits, read_message, write_message
from mailer.errors import InvalidRequest
from mailer.request.characters import body_text
from mailer.request.json_object import write_object
from mailer.request.parse import read_request
from tests.builders import RULES, SOME_ID, a_request, as_bytes, members

VERSION = "W/\"datetime'2026-11-23T12%3A00%3A00.0000001Z'\""

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def an_envelope(**changes):
    return Envelope(**{"id": SOME_ID, "version": VERSION, "attempts": 2, **changes})


@settings(max_examples=40)
@given(st.dictionaries(st.text().filter(lambda name: name != "mailer"), anything, max_size=6))
def test_any_members_come_back_as_they_were_written(content):
    text = write_message(as_bytes(content), an_envelope())

    assert read_message(text.encode()) == (content, an_envelope())


@settings(max_examples=40)
@given(st.text(min_size=1).filter(body_text), st.dictionaries(st.text(min_size=1), anything, max_size=3))
def test_any_request_comes_back_as_it_was_accepted(text, variables):
    use = {"id": "order-confirmation", "variables": {"order": 7, **variables}}
    for request in (a_request(text=text), a_request(subject=None, text=None, template=use)):
        written, _ = read_message(write_message(write_object(request.as_json()), an_envelope()).encode())

        assert read_request(written, rules=RULES) == request
        assert read_request(written, rules=RULES).digest() == request.digest()


@given(st.text())
def test_a_message_holds_no_character_that_xml_cannot(text):
    written = write_message(write_object({"text": text}), an_envelope())

    assert not any(ord(character) < 0x20 or 0xD800 <= ord(character) < 0xE000 for character in written)
    assert not {"\ufffe", "\uffff"} & set(written)


def test_a_producers_message_has_no_envelope():
    assert read_message(as_bytes(members())) == (members(), None)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda body: body,
        base64.b64encode,
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: base64.b64encode(b"\xef\xbb\xbf" + body),
        lambda body: b" \r\n" + body + b"\n",
        lambda body: base64.b64encode(body) + b"\n",
    ],
    ids=["plain", "base64", "with a mark", "base64 with a mark", "with space around", "base64 with a line end"],
)
def test_a_producer_may_write_the_same_mail_in_any_of_these_ways(wrap):
    assert read_message(wrap(as_bytes(members()))) == (members(), None)


@pytest.mark.parametrize(
    "envelope",
    [
        7,
        "",
        [],
        {},
        {"id": SOME_ID.upper(), "version": VERSION},
        {"id": "7", "version": VERSION},
        {"id": SOME_ID, "version": VERSION, "attempts": "2"},
        {"id": SOME_ID, "version": VERSION, "attempts": -1},
        {"id": SOME_ID, "version": VERSION, "attempts": 10**12},
        {"id": SOME_ID, "version": "*"},
        {"id": SOME_ID, "version": ""},
        {"id": SOME_ID, "version": "€"},
        {"id": "ffffffff-ffff-7fff-bfff-ffffffffffff", "version": VERSION},
    ],
)
def test_an_envelope_that_is_not_ours_is_refused(envelope):
    with pytest.raises(InvalidRequest) as refusal:
        read_message(as_bytes(members() | {"mailer": envelope}))
    assert refusal.value.problems[0].target == "mailer"


@pytest.mark.parametrize("body", [b"", b"hello", b"aGVsbG8=", b"\xff", b"{", b"[]", b"null", b"NaN", b'{"a":NaN}'])
def test_what_is_no_json_object_is_refused(body):
    with pytest.raises(InvalidRequest):
        read_message(body)


@given(st.binary())
def test_no_message_is_too_strange_to_be_refused(body):
    with contextlib.suppress(InvalidRequest):
        read_message(body)


def test_the_largest_request_that_fits_leaves_room_for_its_envelope():
    room = MAX_BYTES - ROOM - len(write_object(a_request(text="x").as_json()))
    request = a_request(text="x" * (room + 1))
    outcome = Outcome(claim="c" * 32, what="turned_away", code="c" * 64, text="€" * 300, after=86400.0)
    envelope = an_envelope(attempts=100000, resent=100000, stored=True, new=True, since=253402300799, outcome=outcome)

    assert fits(write_object(request.as_json()))
    assert len(write_message(write_object(request.as_json()), envelope).encode()) <= MAX_BYTES
    assert not fits(write_object(a_request(text="x" * (room + 2)).as_json()))
    assert not fits(write_object(a_request(text="€" * 30000).as_json()))
