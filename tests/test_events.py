"""Mails inside the envelopes of Event Grid and CloudEvents, and what other programs write beside a mail."""

import base64
import json

import pytest

from mailer.delivery.message import read_message
from mailer.errors import InvalidRequest
from mailer.request.parse import parse, read_request
from tests.builders import RULES, SOME_ID, as_bytes, members

CLOUD = {"specversion": "1.0", "type": "Shop.OrderPlaced", "source": "/shop", "id": "A234"}
GRID = {
    "id": "1b9c",
    "topic": "/subscriptions/0/topics/shop",
    "subject": "orders/7",
    "eventType": "Shop.OrderPlaced",
    "eventTime": "2026-11-25T10:00:00.1234567Z",
    "dataVersion": "1.0",
    "metadataVersion": "1",
}


def in_base64(content):
    return base64.b64encode(as_bytes(content)).decode()


def refusal_of(content):
    with pytest.raises(InvalidRequest) as refusal:
        read_message(as_bytes(content))
    (problem,) = refusal.value.problems
    return problem


def test_the_mail_in_an_event_is_the_mail():
    for event in (
        CLOUD | {"data": members()},
        CLOUD | {"data": members(), "datacontenttype": "application/json", "traceparent": "00-1-2-01", "time": "x"},
        CLOUD | {"data_base64": in_base64(members())},
        CLOUD | {"data": None, "data_base64": in_base64(members())},
        GRID | {"data": members()},
    ):
        mail, envelope = read_message(as_bytes(event))

        assert {name: text for name, text in mail.items() if name != "idempotency_key"} == members()
        assert envelope is None
        assert read_message(base64.encodebytes(as_bytes(event))) == (mail, None)


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (CLOUD, "/shop/A234"),
        (GRID, "/subscriptions/0/topics/shop/1b9c"),
        ({name: text for name, text in GRID.items() if name != "topic"}, "1b9c"),
    ],
)
@pytest.mark.parametrize("own", [{}, {"idempotency_key": None}])
def test_an_events_source_and_id_are_the_key_of_a_mail_without_one(event, key, own):
    assert read_message(as_bytes(event | {"data": members() | own}))[0]["idempotency_key"] == key


def test_a_mails_own_key_counts():
    event = CLOUD | {"data": members(idempotency_key="order-7")}

    assert read_message(as_bytes(event))[0]["idempotency_key"] == "order-7"


@pytest.mark.parametrize("source", ["/shop" * 100, "/shop\n", "/sh\u2028op"])
def test_a_source_that_no_key_can_hold_still_tells_events_apart(source):
    one, other = (
        read_request(read_message(as_bytes(CLOUD | {"source": source, "id": name, "data": members()}))[0], rules=RULES)
        for name in ("1", "2")
    )

    assert one.idempotency_key != other.idempotency_key


@pytest.mark.parametrize("event", [CLOUD, GRID])
@pytest.mark.parametrize(
    "data",
    [None, 7, "x", [], {}, [members()], {"url": "https://contoso.com/a", "api": "PutBlob"}, {"order": {"to": 1}}],
)
def test_an_event_without_a_mail_is_named_in_one_sentence(event, data):
    problem = refusal_of(event | ({} if data is None else {"data": data}))

    assert problem.message.startswith(("This is a CloudEvents event", "This is an Event Grid event"))
    assert "(type Shop.OrderPlaced)" in problem.message
    assert "is no mail" in problem.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": json.dumps(members())}, "JSON inside a JSON string"),
        ({"data": members(), "data_base64": in_base64(members())}, "both `data` and `data_base64`"),
        ({"data_base64": "!"}, "no JSON object in base64"),
        ({"data_base64": 7}, "no JSON object in base64"),
        ({"data_base64": in_base64([1])}, "a list"),
        ({"data_base64": in_base64(members(text="\u00ff?>~")).replace("/", "_").replace("+", "-")}, "URL-safe"),
        ({"data_base64": base64.b64encode(b'{"to":1,"to":2}').decode()}, "stands there twice"),
        ({"data": members(), "id": None}, "`id`"),
        ({"data": members(), "id": ""}, "`id`"),
        ({"data": members(), "id": 7}, "`id`"),
        ({"data": members(), "source": 7}, "`id`"),
        ({"data": members() | {"mailer": {"id": SOME_ID}}}, "`mailer` is kept"),
        ({"data": members(), "mailer": {"more": 1}}, "`mailer` is kept"),
    ],
)
def test_an_event_that_is_wrong_is_told_why(changes, words):
    assert words in refusal_of(CLOUD | changes).message


def test_content_that_logic_apps_has_wrapped_is_told():
    problem = refusal_of({"$content-type": "application/json", "$content": in_base64(members())})

    assert "as Logic Apps wraps it" in problem.message


@pytest.mark.parametrize("kind", ["x\nERROR forged", "ada@example.com", "x" * 500, 7, None, {"a": 1}])
def test_an_events_type_cannot_forge_a_line_of_a_log(kind):
    message = refusal_of(CLOUD | {"type": kind}).message

    assert "(type …)" in message


def test_the_mail_in_an_event_is_checked_as_any_other():
    mail, _ = read_message(as_bytes(CLOUD | {"data": members(to=None, subjekt="x") | {"To": "ada@example.com"}}))

    with pytest.raises(InvalidRequest) as refusal:
        read_request(mail, rules=RULES)
    assert {problem.target for problem in refusal.value.problems} == {"to", "To", "subjekt"}


@pytest.mark.parametrize("event", [CLOUD, GRID])
def test_by_http_an_event_is_named_and_not_taken_apart(event):
    with pytest.raises(InvalidRequest) as refusal:
        parse(as_bytes(event | {"data": members()}), rules=RULES)

    (problem,) = refusal.value.problems
    assert "takes those from its queue" in problem.message


@pytest.mark.parametrize("changes", [{"specversion": "1.0"}, {"eventType": "x"}, {"type": "x", "source": "y"}])
def test_a_mail_with_a_member_of_an_event_is_a_mail_with_an_unknown_member(changes):
    mail, _ = read_message(as_bytes(members() | changes))

    assert mail == members() | changes


@pytest.mark.parametrize("name", ["$AzureWebJobsParentId", "$AzureWebJobsOther", "$type", "$schema", "$id"])
def test_what_a_binding_or_a_serialiser_writes_beside_a_mail_is_passed_over(name):
    addition = {name: "0a1b"}

    assert read_message(as_bytes(members() | addition)) == (members(), None)
    assert read_message(as_bytes(CLOUD | addition | {"data": members(idempotency_key="k") | addition})) == (
        members(idempotency_key="k"),
        None,
    )


@pytest.mark.parametrize("name", ["$to", "$", "AzureWebJobsParentId", "$AzureWebJobs Parent", "$ref"])
def test_any_other_name_is_not_passed_over(name):
    assert name in read_message(as_bytes(members() | {name: 1}))[0]
