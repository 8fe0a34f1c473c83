"""What a caller is answered."""

import json
import re

import pytest

from mailer.doors.replies import STATUS_BY_CLASS
from mailer.errors import ConfigError, MailerError
from mailer.local import programs
from mailer.storage import clients
from tests.app import URL, Worker, content, error
from tests.builders import as_bytes, members


@pytest.mark.parametrize("url", [f"{URL}?code=s3cret", URL + "/", "https://evil.example.com/api/emails"])
def test_the_location_is_relative_and_holds_neither_a_key_nor_a_host(worker, url):
    posted = worker.post(url=url)

    assert posted.headers["Location"] == f"/api/emails/{content(posted)['id']}"


def test_the_location_leads_where_the_host_has_the_route(worker):
    host = json.loads((programs.ROOT / "host.json").read_text())
    route = worker.triggers["get_email"].route
    posted = worker.post()

    receipt = content(posted)
    assert posted.headers["Location"] == f"/{host['extensions']['http']['routePrefix']}/{route}".format(**receipt)


@pytest.mark.parametrize(
    "body",
    [
        as_bytes({"to": [f"x{number}" for number in range(200_000)], "subject": "s", "text": "t"}),
        as_bytes({f"x{number}": 1 for number in range(200_000)}),
        as_bytes(members(to=["\U0001f600" * 200] * 500)),
        as_bytes(members(**{"x" * 2_000_000: 1})),
        as_bytes({"to": "a@example.com", "template": {"id": "x" * 2_000_000}}),
        as_bytes(members(headers={f"x-{number}": "" for number in range(200_000)})),
        as_bytes(members(attachments=[{f"a{number}": 1 for number in range(3000)}] * 3)),
        b'{"to":1,' * 1 + b",".join(b'"a%d":1,"a%d":1' % (number, number) for number in range(100_000)) + b"}",
    ],
    ids=["recipients", "members", "smileys", "a name", "a template", "headers", "attachments", "twice"],
)
def test_the_answer_to_a_huge_mistake_is_small(worker, body):
    posted = worker.post(body)

    assert 400 <= posted.status_code < 500
    assert len(posted.get_body()) < 64 * 1024
    assert len(content(posted)["error"]["details"]) <= 50


def test_the_key_may_come_as_a_header(worker):
    first, second = worker.post(Idempotency_Key="order-7"), worker.post(Idempotency_Key="order-7")

    assert content(first) == content(second)
    assert first.headers["Location"] == second.headers["Location"]


@pytest.mark.parametrize(
    ("changes", "status", "code", "target"),
    [
        ({"to": "nobody"}, 400, "validation_error", "to"),
        ({"headers": {"x-new": "7"}}, 422, "header_not_allowed", "headers.x-new"),
        ({"attachments": [{"filename": "a", "blob": "a"}]}, 422, "attachment_not_found", "attachments[0].blob"),
        (
            {"attachments": [{"filename": "a", "content": "QUFB" * 9_200_000}]},
            413,
            "attachment_too_large",
            "attachments",
        ),
        ({"from_": "eve@example.com"}, 422, "sender_not_allowed", "from"),
        ({"subject": None, "text": None, "template": {"id": "x"}}, 422, "template_not_found", "template.id"),
        ({"text": "x" * 4_000_000}, 413, "request_too_large", None),
    ],
)
def test_a_refused_request_is_told_why(worker, changes, status, code, target):
    reply = error(worker.post(members(**changes)), status)

    assert (reply["code"], reply.get("target")) == (code, target)
    assert reply["details"] == [{"code": code, "message": reply["message"], "target": target}]


def test_every_problem_is_among_the_details(worker):
    reply = error(worker.post(members(to="nobody", from_="eve@example.com")), 400)

    assert {(detail["code"], detail["target"]) for detail in reply["details"]} == {
        ("validation_error", "to"),
        ("sender_not_allowed", "from"),
    }


def test_variables_that_are_missing_are_all_named(worker):
    template = {"id": "order-confirmation", "variables": {"order": {"number": 7, "lines": []}}}
    reply = error(worker.post(members(subject=None, text=None, template=template)), 422)

    assert reply["code"] == "template_variable_missing"
    assert [detail["target"] for detail in reply["details"]] == ["customer.name", "order.total", "order.currency"]


def test_what_is_no_json_is_refused(worker):
    assert error(worker.post(b"hello"), 400)["code"] == "validation_error"


def test_a_key_cannot_be_used_for_another_mail(worker):
    worker.post(Idempotency_Key="order-7")

    reply = error(worker.post(members(subject="Another"), Idempotency_Key="order-7"), 409)
    assert reply["code"] == "invalid_idempotent_request"


@pytest.mark.parametrize(
    "mail_id",
    ["7", "", "01a20846-fe00-7303-b233-343536373839", "ffffffff-ffff-4fff-8fff-ffffffffffff", "../x", "a" * 5000],
)
def test_an_unknown_mail_is_not_found(worker, mail_id):
    assert error(worker.get(mail_id), 404)["code"] == "not_found"


@pytest.mark.usefixtures("environ")
def test_a_mail_that_cannot_be_stored_is_worth_another_try(storage, monkeypatch):
    (port,) = programs.free_ports(1)
    monkeypatch.setenv(
        "AzureWebJobsStorage", re.sub(r"(TableEndpoint=http://127.0.0.1):\d+", rf"\1:{port}", storage.connection_string)
    )
    worker = Worker()
    monkeypatch.setitem(clients.STORAGE_NETWORK, "retry_total", 0)

    response = worker.post()
    assert error(response, 503)["code"] == "storage_unavailable"
    assert float(response.headers["Retry-After"]) > 0


def test_every_leaf_of_the_error_tree_has_a_status(worker):
    def leaves(kind):
        return [leaf for one in kind.__subclasses__() for leaf in leaves(one)] or [kind]

    by_class = STATUS_BY_CLASS
    assert [leaf for leaf in [*leaves(MailerError), ConfigError] if not issubclass(leaf, tuple(by_class))] == []
