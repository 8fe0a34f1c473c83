"""The values that travel."""

import dataclasses
import json

import pydantic
import pytest

from mailer.graph import wire
from mailer.request.address import Address, parse_address
from mailer.request.attachment import File
from mailer.request.members import ONE_CALL
from mailer.request.model import MailRequest
from mailer.request.rendered import Content
from tests.builders import SHOP, a_mail, a_request

EVERYTHING = {
    "from_": "Contoso Shop <shop@contoso.com>",
    "to": ["Ada <ada@example.com>", {"address": "bob@example.com"}],
    "cc": "carol@example.com",
    "bcc": ["dave@example.com"],
    "reply_to": "help@contoso.com",
    "subject": "Hello",
    "html": "<p>Hello",
    "text": "Hello",
    "headers": {"x-order": "7"},
    "importance": "high",
    "tags": {"flow": "checkout"},
    "save_to_sent_items": False,
    "idempotency_key": "order-7",
}


def test_a_request_in_json_is_what_a_caller_could_have_sent():
    assert a_request(**EVERYTHING).as_json() == {
        "from": {"address": "shop@contoso.com", "name": "Contoso Shop"},
        "to": [{"address": "ada@example.com", "name": "Ada"}, {"address": "bob@example.com"}],
        "cc": [{"address": "carol@example.com"}],
        "bcc": [{"address": "dave@example.com"}],
        "reply_to": [{"address": "help@contoso.com"}],
        "subject": "Hello",
        "html": "<p>Hello",
        "text": "Hello",
        "headers": {"x-order": "7"},
        "importance": "high",
        "tags": {"flow": "checkout"},
        "save_to_sent_items": False,
        "idempotency_key": "order-7",
    }


def test_what_is_left_to_default_takes_no_room():
    assert set(a_request().as_json()) == {"from", "to", "subject", "text"}


def test_a_request_in_json_makes_the_same_request():
    request = a_request(**EVERYTHING)

    assert MailRequest.model_validate(request.as_json()) == request


def test_recipients_are_to_cc_and_bcc():
    assert a_request(**EVERYTHING).recipients == 4


def test_a_request_cannot_be_changed():
    with pytest.raises(pydantic.ValidationError):
        a_request().subject = "Another"
    with pytest.raises(dataclasses.FrozenInstanceError):
        a_mail().id = "another"


def test_the_sender_of_a_mail_is_the_requests():
    assert a_mail().sender == SHOP


def test_an_address_that_is_normalised_stays_as_it_is():
    once = parse_address("Ada <ada@BÜCHER.example>")

    assert parse_address(once.address) == Address(address=once.address)


@pytest.mark.parametrize(
    "text", ["", "ada", "@example.com", "ada@", "a b@example.com", "ada@example.com, bob@example.com", "<>"]
)
def test_what_is_no_address_is_none(text):
    with pytest.raises(ValueError, match="e-mail address"):
        parse_address(text)


# What one call to Graph can carry


def sized(body, *sizes):
    files = tuple(File(filename="a", content_type="a/b", size=size, read=bytes) for size in sizes)
    return a_mail(content=Content(subject="s", body=body, content_type="html"), files=files)


def told(mail):
    """The bytes of the JSON that Graph is sent, files aside."""
    return len(json.dumps(wire.message(mail), ensure_ascii=False).encode())


@pytest.mark.parametrize("character", ["x", '"', "\\", "\n", "\x01", "é", "€", "\U0001f600"])
@pytest.mark.parametrize("length", [0, 100, 600_000, 700_000, 1_000_000])
def test_a_mail_counts_at_least_what_graph_is_told_and_hardly_more_where_it_matters(character, length):
    mail = sized(character * length)

    assert told(mail) <= mail.around_files
    assert mail.around_files <= max(told(mail) + 2_000, ONE_CALL)


@pytest.mark.parametrize(
    ("body", "sizes", "large"),
    [
        ("x" * 3_900_000, [], False),
        ('<td class="n">7</td>\n' * 180_000, [], True),  # 3.78 MB whose JSON has 4.32
        ('"' * 1_000_000, [1_500_000], False),
        ('"' * 1_000_000, [1_650_000], True),  # 3.2 MB whose JSON has 4.2
        ("x" * 1_000_000, [2_000_000], False),
        ("x" * 1_000_000, [2_400_000], True),
        ("é" * 600_000, [1_000_000], False),
        ("x", [10_000] * 240, False),
        ("x", [2_900_000], False),
        ("x", [3_000_001], True),
    ],
)
def test_a_mail_is_large_by_what_one_call_really_has(body, sizes, large):
    assert sized(body, *sizes).large is large


def test_names_and_addresses_count_too():
    people = [f"{'é' * 60} <person{number}@example.com>" for number in range(500)]

    assert a_mail(to=people).around_files >= told(a_mail(to=people))
