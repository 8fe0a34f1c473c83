"""A caller with a function key: what its policy lets it do, and what it is told where it may not."""

import json

import azure.functions as func
import pytest

from tests.app import content, error
from tests.builders import as_bytes, members
from tests.callers_http.given import API, Doors, key


def test_a_key_is_its_callers_and_the_record_names_it(doors):
    posted = doors.send("crm")

    assert posted.status_code == 202
    assert content(doors.show(content(posted)["id"], "crm"))["caller"] == "crm"


@pytest.mark.parametrize("by", [None, "", "nobody's", key("shop"), "shop,ops"])
def test_a_key_that_is_no_callers_may_do_nothing_but_ask_for_health(doors, by):
    refused = error(doors.send(by), 403)

    assert refused["code"] == "caller_not_allowed"
    assert "MAILER_CALLERS is set and has no caller with this function key" in refused["message"]
    assert doors.health().status_code in {200, 503}


def test_the_key_may_stand_in_the_url_and_the_header_wins(doors):
    request = func.HttpRequest("POST", f"{API}/emails", params={"code": "crm"}, body=as_bytes(members()))
    both = func.HttpRequest(
        "POST", f"{API}/emails", params={"code": "crm"}, headers={"x-functions-key": "x"}, body=as_bytes(members())
    )

    assert doors.call("post_email", request).status_code == 202
    assert error(doors.call("post_email", both), 403)


def test_what_the_policy_forbids_is_refused_with_all_its_rules(doors):
    refused = error(doors.send("shop", body=as_bytes(members(to="ada@example.org", priority="urgent"))), 403)

    assert {each["target"] for each in refused["details"]} == {"to[0]", "template", "priority"}
    assert (
        "may not send with this priority: its rule `priority` in MAILER_CALLERS forbids it; it allows normal."
        in str(refused["details"])
    )
    assert "example.org" not in json.dumps(refused)


def test_a_caller_without_the_right_is_told_what_it_may_instead(doors):
    mail = content(doors.send("crm"))["id"]

    refused = error(doors.ask("cancel_email", "POST", by="crm", mail=mail), 403)

    assert refused["message"] == (
        "The caller `crm` may not `operate`: its rule `may` in MAILER_CALLERS forbids it; it allows send, read."
    )


def test_templates_are_shown_and_previewed_as_far_as_they_may_be_used(doors):
    listed = doors.ask("get_templates", by="shop")

    assert [one["id"] for one in content(listed)["data"]] == ["order-confirmation"]
    assert doors.ask("get_template", mail="order-confirmation", by="shop").status_code == 200
    assert error(doors.ask("get_template", mail="password-reset", by="shop"), 403)["target"] == "template.id"
    assert error(doors.ask("preview_template", "POST", mail="password-reset", by="shop"), 403)
    assert error(doors.ask("get_templates", by="crm"), 403)


def test_no_template_is_named_to_who_may_not_use_it(doors):
    body = as_bytes(members(template={"id": "order-none"}, subject=None, text=None))
    told = content(doors.batch([json.loads(body)], "shop"))
    answers = [
        error(doors.send("shop", body=body), 422),
        error(doors.ask("get_template", mail="order-x", by="shop"), 404),
    ]
    answers += [error(doors.ask("preview_template", "POST", mail="order-x", by="shop"), 404), told["errors"][0]]

    for answer in answers:
        assert answer["code"] == "template_not_found"
        assert "password-reset" not in json.dumps(answer)
    assert "password-reset" in error(doors.send("ops", body=body), 422)["message"]


def test_without_the_setting_every_key_may_do_all(open_doors):
    mail = content(open_doors.send("anything"))["id"]

    record = content(open_doors.show(mail))
    assert (record["caller"], record["status"]) == (None, "queued")


def test_a_mistake_in_the_setting_stops_the_app_and_stands_on_the_health_page(doors, monkeypatch):
    monkeypatch.setenv("MAILER_CALLERS", '{"shop": {"key": "hunter2", "may": ["sned"]}}')
    doors = Doors()

    refused = error(doors.send("shop"), 503)
    shown = content(doors.health())["parts"]["settings"]

    assert len(refused["details"]) == 2
    assert shown["problems"] == [each["message"] for each in refused["details"]]
    assert "hunter2" not in json.dumps(refused)


def test_no_key_comes_into_a_log(doors, caplog):
    caplog.set_level("DEBUG")
    doors.send("crm")
    doors.send("nobody's key")

    assert not any(text in caplog.text for text in ("nobody's key", key("crm")[7:]))
