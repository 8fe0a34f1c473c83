"""python -m mailer list, failures, replay, retry: many mails at once, and nothing before --yes."""

import re
import time

import pytest
import requests

from mailer.local.cloud.control import Fault
from tests.operating import status, until
from tests.terminal import mailer as in_process

SHOP = {"mailbox": "shop@contoso.com"}
ALERTS = {"mailbox": "alerts@contoso.com"}


def posted(stack, *, wait=20, **changes):
    request = {"to": "ada@example.com", "subject": "Hello", "text": "Hello", **changes}
    return requests.post(f"{stack.url}/emails", json=request, timeout=60, headers={"Prefer": f"wait={wait}"}).json()


def mailer(stack, *arguments, code=0):
    said = in_process(*arguments, "--url", stack.url)
    assert said.code == code, said.err
    return said


def test_one_mail_is_replayed_canceled_and_moved_over_http(stack, control):
    control.fault(Fault(call="sendMail", when="after", outcome="answer", status=504, times=1))
    doubtful = posted(stack)
    assert doubtful["status"] == "uncertain"

    assert requests.post(f"{stack.url}/emails/{doubtful['id']}/replay", timeout=30).status_code == 202
    until("sent", lambda: status(stack, doubtful["id"]))
    assert requests.post(f"{stack.url}/emails/{doubtful['id']}/cancel", timeout=30).status_code == 409

    later = posted(stack, scheduled_at="2099-01-01T00:00:00Z")
    assert later["error"]["details"][0]["target"] == "scheduled_at"
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    mail = posted(stack, scheduled_at=soon)
    assert mail["status"] == "scheduled"
    url = f"{stack.url}/emails/{mail['id']}"
    bad = requests.patch(url, json={"scheduled_at": "tomorrow"}, timeout=30)
    assert (bad.status_code, bad.json()["error"]["target"]) == (400, "scheduled_at")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert requests.patch(url, json={"scheduled_at": now}, timeout=30).status_code == 200
    until("sent", lambda: status(stack, mail["id"]))

    another = posted(stack, scheduled_at=soon)["id"]
    assert requests.post(f"{stack.url}/emails/{another}/cancel", timeout=30).json()["status"] == "canceled"
    assert requests.post(f"{stack.url}/emails/{another}/replay", timeout=30).status_code == 409


@pytest.fixture(scope="module")
def mails(stack):
    """Failed, doubtful and hindered mails, a few of each: no test uses one that another has moved."""
    control = stack.control
    control.reset()
    kinds = {
        "failed": Fault(call="sendMail", outcome="answer", status=400, code="ErrorInvalidRecipients", **SHOP),
        "uncertain": Fault(call="sendMail", when="after", outcome="answer", status=504, **ALERTS),
        "queued": Fault(call="sendMail", outcome="answer", status=403, code="ErrorAccessDenied", **SHOP),
    }
    made = {}
    for expected, fault in kinds.items():
        control.fault(fault)
        several = [posted(stack, **{"from": fault.mailbox}) for _ in range(3)]
        assert {mail["status"] for mail in several} == {expected}
        made[expected] = iter([mail["id"] for mail in several])
        control.clear_faults()
    yield made
    control.reset()


@pytest.fixture
def failed(mails):
    return next(mails["failed"])


@pytest.fixture
def doubtful(mails):
    return next(mails["uncertain"])


def test_it_says_how_many_may_arrive_twice_and_without_yes_sends_none(stack, failed, doubtful):
    told = mailer(stack, "replay", failed, doubtful)

    assert told.err == "2 mails to replay, of which 1 may arrive twice.\nNothing was changed. --yes does it.\n"
    assert [status(stack, mail) for mail in (failed, doubtful)] == ["failed", "uncertain"]
    assert "none of which can arrive twice" in mailer(stack, "replay", failed, "--yes").err
    assert status(stack, failed) != "failed"


def test_a_status_chooses(stack, failed, doubtful):
    told = mailer(stack, "replay", "--status", "uncertain", "--since", "5m", "--yes", "--json")

    assert [line["id"] for line in told.lines if line["id"] in {failed, doubtful}] == [doubtful]
    assert status(stack, failed) == "failed"


def test_failures_are_shown_by_cause_with_what_to_do(stack, mails):
    shown = mailer(stack, "failures", "--since", "5m").out

    assert re.search(r"^ErrorInvalidRecipients  \d+ failed$", shown, re.MULTILINE)
    assert "python -m mailer replay --code ErrorInvalidRecipients" in shown
    assert re.search(r"^ErrorAccessDenied  \d+ queued$", shown, re.MULTILINE)
    assert "python -m mailer retry --code ErrorAccessDenied" in shown
    lines = mailer(stack, "failures", "--since", "5m", "--json").lines
    assert {"ErrorInvalidRecipients", "ErrorAccessDenied"} <= {line["code"] for line in lines}


def test_by_its_code_a_cause_is_counted_and_then_replayed_in_the_background(stack, failed):
    plan = mailer(stack, "replay", "--code", "ErrorInvalidRecipients", "--since", "5m")
    assert re.search(r"^ErrorInvalidRecipients +\d+ +0$", plan.out, re.MULTILINE)
    assert "Nothing was changed" in plan.err
    assert status(stack, failed) == "failed"

    mailer(stack, "replay", "--code", "ErrorInvalidRecipients", "--since", "5m", "--yes")

    until(True, lambda: status(stack, failed) != "failed")


def test_without_a_code_it_is_every_cause(stack, control):
    control.fault(Fault(call="sendMail", when="after", outcome="answer", status=504, times=1, **ALERTS))
    doubtful = posted(stack, **{"from": ALERTS["mailbox"]})["id"]

    done = mailer(stack, "replay", "--since", "5m", "--yes", "--json")

    assert {line["code"]: line for line in done.lines}["http_504"]["may_double"] >= 1
    until(True, lambda: status(stack, doubtful) != "uncertain")


def test_nothing_to_replay_is_told(stack):
    told = mailer(stack, "replay", "--code", "ErrorVirusDetected")

    assert (told.out, told.err) == ("", "0 mails to replay.\n")


def test_one_that_cannot_be_changed_hinders_no_other(stack, mails):
    hindered, sent = next(mails["queued"]), posted(stack)["id"]

    told = mailer(stack, "retry", sent, hindered, "--yes", code=1)

    assert f"{sent}: The mail is sent" in told.err
    assert told.out == "1 mail let go, 1 not\n"


def test_what_waits_for_a_mended_cause_is_let_go(stack, mails):
    one, other = next(mails["queued"]), next(mails["queued"])

    assert mailer(stack, "retry", one).out == "1 mail let go\n"
    mailer(stack, "retry", "--code", "ErrorAccessDenied", "--yes")

    until("sent", lambda: status(stack, other))


def test_mails_are_listed_newest_first_by_every_filter(stack):
    mails = [posted(stack, tags={"flow": "lists", "n": str(n)}, wait=0)["id"] for n in range(3)]

    def ids(*filters):
        return [line["id"] for line in mailer(stack, "list", *filters, "--json").lines]

    assert ids("--tag", "flow=lists", "--since", "5m") == mails[::-1]
    assert ids("--tag", "flow=lists", "--limit", "2", "--from", "shop@contoso.com") == mails[:0:-1]
    assert ids("--tag", "flow=nothing", "--status", "sent", "--until", "1d") == []
    table = mailer(stack, "list", "--tag", "flow=lists")
    assert [line.split()[-1] for line in table.out.splitlines()] == ["id", *mails[::-1]]
    assert table.err.startswith("3 mails.")
    assert "There are more than 2" in mailer(stack, "list", "--tag", "flow=lists", "--limit", "2").err


def test_a_filter_that_the_app_does_not_know_is_told_with_those_that_it_does(stack):
    said = mailer(stack, "list", "--status", "gone", code=1)

    assert "status" in said.err
    assert "uncertain" in said.err
