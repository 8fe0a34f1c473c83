"""The queue is a caller with a policy of its own."""

import json

from mailer import wiring
from mailer.delivery.envelope import Envelope
from mailer.delivery.message import write_message
from mailer.delivery.search import Wanted
from tests.app import content
from tests.builders import as_bytes, members
from tests.callers_http.given import CALLERS, Doors


def test_the_queue_has_a_policy_of_its_own(doors):
    sent = doors.deliver(as_bytes(members(to="ada@example.com")).decode())
    refused = doors.deliver(as_bytes(members(to="ada@example.org")).decode())

    assert content(doors.show(sent, "ops"))["caller"] == "queue"
    record = content(doors.show(refused, "ops"))
    assert (record["status"], record["error"]["code"], record["caller"]) == ("failed", "caller_not_allowed", "queue")
    assert "its rule `to` in MAILER_CALLERS" in record["error"]["message"]


def test_without_a_policy_for_the_queue_nothing_is_sent_from_there(environ, monkeypatch):
    monkeypatch.setenv("MAILER_CALLERS", json.dumps({"ops": CALLERS["ops"]}))
    doors = Doors()

    mail = doors.deliver(as_bytes(members()).decode())

    told = content(doors.show(mail, "ops"))["error"]
    assert told["code"] == "caller_not_allowed"
    assert told["message"].startswith("MAILER_CALLERS has no policy named `queue`, so that")


def test_a_replay_is_asked_for_its_own_caller_again(doors):
    mail = doors.deliver(as_bytes(members(to="ada@example.org")).decode())

    assert doors.ask("replay_email", "POST", by="ops", mail=mail).status_code == 202
    proof = wiring.ledger().read(mail).proof
    doors.deliver(write_message(b"{}", Envelope(id=mail, proof=proof, stored=True)))

    assert content(doors.show(mail, "ops"))["status"] == "failed"


def test_a_producer_who_names_another_caller_gains_nothing(doors):
    body = {**members(to="ada@example.org"), "mailer": {"id": "01a1ae47-6e00-7000-8000-000000000001", "caller": "ops"}}
    for extra in ({"new": True}, {"version": "W/\"datetime'2026-11-26T03%3A00%3A00.0000000Z'\""}, {}):
        forged_body = {**body, "mailer": {**body["mailer"], **extra}}
        doors.deliver(as_bytes(forged_body).decode())

    assert doors.show("01a1ae47-6e00-7000-8000-000000000001", "ops").status_code in {200, 404}
    records = wiring.search().page(Wanted(), most=100).records
    assert {record.caller for record in records} == {"queue"}
    assert {record.error_code for record in records} <= {"caller_not_allowed", "record_mismatch"}
