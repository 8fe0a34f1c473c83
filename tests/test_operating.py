"""Where is my mail? Lists by HTTP, against the whole of mailer as it runs."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import requests

from mailer.local.cloud.control import Fault
from tests.operating import asked, got, posted, until


@pytest.fixture
def flow():
    """A tag that no other mail of the stack has."""
    return uuid4().hex


def ids(answer):
    return [record["id"] for record in answer["value"]]


def test_a_list_shows_records_as_they_are_shown_one_by_one(stack, flow):
    mail = posted(stack, tags={"flow": flow}, priority="urgent")["id"]

    listed = got(stack, "emails", tag=f"flow:{flow}")

    assert listed == {"value": [got(stack, f"emails/{mail}")]}


def test_the_pages_of_a_list_are_followed_by_their_links(stack, flow):
    mails = [posted(stack, tags={"flow": flow}, priority="urgent")["id"] for _ in range(3)]

    first = got(stack, "emails", tag=f"flow:{flow}", limit=2)
    second = got(stack, first["nextLink"])

    assert ids(first) + ids(second) == mails[::-1]
    assert "nextLink" not in second
    assert second["value"]


def test_a_link_keeps_the_filters_and_leaves_the_function_key_out(stack, flow):
    for _ in range(2):
        posted(stack, tags={"flow": flow}, priority="urgent")

    link = urlsplit(got(stack, "emails", tag=f"flow:{flow}", limit=1, code="the-key")["nextLink"])

    assert f"{link.scheme}://{link.netloc}{link.path}" == f"{stack.url}/emails"
    assert parse_qs(link.query).keys() == {"tag", "limit", "cursor"}


def test_an_answer_is_kept_by_no_store(stack):
    reply = requests.get(f"{stack.url}/emails", timeout=30)

    assert reply.headers["Cache-Control"] == "no-store"


def test_a_mail_is_found_by_its_recipient(stack):
    address = f"{uuid4().hex}@example.com"
    mail = posted(stack, to=["ada@example.com", address], priority="urgent")["id"]

    assert ids(got(stack, "emails", to=address.upper())) == [mail]


def test_a_wrong_filter_is_named_with_its_remedy(stack):
    refused = got(stack, "emails", since="yesterday", status=400)["error"]

    assert (refused["code"], refused["target"]) == ("validation_error", "since")
    assert "a day such as 2026-12-01" in refused["message"]


def test_a_mail_goes_at_once_when_its_cause_is_mended(stack, control):
    control.fault(Fault(call="sendMail", outcome="answer", status=403, code="ErrorAccessDenied", times=1))
    mail = posted(stack, priority="urgent")
    assert (mail["status"], mail["error"]["code"]) == ("queued", "ErrorAccessDenied")

    retried = asked(stack, f"emails/{mail['id']}/retry")

    assert [one["action"] for one in retried["done"]] == ["retry"]
    until("sent", lambda: got(stack, f"emails/{mail['id']}")["status"])


def test_a_mail_that_waits_for_nothing_to_be_mended_says_why_it_cannot_be_retried(stack):
    mail = posted(stack, priority="urgent")["id"]

    refused = asked(stack, f"emails/{mail}/retry", status=409)["error"]

    assert refused["code"] == "wrong_status"
    assert "The mail is sent; only one that waits for something to be mended" in refused["message"]


def test_failures_are_shown_counted_and_replayed_by_their_cause(stack, control):
    code = "ErrorInvalidRecipients"
    since = datetime.now(UTC).isoformat()
    control.fault(Fault(call="sendMail", outcome="answer", status=400, code=code, times=2))
    mails = [posted(stack, priority="urgent")["id"] for _ in range(2)]

    shown = got(stack, "failures", since=since)
    counted = asked(stack, f"failures/{code}/replay", {"since": since}, status=200)
    begun = asked(stack, f"failures/{code}/replay", {"since": since, "dry_run": False})

    (group,) = shown["value"]
    assert (group["code"], group["status"], group["count"], group["ids"]) == (code, "failed", 2, mails[::-1])
    assert group["cure"].startswith("Mend what the message names.")
    assert counted == {"code": code, "count": 2, "may_double": 0, "dry_run": True, "partial": False, "job": None}
    assert begun | {"job": None} == counted | {"dry_run": False}
    job = begun["job"]
    assert (job["action"], job["code"], job["status"], job["count"], job["done"]) == ("replay", code, "done", 2, 2)
    for mail in mails:
        until("sent", lambda mail=mail: got(stack, f"emails/{mail}")["status"])
    after = got(stack, "failures", since=since)
    assert (after["value"], after["partial"], after["jobs"][0]) == ([], False, job)


def test_mails_that_wait_for_a_cause_go_at_once_when_it_is_mended(stack, control):
    since = datetime.now(UTC).isoformat()
    control.fault(Fault(call="sendMail", outcome="answer", status=403, code="ErrorAccessDenied", times=2))
    mails = [posted(stack, priority="urgent")["id"] for _ in range(2)]
    (group,) = got(stack, "failures", since=since)["value"]
    assert (group["status"], group["count"]) == ("queued", 2)
    assert "Grant the app registration" in group["cure"]

    asked(stack, "failures/ErrorAccessDenied/retry", {"since": since, "dry_run": False})

    for mail in mails:
        until("sent", lambda mail=mail: got(stack, f"emails/{mail}")["status"])
