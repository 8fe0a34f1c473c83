"""Who may make drafts, and what goes wrong with them."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import requests

from mailer.local.cloud.model import Fault, Mailbox
from tests.cloud_drafts.given import DENIED, EVERY_CALL_ON_A_DRAFT, GONE, SHOP, Cloud, announced, message, small
from tests.local_cloud import code

# Roles


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/messages", {"json": message()}),
        *((method, path, content) for method, path, content in EVERY_CALL_ON_A_DRAFT if not path.endswith("send")),
        ("GET", "/mailFolders/drafts/messages", {}),
    ],
)
def test_drafts_need_more_than_the_role_mail_send(cloud, method, path, content):
    draft = cloud.draft()
    cloud.allow("Mail.Send")

    assert code(cloud.call(method, path.format(draft), **content)) == DENIED
    cloud.control.set(exchange_roles=["Mail.ReadWrite"])
    assert cloud.call(method, path.format(draft), **content).ok


def test_sending_a_draft_needs_the_role_mail_send(cloud):
    draft = cloud.draft()
    cloud.allow("Mail.ReadWrite")

    assert code(cloud.call("POST", f"{draft}/send")) == DENIED


def test_a_mailbox_out_of_scope_has_no_drafts(cloud):
    cloud.control.put_mailbox(Mailbox(address=SHOP, object_id="1", in_scope=False))

    assert code(cloud.call("POST", "/messages", json=message())) == DENIED


# Faults and the limit of a mailbox


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A draft and an upload to it, and every call that can be made on them."""

    cloud: Cloud
    draft: str
    url: str

    def make(self, call, **options):
        cloud, draft = self.cloud, self.draft
        calls = {
            "createDraft": lambda: cloud.call("POST", "/messages", json=message(), **options),
            "addAttachment": lambda: cloud.call("POST", f"{draft}/attachments", json=small(), **options),
            "createUploadSession": lambda: cloud.call(
                "POST", f"{draft}/attachments/createUploadSession", json=announced(), **options
            ),
            "drafts": lambda: cloud.call("GET", "/mailFolders/drafts/messages", **options),
            "send": lambda: cloud.call("POST", f"{draft}/send", **options),
            "deleteDraft": lambda: cloud.call("DELETE", draft, **options),
            "uploadRange": lambda: cloud.put(self.url, 0, 99, **options),
            "sessionStatus": lambda: cloud.session.get(self.url, **{"timeout": 5, **options}),
            "cancelUpload": lambda: cloud.session.delete(self.url, **{"timeout": 5, **options}),
        }
        return calls[call]()


GRAPH_CALLS = ["createDraft", "addAttachment", "createUploadSession", "drafts", "send", "deleteDraft"]


UPLOAD_CALLS = ["uploadRange", "sessionStatus", "cancelUpload"]


@pytest.fixture
def scene(cloud):
    draft = cloud.draft()
    return Scene(cloud=cloud, draft=draft, url=cloud.upload_url(draft))


@pytest.mark.parametrize("call", GRAPH_CALLS + UPLOAD_CALLS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_call_can_be_answered_with_an_error(scene, call, when):
    control = scene.cloud.control
    number = control.fault(Fault(call=call, when=when, outcome="answer", code="made_to_fail", times=1, mailbox=SHOP))

    assert code(scene.make(call)) == (503, "made_to_fail")
    assert control.hits(number) == 1


@pytest.mark.parametrize(("outcome", "error"), [("reset", requests.ConnectionError), ("hang", requests.ReadTimeout)])
@pytest.mark.parametrize(("when", "received"), [("before", "0"), ("after", "100")])
def test_the_answer_to_a_piece_can_be_lost_before_or_after_it_is_received(scene, outcome, error, when, received):
    scene.cloud.control.fault(Fault(call="uploadRange", when=when, outcome=outcome))

    with pytest.raises(error):
        scene.make("uploadRange", timeout=0.3)

    assert scene.make("sessionStatus").json()["nextExpectedRanges"] == [received]


@pytest.mark.parametrize(("when", "sent"), [("before", 0), ("after", 1)])
def test_the_answer_to_a_send_can_be_lost_before_or_after_the_draft_is_sent(scene, when, sent):
    scene.cloud.control.fault(Fault(call="send", when=when, outcome="reset"))

    with pytest.raises(requests.ConnectionError):
        scene.make("send")

    assert (len(scene.cloud.control.mails()), len(scene.cloud.control.drafts())) == (sent, 1 - sent)


@pytest.fixture
def busy(scene):
    """The scene while four requests are in flight on the mailbox."""
    control = scene.cloud.control
    number = control.fault(Fault(call="sendMail", outcome="hang", times=4))
    arguments = {"headers": {"Authorization": scene.cloud.authorization}, "verify": scene.cloud.session.verify}

    def hang():
        url = f"{scene.cloud.url}/v1.0/users/{SHOP}/sendMail"
        with pytest.raises(requests.ConnectionError):
            requests.post(url, json={"message": message()}, timeout=20, **arguments)

    with ThreadPoolExecutor(4) as pool:
        hanging = [pool.submit(hang) for _ in range(4)]
        deadline = time.monotonic() + 5
        while control.hits(number) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield scene
        control.remove_fault(number)
        assert all(future.result(timeout=5) is None for future in hanging)


def test_a_call_on_drafts_counts_among_the_four_of_a_mailbox_and_an_upload_does_not(busy):
    assert [busy.make(call).status_code for call in GRAPH_CALLS] == [429] * len(GRAPH_CALLS)
    assert [busy.make(call).status_code for call in UPLOAD_CALLS] == [200, 200, 204]


def test_calls_are_counted_each_under_its_name(scene):
    for call in ("uploadRange", "sessionStatus", "cancelUpload", "addAttachment", "drafts", "send"):
        scene.make(call)

    calls = scene.cloud.control.traffic().calls
    assert {name: calls[name] for name in GRAPH_CALLS + UPLOAD_CALLS if name in calls} == {
        "createDraft": 1,
        "createUploadSession": 1,
        "uploadRange": 1,
        "sessionStatus": 1,
        "cancelUpload": 1,
        "addAttachment": 1,
        "drafts": 1,
        "send": 1,
    }


def test_reset_forgets_drafts_and_their_uploads(scene):
    scene.cloud.control.reset()

    assert scene.cloud.control.drafts() == []
    assert code(scene.make("sessionStatus")) == GONE
