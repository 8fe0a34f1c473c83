"""Concurrency and faults of the local cloud."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from mailer.local.cloud import seed
from mailer.local.cloud.model import Fault
from tests.cloud_graph.given import SHOP, eventually, file, mail
from tests.local_cloud import code

# Concurrency


def send_at_once(cloud, *senders):
    """The replies to a mail from each sender, all on the way together."""
    authorization = cloud.authorization()
    together = threading.Barrier(len(senders))

    def send(sender):
        together.wait()
        return cloud.send(sender=sender, **authorization)

    with ThreadPoolExecutor(len(senders)) as pool:
        return list(pool.map(send, senders))


def test_four_requests_at_once_pass_and_a_fifth_is_throttled(cloud):
    cloud.control.fault(Fault(call="sendMail", delay=0.7))

    assert [reply.status_code for reply in send_at_once(cloud, *[SHOP] * 4)] == [202] * 4
    assert cloud.control.traffic().throttled == {}
    (throttled,) = [reply for reply in send_at_once(cloud, *[SHOP] * 5) if reply.status_code != 202]

    assert code(throttled) == (429, "ApplicationThrottled")
    assert float(throttled.headers["Retry-After"]) > 0
    traffic = cloud.control.traffic()
    assert (traffic.most_in_flight, traffic.throttled) == ({SHOP: 5}, {SHOP: 1})
    assert traffic.calls["sendMail"] == 9


def test_mailboxes_are_throttled_each_by_itself(cloud):
    cloud.control.fault(Fault(call="sendMail", delay=0.7))

    replies = send_at_once(cloud, *[SHOP, "alerts@contoso.com"] * 4)

    assert [reply.status_code for reply in replies] == [202] * 8
    assert cloud.control.traffic().most_in_flight == {SHOP: 4, "alerts@contoso.com": 4}


# Faults


def test_a_fault_answers_as_often_as_told(cloud):
    retry_after = {"Retry-After": "2.128"}
    number = cloud.control.fault(
        Fault(call="sendMail", times=2, outcome="answer", status=429, code="TooManyRequests", headers=retry_after)
    )

    first, second, third = cloud.send(), cloud.send(), cloud.send()

    assert (code(first), first.headers["Retry-After"]) == ((429, "TooManyRequests"), "2.128")
    assert second.status_code == 429
    assert third.status_code == 202
    assert cloud.control.hits(number) == 2
    assert len(cloud.control.mails()) == 1


def test_a_fault_may_hit_one_mailbox_alone(cloud):
    cloud.control.fault(Fault(call="sendMail", outcome="answer", status=503, mailbox="alerts@contoso.com"))

    assert cloud.send().status_code == 202
    assert cloud.send(sender="alerts@contoso.com").status_code == 503


@pytest.mark.parametrize("body", ["<html>Bad gateway</html>", ""])
def test_a_fault_may_answer_with_anything(cloud, body):
    html = {"Content-Type": "text/html"}
    cloud.control.fault(Fault(call="sendMail", outcome="answer", status=502, body=body, headers=html))

    reply = cloud.send()

    assert (reply.status_code, reply.text, reply.headers["Content-Type"]) == (502, body, "text/html")


def test_a_mail_can_be_accepted_and_answered_with_an_error(cloud):
    cloud.control.fault(Fault(call="sendMail", when="after", outcome="answer", status=504))

    assert cloud.send().status_code == 504
    assert len(cloud.control.mails()) == 1


@pytest.mark.parametrize(("when", "accepted"), [("before", 0), ("after", 1)])
def test_a_connection_can_be_reset_before_or_after_the_mail_is_accepted(cloud, when, accepted):
    cloud.control.fault(Fault(call="sendMail", when=when, outcome="reset", times=1))

    with pytest.raises(requests.ConnectionError):
        cloud.send()

    assert len(cloud.control.mails()) == accepted
    assert cloud.send().status_code == 202


@pytest.mark.parametrize(("when", "accepted"), [("before", 0), ("after", 1)])
def test_a_request_can_hang_before_or_after_the_mail_is_accepted(cloud, when, accepted):
    cloud.control.fault(Fault(call="sendMail", when=when, outcome="hang"))

    with pytest.raises(requests.ReadTimeout):
        cloud.send(timeout=0.3)

    assert len(cloud.control.mails()) == accepted


def test_requests_that_hang_hold_their_place_until_let_go(cloud):
    number = cloud.control.fault(Fault(call="sendMail", outcome="hang", times=4))
    authorization = cloud.authorization()

    with ThreadPoolExecutor(4) as pool:
        hanging = [pool.submit(cloud.send, **authorization) for _ in range(4)]
        eventually(lambda: cloud.control.hits(number) == 4)
        assert cloud.send().status_code == 429
        cloud.control.remove_fault(number)
        errors = [request.exception(timeout=5) for request in hanging]

    assert all(isinstance(error, requests.ConnectionError) for error in errors)
    assert cloud.send().status_code == 202


def test_a_caller_who_goes_away_gives_up_its_place(cloud):
    cloud.control.fault(Fault(call="sendMail", outcome="hang", times=4))
    for _ in range(4):
        with pytest.raises(requests.ReadTimeout):
            cloud.send(timeout=0.2)

    assert cloud.send().status_code == 202


def test_a_slow_mail_is_accepted_although_the_caller_gave_up(cloud):
    cloud.control.fault(Fault(call="sendMail", delay=0.5))

    with pytest.raises(requests.ReadTimeout):
        cloud.send(timeout=0.2)

    assert cloud.control.mails() == []
    eventually(cloud.control.mails)


def test_the_dice_of_a_fault_fall_the_same_every_time(cloud):
    def statuses():
        cloud.control.reset()
        cloud.control.fault(Fault(call="sendMail", outcome="answer", status=503, probability=0.5, seed=7))
        return [cloud.send().status_code for _ in range(12)]

    first = statuses()

    assert {202, 503} == set(first)
    assert statuses() == first


def test_a_fault_after_acceptance_is_not_used_up_by_a_refused_mail(cloud):
    number = cloud.control.fault(Fault(call="sendMail", when="after", outcome="answer", status=504, times=1))

    assert cloud.send({}).status_code == 400
    assert cloud.control.hits(number) == 0
    assert cloud.send().status_code == 504


@pytest.mark.parametrize("call", ["identity", "discovery", "keys", "token", "secret", "sentitems"])
def test_every_call_can_be_hit(cloud, call):
    authorization = cloud.authorization()
    paths = {
        "identity": "/msi/token",
        "discovery": f"/{seed.TENANT}/v2.0/.well-known/openid-configuration",
        "keys": f"/{seed.TENANT}/discovery/v2.0/keys",
        "token": f"/{seed.TENANT}/oauth2/v2.0/token",
        "secret": f"/secrets/{seed.SECRET_NAME}?api-version=7.4",
        "sentitems": f"/v1.0/users/{SHOP}/mailFolders/sentitems/messages",
    }
    cloud.control.fault(Fault(call=call, outcome="answer", status=503, code="made_to_fail"))

    method = "POST" if call == "token" else "GET"
    reply = cloud.session.request(method, f"{cloud.url}{paths[call]}", headers=authorization, timeout=5)

    assert reply.status_code == 503
    assert reply.headers["Content-Type"] == "application/json"


def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(cloud):
    with pytest.raises(RuntimeError, match="nowhere"):
        cloud.control.fault(Fault.model_construct(call="nowhere"))
    with pytest.raises(RuntimeError, match="colour"):
        cloud.control.set(colour="red")


def test_reset_forgets_faults_mails_and_counts_but_not_the_secret(cloud):
    secret = cloud.control.versions()[-1].value
    cloud.send()
    cloud.control.rotate(remove_old=True)
    cloud.control.fault(Fault(call="sendMail", outcome="answer"))

    cloud.control.reset()

    assert cloud.control.mails() == []
    assert cloud.control.traffic().calls == {}
    assert [one.value for one in cloud.control.versions()] == [secret]
    assert cloud.send().status_code == 202


def test_an_attachment_arrives_whole(cloud):
    content = bytes(range(256)) * 4096
    cloud.send(mail(attachments=[file(contentBytes=base64.b64encode(content).decode())]))

    assert cloud.control.mails()[0].attachments[0].size == len(content)
