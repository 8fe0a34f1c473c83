"""What is no JSON object is refused by the name of the habit that made it."""

import base64
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.message import read_message
from mailer.errors import InvalidRequest
from mailer.request.json_object import read_object
from mailer.request.parse import parse
from tests.builders import RULES, as_bytes, members

MAIL = as_bytes(members(text="What? A free lunch>"))
URL_SAFE = base64.urlsafe_b64encode(as_bytes(members(subject="????>>>>", text="ÿÿÿ>>>???")))
IN_BASE64 = base64.b64encode(MAIL)

BY_BOTH = {
    "a list": (b"[%s]" % MAIL, "a list and no object: send each of its objects by itself"),
    "JSON in a string": (json.dumps(MAIL.decode()).encode(), "JSON inside a JSON string"),
    "base64 in a string": (json.dumps(IN_BASE64.decode()).encode(), "a string and no object, perhaps of base64"),
    "Python's dict": (str(members()).encode(), "Python's text for a dict"),
    "Python's bytes": (str(MAIL).encode(), "Python's b'…'"),
    "Python's bytes of base64": (str(IN_BASE64).encode(), "Python's b'…'"),
    "UTF-16": (MAIL.decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": (MAIL.decode().encode("utf-16-le"), "UTF-16"),
    "gzip": (gzip.compress(MAIL), "gzip"),
    "XML": (b"<QueueMessage><MessageText>x</MessageText></QueueMessage>", "XML or HTML"),
    "form data": (b"to=ada%40example.com&subject=Hello", "form data"),
    "form data in parts": (b'--x\r\nContent-Disposition: form-data; name="to"\r\n', "form data"),
    "nothing": (b"", "there is nothing in it"),
    "blanks": (b" \r\n", "there is nothing in it"),
    "half of it": (MAIL[:20], "not JSON"),
    "two of them": (MAIL + MAIL, "trailing characters"),
    "not in UTF-8": ('{"to":"é"}'.encode("latin-1"), "byte 8 is no UTF-8"),
    "a data URL": (b"data:application/json;base64,e30=", "begins with `data:`"),
    "single quotes": (b"'%s'" % IN_BASE64, "single quotes"),
    "PowerShell's hashtable": (b"@{to=ada@example.com; subject=Hello}", "PowerShell's"),
    "a number that is infinite": (b'{"a":[1e999]}', "too large a number"),
    "a number of very many digits": (b'{"a":' + b"1" * 5000 + b"}", "not JSON"),
}
BY_QUEUE = {
    "URL-safe base64": (URL_SAFE, "URL-safe base64: use + and / in place of - and _"),
    "URL-safe base64 in lines": (URL_SAFE[:60] + b"\r\n" + URL_SAFE[60:], "URL-safe base64"),
    "base64 without its end": (IN_BASE64.rstrip(b"="), "without the = at its end"),
    "base64 of base64": (base64.b64encode(IN_BASE64), "base64 of base64"),
    "base64 of UTF-16": (base64.b64encode(MAIL.decode().encode("utf-16-le")), "UTF-16"),
    "base64 of gzip": (base64.b64encode(gzip.compress(MAIL)), "gzip"),
    "base64 of a list": (base64.b64encode(b"[%s]" % MAIL), "a list and no object"),
    "base64 of base64 in Python's bytes": (base64.b64encode(str(IN_BASE64).encode()), "Python's b'…'"),
}


def said(call):
    with pytest.raises(InvalidRequest) as refusal:
        call()
    (problem,) = refusal.value.problems
    return problem.message


@pytest.mark.parametrize(("body", "words"), BY_BOTH.values(), ids=BY_BOTH)
def test_a_habit_is_told_at_both_doors(body, words):
    assert words in said(lambda: parse(body, rules=RULES))
    assert words in said(lambda: read_message(body))


@pytest.mark.parametrize(("body", "words"), BY_QUEUE.values(), ids=BY_QUEUE)
def test_a_habit_of_base64_is_told_at_the_queue(body, words):
    assert words in said(lambda: read_message(body))


def test_base64_by_http_is_told():
    assert "base64 of JSON" in said(lambda: parse(IN_BASE64, rules=RULES))


@pytest.mark.parametrize("width", [4, 64, 76])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b" ", b"\n\n"])
def test_base64_may_be_broken_into_lines(width, end):
    lines = [IN_BASE64[start : start + width] for start in range(0, len(IN_BASE64), width)]

    assert read_message(end.join(lines) + end)[0] == json.loads(MAIL)


@pytest.mark.parametrize(
    ("body", "targets"),
    [
        (b'{"to":"a@example.com","to":"b@example.com"}', ["to"]),
        (b'{"to":"a@example.com","to":"a@example.com"}', ["to"]),
        (b'{"to":null,"to":"a@example.com"}', ["to"]),
        (b'{"t\\u006f":"a@example.com","to":"b@example.com"}', ["to"]),
        (b'{"a":1,"b":2,"a":3,"b":4,"a":5}', ["a", "b"]),
        (b'{"to":[{"address":"a@example.com","address":"b@example.com"}]}', ["to[0].address"]),
        (b'{"template":{"id":"x","variables":{"a":{"b":[0,{"c":1,"c":2}]}}}}', ["template.variables.a.b[1].c"]),
        (b'{"tags":{"a\\n":1,"a\\n":2}}', ["tags.\u2026"]),
        (b'{"mailer":{},"mailer":{}}', ["mailer"]),
    ],
)
def test_a_member_that_stands_twice_is_refused_by_its_path(body, targets):
    for read in (read_object, read_message):
        with pytest.raises(InvalidRequest) as refusal:
            read(body)
        assert [problem.target for problem in refusal.value.problems] == targets


def test_names_that_differ_in_case_or_place_stand_there_once():
    assert read_object(b'{"a":{"a":[{"a":1},{"a":1}]},"A":1}') == {"a": {"a": [{"a": 1}, {"a": 1}]}, "A": 1}


HABITS = [
    ({"attachments": [{"filename": "a", "contentBytes": "YQ=="}]}, "did you mean `content`?"),
    ({"internetMessageHeaders": []}, "did you mean `headers`?"),
    ({"To": "a@example.com"}, "`To` is unknown; did you mean `to`?"),
    ({"TO": "a@example.com"}, "did you mean `to`?"),
    ({"Subject": "x"}, "did you mean `subject`?"),
    ({"ReplyTo": "x"}, "did you mean `reply_to`?"),
    ({"Reply-To": "x"}, "did you mean `reply_to`?"),
    ({"replyTo": "x"}, "did you mean `reply_to`?"),
    ({"IdempotencyKey": "x"}, "did you mean `idempotency_key`?"),
    ({"saveToSentItems": True}, "did you mean `save_to_sent_items`?"),
    ({"recipients": []}, "did you mean `to`?"),
    ({"sender": "x"}, "did you mean `from`?"),
    ({"body": "x"}, "did you mean `html` or `text`?"),
    ({"send_at": "x"}, "did you mean `scheduled_at`?"),
    ({"template_id": "x"}, "did you mean `template.id`?"),
    ({"attachments": {"filename": "a", "content": "YQ=="}}, "must be a list; this is an object: put [ and ] around it"),
    ({"categories": {"a": 1}}, "must be a list; this is an object"),
    ({"attachments": '[{"filename":"a"}]'}, "must be a list; this is JSON inside a string"),
    ({"tags": '{"a":"b"}'}, "must be an object; this is JSON inside a string"),
    ({"template": '{"id":"a"}'}, "must be an object; this is JSON inside a string"),
    ({"template": {"id": "a", "variables": '{"a":1}'}}, "must be an object; this is JSON inside a string"),
    ({"template": "@{id=a; variables=System.Collections.Hashtable}"}, "became text: write all of it as JSON"),
    ({"to": "@{address=a@example.com; name=A}"}, "became text: write all of it as JSON"),
    ({"to": ["System.Collections.Hashtable"]}, "in PowerShell with `-Depth 10`"),
    ({"attachments": "System.Object[]"}, "must be a list; this is an object or list that became text"),
    ({"cc": "[object Object]"}, "became text"),
    ({"to": {"ada@example.com": "Ada"}}, "give a list of addresses"),
    ({"to": {"0": "ada@example.com", "1": "bob@example.com"}}, "give a list of addresses"),
    ({"template": {"id": "a", "data": {}}}, "did you mean `variables`?"),
    ({"to": {"email": "a@example.com"}}, "did you mean `address`?"),
    ({"to": {"Address": "a@example.com"}}, "did you mean `address`?"),
    ({"attachments": [{"fileName": "a", "content": "YQ=="}]}, "did you mean `filename`?"),
    ({"attachments": [{"filename": "a", "content": "YQ==", "contentType": "a/b"}]}, "did you mean `content_type`?"),
    ({"attachments": [{"filename": "a", "content": "b'YQ=='"}]}, "Python's b'…'"),
    ({"attachments": [{"filename": "a", "content": "_-_-"}]}, "URL-safe base64"),
    ({"attachments": [{"filename": "a", "content": "YQ"}]}, "without the = at its end"),
    ({"attachments": [{"filename": "a", "content": "data:text/plain;base64,YQ=="}]}, "up to the comma"),
]


@pytest.mark.parametrize(("changes", "words"), HABITS)
def test_a_habit_inside_a_request_is_told(changes, words):
    with pytest.raises(InvalidRequest) as refusal:
        parse(as_bytes(members() | changes), rules=RULES)

    assert words in str(refusal.value)


@given(st.binary(max_size=200) | st.text().map(str.encode) | st.binary(max_size=100).map(base64.b64encode))
def test_whatever_lies_on_the_queue_is_read_or_refused_in_one_line(body):
    try:
        members, _ = read_message(body)
    except InvalidRequest as refusal:
        problems = refusal.problems
    else:
        problems = ()
        assert isinstance(members, dict)
    assert all(problem.message.isprintable() for problem in problems)
