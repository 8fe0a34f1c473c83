"""The values that travel."""

import dataclasses

import pydantic
import pytest

from mailer.request.address import Address, parse_address
from mailer.request.model import MailRequest
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
