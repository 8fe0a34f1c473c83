"""A caller's surplus of the day waits for a person."""

import json

import azure.functions as func
import pytest

from tests.app import content, error
from tests.builders import as_bytes, members
from tests.callers_http.given import ALL, API, CALLERS, Doors, key


@pytest.fixture
def fused(environ, monkeypatch):
    small = {**ALL, "may": ["send", "read"], "recipients_per_day": 1}
    fuse = {"crm": {"key": key("crm"), **small}, "ops": CALLERS["ops"], "queue": small}
    monkeypatch.setenv("MAILER_CALLERS", json.dumps(fuse))
    return Doors()


def test_a_callers_surplus_is_held_listed_on_the_health_page_and_released_by_an_operator(fused):
    fused.send("crm")

    posted = fused.send("crm")
    mail = content(posted)["id"]
    assert (posted.status_code, content(posted)["status"], content(posted)["expected_at"]) == (202, "held", None)
    assert content(posted)["error"]["code"] == "recipients_per_day"
    shown = content(fused.health())["parts"]["callers"]
    assert shown["status"] == "warning"
    assert any("Held mails of the caller `crm`: 1, since" in problem for problem in shown["problems"])
    request = func.HttpRequest(
        "GET", f"{API}/emails", params={"status": "held"}, headers={"x-functions-key": "ops"}, body=b""
    )
    assert [each["id"] for each in content(fused.call("get_emails", request))["value"]] == [mail]
    assert error(fused.ask("release_email", "POST", by="crm", mail=mail), 403)

    released = fused.ask("release_email", "POST", by="ops", mail=mail)

    assert (released.status_code, content(released)["status"]) == (202, "queued")
    assert [(each["action"], each["by"]) for each in content(released)["done"]] == [("release", "ops")]
    assert error(fused.ask("release_email", "POST", by="ops", mail=mail), 409)["code"] == "wrong_status"
    assert "Held mails" not in str(content(Doors().health())["parts"]["callers"])


def test_an_urgent_surplus_is_held_too_and_not_delivered_in_the_call(fused):
    fused.send("crm")

    posted = fused.send("crm", body=as_bytes(members(priority="urgent")), prefer="wait=20")

    assert (posted.status_code, content(posted)["status"]) == (202, "held")


def test_a_batch_says_which_of_its_mails_are_held(fused):
    told = content(fused.batch([members(), members(), members()], "crm"))

    assert sorted(each["status"] for each in told["data"]) == ["held", "held", "queued"]
    assert {each["error"]["code"] for each in told["data"] if "error" in each} == {"recipients_per_day"}


def test_a_producers_surplus_is_held(fused):
    fused.deliver(as_bytes(members()).decode())
    mail = fused.deliver(as_bytes(members(subject="Another")).decode())

    record = content(fused.show(mail, "ops"))
    assert (record["status"], record["caller"], record["error"]["code"]) == ("held", "queue", "recipients_per_day")
