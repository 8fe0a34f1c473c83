"""Callers and batches through the doors: function keys, tokens of the local cloud's Entra, Easy Auth, the queue."""

import base64
import hashlib
import json
import time

import azure.functions as func
import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from mailer import wiring
from mailer.delivery.envelope import Envelope
from mailer.delivery.message import write_message
from mailer.delivery.search import Wanted
from mailer.doors.door import ROUTES
from mailer.doors.http import HTTP
from mailer.local.cloud import seed
from mailer.local.cloud.control import Fault
from mailer.templating.templates import PACKAGED
from tests.app import Worker, app_settings, content, error
from tests.builders import as_bytes, members

assert HTTP  # by which all routes are registered
API = "https://mailer.example.com/api"
ALL = {"may": ["*"], "from": ["*"], "templates": ["*"], "to": ["*"], "priority": ["*"], "recipients_per_day": "*"}
APP = "77777777-7777-4777-8777-777777777777"


def key(name):
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


CALLERS = {
    "shop": {
        "key": key("shop"),
        "may": ["send", "read", "preview"],
        "from": ["shop@contoso.com"],
        "templates": ["order-*"],
        "to": ["example.com"],
        "priority": ["normal"],
        "recipients_per_day": 5000,
    },
    "crm": {"key": key("crm"), **ALL, "may": ["send", "read"]},
    "ops": {"app": seed.CLIENT_ID, "key": key("ops"), **ALL},
    "queue": {**ALL, "may": ["send"], "to": ["example.com"]},
}
ORDER = {"id": "order-confirmation", "variables": {}}


class Doors(Worker):
    """The worker's doors by function, with a caller's key."""

    def ask(self, function, method="GET", path="", *, body=b"", by=None, mail=None, **headers):
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        sent |= {"x-functions-key": by} if by else {}
        route = {"id": mail} if mail else {}
        request = func.HttpRequest(method, API + path, headers=sent, route_params=route, body=body)
        return self.call(function, request)

    def send(self, by=None, *, body=None, **headers):
        return self.ask("post_email", "POST", "/emails", body=body or as_bytes(members()), by=by, **headers)

    def batch(self, mails, by=None, **headers):
        return self.ask("post_batch", "POST", "/emails/batch", body=json.dumps(mails).encode(), by=by, **headers)

    def show(self, mail, by=None, **headers):
        return self.ask("get_email", mail=mail, by=by, **headers)


@pytest.fixture
def environ(storage, cloud, monkeypatch):
    return app_settings(storage, cloud, monkeypatch)


@pytest.fixture
def doors(environ, monkeypatch):
    monkeypatch.setenv("MAILER_CALLERS", json.dumps(CALLERS))
    return Doors()


@pytest.fixture
def open_doors(environ):
    return Doors()


def token_of(cloud, *, scope=f"{seed.CLIENT_ID}/.default"):
    """As an app gets one with its client secret."""
    form = {
        "grant_type": "client_credentials",
        "client_id": seed.CLIENT_ID,
        "client_secret": cloud.control.client_secrets()[0].value,
        "scope": scope,
    }
    reply = requests.post(f"{cloud.url}/{seed.TENANT}/oauth2/v2.0/token", data=form, verify=cloud.ca, timeout=10)
    return reply.json()["access_token"]


# By key


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


# Every door


@pytest.fixture
def one_right(environ, monkeypatch):
    """A caller for each right, who has all but that one, and one for each who has it alone."""
    rights = {each.may for each in ROUTES if each.may}
    without = {f"no-{right}": {"key": key(f"no-{right}"), **ALL, "may": [*rights - {right}]} for right in rights}
    only = {right: {"key": key(right), **ALL, "may": [right]} for right in rights}
    monkeypatch.setenv("MAILER_CALLERS", json.dumps(without | only))
    return Doors()


@pytest.mark.parametrize("route", [each for each in ROUTES if each.may], ids=lambda route: route.function)
def test_no_door_opens_without_its_right_and_each_does_with_it_alone(one_right, route):
    def ask(by):
        request = func.HttpRequest(
            route.methods[0],
            f"{API}/{route.route}",
            headers={"x-functions-key": by},
            route_params={"id": "none", "code": "none"},
            body=b"",
        )
        return one_right.call(route.function, request)

    for by in (f"no-{route.may}", "nobody"):
        assert error(ask(by), 403)["code"] == "caller_not_allowed"
    assert ask(route.may).status_code not in {401, 403}


# By app


def test_an_app_is_known_by_its_token(doors, cloud):
    posted = doors.send(authorization=f"Bearer {token_of(cloud)}")

    assert posted.status_code == 202
    assert content(doors.show(content(posted)["id"], "ops"))["caller"] == "ops"


def test_a_token_wins_over_the_key_that_opens_the_host(doors, cloud):
    posted = doors.send("shop", authorization=f"Bearer {token_of(cloud)}")

    assert content(doors.show(content(posted)["id"], "ops"))["caller"] == "ops"


def test_a_token_for_another_api_is_refused(doors, cloud):
    refused = doors.send("ops", authorization=f"Bearer {token_of(cloud, scope=f'{seed.GRAPH}/.default')}")

    assert error(refused, 401)["code"] == "invalid_token"
    assert f"ask for one with the scope api://{seed.CLIENT_ID}/.default" in error(refused, 401)["message"]
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def forged(**changes):
    claims = {
        "aud": seed.CLIENT_ID,
        "iss": seed.ISSUER_OF_VERSION_1,
        "exp": time.time() + 600,
        "appid": seed.CLIENT_ID,
        "ver": "1.0",
    }
    return claims | changes


@pytest.mark.parametrize("algorithm", ["RS256", "HS256", "none"])
def test_a_token_that_entra_did_not_sign_is_refused(doors, cloud, algorithm):
    kid = jwt.get_unverified_header(token_of(cloud))["kid"]
    own = {
        "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "HS256": "k" * 32,
        "none": None,
    }[algorithm]
    token = jwt.encode(forged(), own, algorithm=algorithm, headers={"kid": kid})

    assert error(doors.send("ops", authorization=f"Bearer {token}"), 401)["code"] == "invalid_token"


@pytest.mark.parametrize("token", ["x", "a.b.c", "", "e30.e30.e30", "é"])
def test_what_is_no_token_is_refused(doors, token):
    assert doors.send("nobody", authorization=f"Bearer {token}").status_code in {401, 403}


def test_no_token_is_looked_at_where_no_caller_is_an_app(environ, monkeypatch):
    monkeypatch.setenv("MAILER_CALLERS", json.dumps({"crm": CALLERS["crm"]}))

    assert Doors().send("crm", authorization="Bearer from-a-gateway").status_code == 202


# By Easy Auth


def principal(**claims):
    listed = [{"typ": name, "val": value} for name, value in claims.items()]
    return base64.b64encode(json.dumps({"auth_typ": "aad", "claims": listed}).encode()).decode()


def test_easy_auths_header_is_believed_only_where_the_platform_says_that_it_is_on(doors, monkeypatch):
    forged_header = {"x_ms_client_principal": principal(appid=seed.CLIENT_ID)}

    assert error(doors.send(**forged_header), 403)
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    posted = Doors().send(**forged_header)
    assert content(doors.show(content(posted)["id"], "ops"))["caller"] == "ops"


@pytest.mark.parametrize(
    "header",
    [
        principal(appid=APP),
        principal(appid=seed.CLIENT_ID, scp="access"),
        principal(azp=seed.CLIENT_ID, **{"http://schemas.microsoft.com/identity/claims/scope": "x"}),
        principal(name="ada"),
        "nonsense",
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b'{"claims": [1]}').decode(),
    ],
)
def test_easy_auth_names_nobody_but_an_app_of_the_setting(doors, monkeypatch, header):
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "true")

    assert error(Doors().send(x_ms_client_principal=header), 403)["code"] == "caller_not_allowed"


# By the queue


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


# Batches by HTTP


def test_a_batch_tells_what_became_of_each(open_doors):
    replied = open_doors.batch([members(), members(to="ada"), members(to="ada", sbject="x"), 7])

    told = content(replied)
    assert replied.status_code == 202
    assert [(each["index"], each["status"]) for each in told["data"]] == [(0, "queued")]
    assert set(told["data"][0]) == {"index", "id", "status", "expected_at"}
    assert [(each["index"], each["code"], each["target"]) for each in told["errors"]] == [
        (1, "validation_error", "to"),
        (2, "validation_error", None),
        (3, "validation_error", None),
    ]
    assert [each["target"] for each in told["errors"][1]["details"]] == ["to", "sbject"]


def test_a_strict_batch_is_refused_as_a_whole(open_doors):
    refused = error(open_doors.batch([members(), members(to="ada")], x_batch_validation="strict"), 400)

    assert (refused["target"], refused["details"][0]["target"]) == ("[1].to", "[1].to")


def test_the_key_of_a_batch_is_kept(open_doors):
    mails = [members(), members(subject="x")]

    first = open_doors.batch(mails, idempotency_key="k")
    again = open_doors.batch(mails, idempotency_key="k")

    assert content(first)["data"] == content(again)["data"]
    assert error(open_doors.batch(mails[:1], idempotency_key="k"), 409)["code"] == "invalid_idempotent_request"


@pytest.mark.parametrize(
    ("mails", "headers", "status", "words"),
    [
        ([], {}, 400, "The batch is empty"),
        ([{}] * 101, {}, 400, "100 mails at most"),
        ({}, {}, 400, "put it into [ ]"),
        ([{}], {"x_batch_validation": "lenient"}, 400, "holds `strict`"),
        ([{}], {"idempotency_key": "k" * 257}, 400, "1 to 256 characters"),
        ([{"text": "x" * 50_000_000}], {}, 413, "put fewer mails into it"),
    ],
)
def test_a_batch_that_cannot_be_read_is_refused_with_what_to_do(open_doors, mails, headers, status, words):
    assert words in error(open_doors.batch(mails, **headers), status)["message"]


def test_each_mail_of_a_batch_is_asked_for_its_caller(doors):
    order = members(template=ORDER, subject=None, text=None)

    told = content(doors.batch([order, members(), members(to="ada@example.org")], "shop"))

    assert told["errors"][1]["code"] == told["errors"][2]["code"] == "caller_not_allowed"
    assert error(doors.batch([members()], "nobody"), 403)


# The fuse by HTTP


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
