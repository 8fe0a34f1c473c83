"""Rubbish among good mails on the queue of the running stack: all good ones are sent, all rubbish is accounted for."""

import base64
import binascii
import contextlib
import json
import random
import re
import time

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableClient
from azure.storage.queue import QueueClient

from mailer.delivery.mail import QueuedMessage
from mailer.local import demo
from tests.builders import members
from tests.test_mutated_calls import mutated

RUBBISH, GOOD = 321, 40
ANSWERED_WITHIN = 60  # seconds
SINGLE = [
    *(b"", b" ", b"null", b"[]", b'"', b"{", b"\xff\xfe\x00", b"\x00" * 40, "\ufeff{}".encode(), b"e30", b"%PDF-1.7"),
    *(b"{}" * 2000, b"[" * 5000, b'{"a":' * 3000, b"<xml/>", b"NaN", b"1e999", "ä".encode("latin-1"), b"b'{}'"),
    *(json.dumps({name: 1}).encode() for name in ("id", "InsertionTime", "DequeueCount", "PopReceipt", "mailer")),
    *(json.dumps(members() | {name: value}).encode() for name in ("InsertionTime", "mailer") for value in (0, {}, "x")),
]
OWN_ID = re.compile('"(?:id|idempotency_key|specversion)"')  # from which the mail's id is made
UNFIT = re.compile(r"[^\t\n -\ud7ff]")  # for XML, in which messages travel


def rubbish(chance):
    """Bytes that are mostly no request."""
    if chance.random() < 0.4:
        body = chance.choice(SINGLE)
    elif chance.random() < 0.3:
        body = chance.randbytes(chance.randint(1, 400))
    else:
        body = mutated(chance)
    text = body.decode("latin-1")
    as_text = chance.random() < 0.5 and not UNFIT.search(text)
    return text if as_text else base64.b64encode(body).decode()


def text_of(message):
    """What a message says, in plain text or in base64."""
    with contextlib.suppress(binascii.Error, ValueError):
        return base64.b64decode(message, validate=True).decode("latin-1")
    return message


def waited_for(condition):
    end = time.monotonic() + ANSWERED_WITHIN
    while not condition() and time.monotonic() < end:
        time.sleep(1)
    return condition()


def test_rubbish_harms_no_good_mail_and_each_piece_has_its_record(stack):
    demo.by_http(stack)  # makes the queue and the table
    chance = random.Random(20261126)
    bodies = [(rubbish(chance), False) for _ in range(RUBBISH)]
    bodies += [(json.dumps(members(subject=f"Good {number}")), True) for number in range(GOOD)]
    chance.shuffle(bodies)
    good, bad = set(), {}
    with (
        QueueClient.from_connection_string(stack.storage, "emails") as queue,
        QueueClient.from_connection_string(stack.storage, "emails-poison") as poison,
        TableClient.from_connection_string(stack.storage, "emails") as table,
    ):
        for text, is_good in bodies:
            message = queue.send_message(text)
            mail = QueuedMessage(body=text.encode(), id=message.id, inserted_at=message.inserted_on).mail_id
            bad |= {} if is_good else {mail: text}
            good |= {mail} if is_good else set()

        # The host itself fails on metadata that a producer has overwritten, and buries these after their last try.
        stumbled = [text for text in bad.values() if text.startswith("{") and "InsertionTime" in text]
        assert waited_for(lambda: queue.get_queue_properties().approximate_message_count <= len(stumbled))
        assert {message.content for message in queue.peek_messages(32)} <= {*stumbled}
        records = {row["id"]: row for row in table.list_entities() if "status" in row}
        with contextlib.suppress(ResourceNotFoundError):
            assert poison.get_queue_properties().approximate_message_count == 0

    assert {mail: records[mail]["status"] for mail in good} == dict.fromkeys(good, "sent")
    assert {row["status"] for row in records.values()} <= {"sent", "failed", "scheduled", "queued"}
    for mail in bad.keys() - records.keys():
        assert bad[mail] in stumbled or OWN_ID.search(text_of(bad[mail])), bad[mail]
