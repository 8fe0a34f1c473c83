"""A caller sees and changes its own mails, an operator everybody's."""

import json

import azure.functions as func

from mailer.local.cloud.control import Fault
from mailer.templating.templates import PACKAGED
from tests.app import content, error
from tests.builders import as_bytes, members
from tests.callers_http.given import API


def test_another_callers_mail_is_not_there(doors):
    mail = content(doors.send("crm"))["id"]

    assert error(doors.show(mail, "shop"), 404)["code"] == "not_found"
    assert doors.show(mail, "ops").status_code == 200


def test_an_operator_changes_everybodys_mail_and_the_record_says_who(doors):
    mail = content(doors.send("crm"))["id"]

    canceled = content(doors.ask("cancel_email", "POST", by="ops", mail=mail))

    assert [(each["action"], each["by"]) for each in canceled["done"]] == [("cancel", "ops")]


def test_the_same_idempotency_key_of_two_callers_is_two_mails(doors):
    """So that nobody learns by a key what another one has sent."""
    body = as_bytes(members(idempotency_key="order-7"))

    first, again, others = doors.send("crm", body=body), doors.send("crm", body=body), doors.send("ops", body=body)

    assert content(first)["id"] == content(again)["id"] != content(others)["id"]
    assert doors.send("ops", body=as_bytes(members(idempotency_key="order-7", subject="x"))).status_code == 409


def test_a_list_and_the_failures_show_a_caller_its_own_mails_and_an_operator_everybodys(doors, cloud):
    """Whichever filter the caller gives."""

    def ids(by, function="get_emails", **params):
        request = func.HttpRequest("GET", f"{API}/x", params=params, headers={"x-functions-key": by}, body=b"")
        listed = content(doors.call(function, request))["value"]
        return (
            {each["id"] for each in listed}
            if function == "get_emails"
            else {id_ for each in listed for id_ in each["ids"]}
        )

    cloud.control.fault(Fault(call="sendMail", outcome="answer", status=400, code="ErrorInvalidRecipients", times=2))
    variables = json.loads((PACKAGED / "order-confirmation/sample.json").read_text())
    template = {"id": "order-confirmation", "variables": variables}
    order = as_bytes(members(subject=None, text=None, template=template))
    mine = content(doors.send("shop", body=order, Prefer="wait=20"))["id"]
    other = content(doors.send("crm", Prefer="wait=20"))["id"]

    assert ids("shop") == ids("shop", caller="shop") == ids("shop", "get_failures") == {mine}
    assert ids("shop", caller="crm") == set()
    assert ids("ops") == ids("ops", "get_failures") == {mine, other}
    assert ids("ops", caller="crm") == {other}


def test_a_replay_by_cause_is_shown_to_an_operator_and_to_nobody_else(doors, cloud):
    cloud.control.fault(Fault(call="sendMail", outcome="answer", status=400, code="ErrorInvalidRecipients", times=1))
    doors.send("crm", Prefer="wait=20")

    def asked(by, function, **given):
        request = func.HttpRequest("POST", f"{API}/x", headers={"x-functions-key": by}, **{"body": b""} | given)
        return content(doors.call(function, request))

    code = {"code": "ErrorInvalidRecipients"}
    begun = asked("ops", "replay_failures", body=b'{"dry_run": false}', route_params=code)["job"]

    assert begun["by"] == "ops"
    assert asked("ops", "get_failures")["jobs"] == [begun]
    assert asked("shop", "get_failures")["jobs"] == []
