"""The list of suppressed addresses by HTTP, and what a mail's record then says: through the doors, over Azurite."""

import json
import logging
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func
import pytest
from azure.data.tables import TableClient

from mailer.doors.feedback_answers import Suppression
from tests.app import Worker, content, error
from tests.builders import as_bytes, members
from tests.callers_http.given import ALL, API, key

ADA, BOB = "ada@example.com", "bob@example.com"
CALLERS = {"shop": {"key": key("shop"), **ALL, "may": ["send", "read"]}, "ops": {"key": key("ops"), **ALL}}


class Doors(Worker):
    def ask(self, function, method, query=None, body=b"", by=None):
        headers = {"x-functions-key": by} if by else {}
        url = f"{API}/suppressions"
        return self.call(function, func.HttpRequest(method, url, headers=headers, params=query or {}, body=body))

    def suppress(self, address=ADA, *, by=None, **more):
        return self.ask("post_suppression", "POST", body=as_bytes({"address": address, **more}), by=by)

    def lift(self, address=ADA, *, by=None):
        return self.ask("delete_suppression", "DELETE", {"address": address}, by=by)

    def found(self, *, by=None, **query):
        return self.ask("get_suppressions", "GET", query, by=by)

    def sent(self, **changes):
        """A mail that was delivered within the call: its record."""
        reply = self.post(members(**changes), Prefer="wait=20")
        return content(self.get(content(reply)["id"]))


@pytest.fixture
def doors(environ):
    assert environ
    return Doors()


@pytest.fixture
def with_callers(environ, monkeypatch):
    assert environ
    monkeypatch.setenv("MAILER_CALLERS", json.dumps(CALLERS))
    return Doors()


# The calls


def test_an_address_is_suppressed_looked_up_and_lifted(doors):
    made = doors.suppress(reason="asked for it by phone")
    entry = content(made)

    assert made.status_code == 201
    Suppression.model_validate_json(json.dumps(entry))
    assert (entry["reason"], entry["by"]) == ("asked for it by phone", None)
    assert content(doors.found(address=ADA)) == {"value": [entry]}
    assert doors.lift().status_code == 204
    assert content(doors.found(address=ADA)) == {"value": []}


def test_calls_that_are_repeated_change_nothing(doors):
    first = content(doors.suppress(reason="first"))
    again = doors.suppress(reason="second")
    lifted = [doors.lift(), doors.lift()]

    assert (again.status_code, content(again)) == (200, first)
    assert [reply.status_code for reply in lifted] == [204, 204]
    assert [reply.get_body() for reply in lifted] == [b"", b""]


@pytest.mark.parametrize("other", ["Ada@EXAMPLE.com", "Ada Lovelace <ada@example.com>", " ada@example.com "])
def test_an_address_is_the_same_however_it_is_written(doors, other):
    entry = content(doors.suppress(other))

    assert content(doors.found(address=ADA))["value"] == [entry]
    doors.lift(other)
    assert content(doors.found(address=ADA))["value"] == []


def test_the_list_comes_in_pages_and_tells_no_address(doors):
    for number in range(5):
        doors.suppress(f"a{number}@example.com")
    first = doors.found(limit="3")
    follow = dict(parse_qsl(urlsplit(content(first)["nextLink"]).query))
    second = doors.found(**follow)

    assert [len(content(page)["value"]) for page in (first, second)] == [3, 2]
    assert "nextLink" not in content(second)
    assert len({entry["hash"] for page in (first, second) for entry in content(page)["value"]}) == 5
    assert b"example.com" not in first.get_body().replace(b"mailer.example.com", b"")


@pytest.mark.parametrize(
    ("body", "target", "words"),
    [
        ({"address": "bob"}, "address", "is not an e-mail address"),
        ({"address": f"{ADA}, {BOB}"}, "address", "one address each"),
        ({}, "address", "is required"),
        ({"address": ADA, "reason": f"asked by {BOB}"}, "reason", "must hold no e-mail address"),
        ({"address": ADA, "reason": "x" * 201}, "reason", "200 characters"),
        ({"address": ADA, "reason": "two\nlines"}, "reason", "one line"),
        ({"address": ADA, "reson": "x"}, "reson", "did you mean `reason`?"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(doors, body, target, words):
    refused = error(doors.ask("post_suppression", "POST", body=as_bytes(body)), 400)

    assert refused["target"] == target
    assert words in refused["message"]
    assert content(doors.found())["value"] == []


@pytest.mark.parametrize("query", [{}, {"address": "bob"}, {"adress": BOB}])
def test_a_lift_of_no_address_is_refused(doors, query):
    assert error(doors.ask("delete_suppression", "DELETE", query), 400)["code"] == "validation_error"


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"cursor": "nonsense"}, {"address": "bob"}])
def test_a_wrong_parameter_of_the_list_is_refused(doors, query):
    assert error(doors.found(**query), 400)["target"] in query


def test_only_who_may_operate_sees_or_changes_the_list(with_callers):
    for asked in (with_callers.suppress, with_callers.found, with_callers.lift):
        assert error(asked(by="shop"), 403)["code"] == "caller_not_allowed"

    assert content(with_callers.suppress(by="ops"))["by"] == "ops"


def test_no_log_tells_an_address(doors, caplog):
    caplog.set_level(logging.DEBUG, "mailer")
    entry = content(doors.suppress())
    doors.sent(to=[ADA])
    doors.lift()

    assert f"address_suppressed hash={entry['hash']} by=None" in caplog.text
    assert f"suppression_lifted hash={entry['hash']} by=None" in caplog.text
    assert ADA not in caplog.text


# Mails


def test_a_mail_goes_to_the_others_and_its_record_says_who_was_left_out(doors, cloud):
    doors.suppress()
    record = doors.sent(to=[ADA, BOB], cc=["eve@example.com"], bcc=[ADA])

    (mail,) = cloud.control.mails()
    assert [one.address for one in (*mail.to, *mail.cc, *mail.bcc)] == [BOB, "eve@example.com"]
    assert (record["status"], record["recipients"]) == ("sent", 4)
    assert list(record["delivery"]) == ["to[0]", "bcc[0]"]
    copy = record["delivery"]["to[0]"]
    assert (copy["status"], copy["code"], copy["at"]) == (
        "suppressed",
        "recipient_suppressed",
        record["times"]["sending"],
    )
    assert "example.com" not in json.dumps(record)


def test_a_mail_without_anybody_left_out_tells_no_delivery(doors):
    doors.suppress()

    assert "delivery" not in doors.sent(to=[BOB])


def test_graph_takes_a_mail_of_whose_to_nobody_is_left(doors, cloud):
    doors.suppress()
    record = doors.sent(to=[ADA], bcc=[BOB])

    (mail,) = cloud.control.mails()
    assert (record["status"], [one.address for one in mail.bcc], list(mail.to)) == ("sent", [BOB], [])


def test_a_caller_who_waits_hears_that_nobody_is_left(doors, cloud):
    doors.suppress()
    reply = doors.post(members(to=[ADA]), Prefer="wait=20")

    assert (reply.status_code, content(reply)["status"]) == (200, "suppressed")
    assert content(reply)["error"]["code"] == "recipient_suppressed"
    assert ADA not in reply.get_body().decode()
    assert cloud.control.mails() == []


def test_a_suppressed_mail_is_found_by_its_status_its_error_and_its_recipient(doors):
    doors.suppress()
    mail = doors.sent(to=[ADA])["id"]

    for query in ({"status": "suppressed"}, {"error": "recipient_suppressed"}, {"to": ADA}):
        request = func.HttpRequest("GET", f"{API}/emails", params=query, body=b"")
        assert [one["id"] for one in content(doors.call("get_emails", request))["value"]] == [mail]


def test_it_works_where_mails_are_not_found_by_recipients(environ, cloud, monkeypatch):
    assert environ
    monkeypatch.setenv("MAILER_RECIPIENT_SEARCH", "off")
    doors = Doors()
    doors.suppress()

    assert doors.sent(to=[ADA])["status"] == "suppressed"
    assert cloud.control.mails() == []


def test_all_suppressed_mails_of_a_cause_are_replayed_once_it_is_mended(doors, cloud):
    doors.suppress()
    mails = {doors.sent(to=[ADA])["id"] for _ in range(2)}
    doors.lift()
    body = as_bytes({"dry_run": False})
    request = func.HttpRequest("POST", API, route_params={"code": "recipient_suppressed"}, body=body)
    reply = doors.call("replay_failures", request)

    assert (reply.status_code, content(reply)["count"], content(reply)["may_double"]) == (202, 2, 0)
    assert {content(doors.get(mail))["status"] for mail in mails} == {"queued"}
    assert cloud.control.mails() == []


# The hashes' key


def test_without_the_hashes_key_mails_wait_and_health_and_calls_say_why(doors, environ, storage, cloud):
    doors.suppress()
    name = f"{environ['MAILER_TABLE']}keys"
    with TableClient.from_connection_string(storage.connection_string, name) as keys:
        keys.delete_entity("keys", "recipients")
    later = Doors()

    record = later.sent(to=[BOB])
    (problem,) = content(later.health())["parts"]["sending"]["problems"]

    assert (record["status"], record["error"]["code"]) == ("queued", "suppression_key_lost")
    assert cloud.control.mails() == []
    assert f"another key than the table `{name}` has now" in problem
    assert error(later.suppress(), 503)["code"] == "suppression_key_lost"


def test_once_the_list_is_emptied_mails_go_again(doors, environ, storage, cloud):
    """The other way out that the error names."""
    doors.suppress()
    with TableClient.from_connection_string(storage.connection_string, f"{environ['MAILER_TABLE']}keys") as keys:
        keys.delete_entity("keys", "recipients")
    with TableClient.from_connection_string(storage.connection_string, environ["MAILER_TABLE"]) as table:
        for row in list(table.query_entities("PartitionKey eq 'suppressions'")):
            table.delete_entity(row)
    later = Doors()

    assert later.sent(to=[ADA])["status"] == "sent"
    assert later.suppress().status_code == 201
