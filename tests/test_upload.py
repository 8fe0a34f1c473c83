"""A mail that one call cannot carry: it leaves with all of its files, or not at all, and no draft stays behind."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from azure.storage.blob import ContainerClient

from mailer.delivery.record import Conflict
from mailer.errors import GiveUp, Misconfigured, TryLater, Uncertain
from mailer.graph import drafts, upload
from mailer.graph.connection import GraphConnection
from mailer.local.cloud import seed
from mailer.local.cloud.control import Control
from mailer.local.cloud.model import Fault, Mailbox
from mailer.request.rendered import RenderedMail
from tests.builders import a_file, a_mail
from tests.fakes import scripted_session
from tests.other_graph import other_graph

MB = 1024 * 1024
BIG = bytes(range(256)) * (9 * MB // 256)  # three pieces
PIECES = 3


def big_file(**changes):
    return a_file(BIG, filename="scan.pdf", **changes)


def one_mail(*files, **changes):
    return a_mail(files=files or (big_file(),), **changes)


@dataclass(kw_only=True)
class Cloud:
    url: str
    control: Control
    connection: GraphConnection
    session: requests.Session
    pauses: list

    def token(self, _refused=""):
        form = {
            "grant_type": "client_credentials",
            "client_id": seed.CLIENT_ID,
            "client_secret": self.control.versions()[-1].value,
            "scope": f"{seed.GRAPH}/.default",
        }
        url = f"{self.url}/{seed.TENANT}/oauth2/v2.0/token"
        return self.session.post(url, data=form, timeout=5).json()["access_token"]

    def send(self, mail=None, *, leaving=lambda: None):
        return upload.send_large(
            mail or one_mail(),
            ask=self.connection._calls(a_mail().id if mail is None else mail.id, self.token(), self.token),
            transfer=self.connection._transfer,
            leaving=leaving,
            pause=self.pauses.append,
        )

    def fault(self, call, **changes):
        self.control.fault(Fault(call=call, **{"times": 1, "outcome": "answer", **changes}))

    def calls(self, *names):
        return [self.control.traffic().calls.get(name, 0) for name in names]

    @property
    def arrived(self):
        (mail,) = self.control.mails()
        return [(file.name, file.size, file.sha256) for file in mail.attachments]

    @property
    def nothing(self):
        """Nothing was sent, and nothing was left in Drafts."""
        return self.control.mails() == [] and self.control.drafts() == []


@pytest.fixture(scope="module")
def running(local_cloud):
    with requests.Session() as session:
        session.trust_env, session.verify = False, local_cloud.ca
        yield Cloud(
            url=local_cloud.url,
            control=local_cloud.control,
            connection=GraphConnection(local_cloud.url, session=session),
            session=session,
            pauses=[],
        )


@pytest.fixture
def cloud(running):
    running.control.reset()
    running.control.set(roles=["Mail.Send", "Mail.ReadWrite"])
    running.pauses.clear()
    return running


WHOLE = [("scan.pdf", len(BIG), hashlib.sha256(BIG).hexdigest())]


# As it should go


def test_a_large_file_arrives_whole(cloud):
    cloud.send()

    assert cloud.arrived == WHOLE
    assert cloud.control.drafts() == []
    assert cloud.control.traffic().violations == ()


def test_a_large_mail_takes_no_needless_request(cloud):
    cloud.send()

    assert cloud.calls("drafts", "createDraft", "createUploadSession", "uploadRange", "send") == [1, 1, 1, PIECES, 1]
    assert cloud.calls("addAttachment", "sessionStatus", "deleteDraft", "sendMail") == [0, 0, 0, 0]


def test_small_files_beside_a_large_one_go_in_one_request_each(cloud):
    cloud.send(one_mail(big_file(), a_file(b"hello", filename="a.txt"), a_file(b"you", filename="b.txt")))

    assert [name for name, _, _ in cloud.arrived] == ["scan.pdf", "a.txt", "b.txt"]
    assert cloud.calls("createUploadSession", "addAttachment") == [1, 2]


@pytest.mark.parametrize("size", [2_900_000, 2_900_001, 3_000_000, 3 * MB - 300, 3 * MB, drafts.RANGE, 4 * MB - 1])
def test_a_file_of_any_size_arrives(cloud, size):
    cloud.send(one_mail(a_file(b"x" * size, filename="a.bin")))

    assert cloud.arrived == [("a.bin", size, hashlib.sha256(b"x" * size).hexdigest())]


def test_all_that_a_mail_says_goes_with_its_draft(cloud):
    image = a_file(b"logo", filename="logo.png", content_type="image/png", content_id="logo")

    cloud.send(one_mail(big_file(), image, cc="grace@example.com", read_receipt=True, categories=["Orders"]))

    (mail,) = cloud.control.mails()
    assert mail.internet_message_id.startswith(f"<{a_mail().id}@")
    assert [one.address for one in mail.cc] == ["grace@example.com"]
    assert mail.is_read_receipt_requested
    assert mail.categories == ("Orders",)
    assert [(file.is_inline, file.content_id) for file in mail.attachments] == [(False, None), (True, "logo")]


@pytest.mark.parametrize("pascal_case", [False, True])
@pytest.mark.parametrize("open_ranges", [False, True])
def test_every_way_that_graph_names_the_next_piece_is_understood(cloud, pascal_case, open_ranges):
    cloud.control.set(upload_pascal_case=pascal_case, upload_open_ranges=open_ranges)

    cloud.send()

    assert cloud.arrived == WHOLE


def test_the_pieces_are_read_one_by_one(cloud):
    asked = []

    def read(offset, length):
        asked.append((offset, length))
        return BIG[offset : offset + length]

    cloud.send(one_mail(replace(big_file(), read=read)))

    assert asked == [(n * drafts.RANGE, min(drafts.RANGE, len(BIG) - n * drafts.RANGE)) for n in range(PIECES)]


MEMORY = """
import resource, sys
from azure.storage.blob import ContainerClient
import requests
from mailer.graph import upload
from mailer.storage.attachment_blobs import open_blob
from mailer.delivery.compose import Composer
from mailer.request.model import MailRequest
from mailer.graph.connection import GraphConnection

storage, name, url, ca, token = sys.argv[1:6]
session = requests.Session()
session.trust_env, session.verify = False, ca
with ContainerClient.from_connection_string(storage, name) as container:
    composer = Composer(render=None, open_blob=lambda file: open_blob(container, file), largest=150 * 1024**2)

    def send(blob):
        request = MailRequest.model_validate(
            {"from": "shop@contoso.com", "to": "ada@example.com", "subject": "s", "text": "t",
             "attachments": [{"filename": blob, "blob": blob}]}
        )
        mail = composer.compose(request, mail="01a20ad7-bd1d-729d-8127-a3c15948aa6e")
        GraphConnection(url, session=session).send_large(mail, token, renew=str, leaving=lambda: None)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    first = send(sys.argv[6]) if sys.argv[6:] else 0
    print(send("large.bin") - first)
"""


@pytest.fixture
def blobs(storage):
    """A container with a file of 5 MB and one of 30, and what the larger one must arrive as."""
    name, content = f"c{uuid4().hex}", os.urandom(1024) * (30 * MB // 1024)
    with ContainerClient.from_connection_string(storage.connection_string, name) as container:
        container.create_container()
        container.upload_blob("small.bin", bytes(5 * MB))
        container.upload_blob("large.bin", content)
    return name, (len(content), hashlib.sha256(content).hexdigest())


def sent_from_blobs(storage, name, *, url, ca, token="t0ken", first=()):
    """Send the 30 MB from a process of its own; by how many bytes its memory grew since the `first` file."""
    command = [sys.executable, "-c", MEMORY, storage.connection_string, name, url, str(ca), token, *first]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    return int(done.stdout)


def test_a_file_of_30_mb_is_never_held_in_memory(cloud, storage, blobs):
    """Its pieces go straight from the blob to Graph: beside a file of 5 MB, memory grows by a fraction of its size."""
    name, whole = blobs
    where = {"url": cloud.url, "ca": cloud.session.verify, "token": cloud.token()}

    assert sent_from_blobs(storage, name, **where, first=["small.bin"]) < 10 * MB

    (file,) = cloud.control.mails()[-1].attachments
    assert (file.size, file.sha256) == whole


def test_a_file_of_30_mb_arrives_at_another_graph_that_checks_every_piece(storage, blobs, tmp_path):
    name, whole = blobs
    with other_graph(tmp_path) as graph:
        sent_from_blobs(storage, name, url=graph.url, ca=graph.ca)

    assert graph.broken == []
    assert graph.sent == [whole]


def test_a_token_that_runs_out_on_the_way_is_renewed(cloud):
    cloud.fault("send", status=401, code="InvalidAuthenticationToken")

    cloud.send()

    assert cloud.arrived == WHOLE


# Broken pieces


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("outcome", [{"outcome": "reset"}, {"status": 503}, {"status": 429}, {"status": 500}])
def test_an_upload_goes_on_after_a_broken_piece(cloud, when, outcome):
    cloud.fault("uploadRange", when=when, **outcome)

    cloud.send()

    assert cloud.arrived == WHOLE
    assert cloud.calls("createUploadSession", "createDraft") == [1, 1]


def test_a_short_wait_that_graph_asks_for_is_kept(cloud):
    cloud.fault("uploadRange", status=429, headers={"Retry-After": "3.5"})

    cloud.send()

    assert cloud.pauses == [3.5]


def test_a_long_wait_is_not_sat_out(cloud):
    cloud.fault("uploadRange", status=429, headers={"Retry-After": "120"})

    with pytest.raises(TryLater) as later:
        cloud.send()

    assert later.value.after.total_seconds() == 120
    assert cloud.pauses == []
    assert cloud.nothing


def test_a_session_that_cannot_be_asked_gets_the_same_piece_again(cloud):
    cloud.fault("uploadRange", outcome="reset")
    cloud.fault("sessionStatus", status=405)

    cloud.send()

    assert cloud.arrived == WHOLE


# What fails before the mail leaves


FAILURES = {
    "the draft is refused for now": ("createDraft", {"status": 503}),
    "the draft's answer is lost": ("createDraft", {"outcome": "reset", "when": "after"}),
    "the draft is not made": ("createDraft", {"outcome": "reset"}),
    "the draft fails without a reason": ("createDraft", {"status": 500}),
    "the session is refused for now": ("createUploadSession", {"status": 503}),
    "the session's answer is lost": ("createUploadSession", {"outcome": "reset", "when": "after"}),
    "the session's answer is no JSON": ("createUploadSession", {"status": 201, "body": "<html>"}),
    "the session has ended": ("uploadRange", {"status": 404}),
    "no piece gets through": ("uploadRange", {"status": 503, "times": None}),
    "no piece is answered": ("uploadRange", {"outcome": "reset", "times": None}),
    "a piece is never confirmed": ("uploadRange", {"status": 200, "body": "{}", "times": None}),
    "the last answer is lost": ("uploadRange", {"outcome": "reset", "when": "after", "times": None}),
    "a small file is refused for now": ("addAttachment", {"status": 503}),
}


@pytest.mark.parametrize(("call", "fault"), FAILURES.values(), ids=FAILURES)
def test_a_failed_upload_lets_nothing_leave_and_leaves_no_draft(cloud, call, fault):
    mail = one_mail(big_file(), a_file(b"hello", filename="a.txt"))
    cloud.fault(call, **fault)

    with pytest.raises(TryLater) as later:
        cloud.send(mail)

    assert not isinstance(later.value, Uncertain)
    assert cloud.control.mails() == []
    cloud.control.clear_faults()
    cloud.send(mail)
    assert [name for name, _, _ in cloud.arrived] == ["scan.pdf", "a.txt"]
    assert cloud.control.drafts() == [], "also not one whose id nobody was told"


def test_a_draft_of_a_worker_that_died_is_found_and_deleted(cloud):
    def crash():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cloud.send(leaving=crash)
    assert len(cloud.control.drafts()) == 1

    cloud.send()

    assert cloud.arrived == WHOLE
    assert cloud.control.drafts() == []


def test_a_draft_left_behind_can_be_deleted_by_itself(cloud):
    cloud.fault("createDraft", outcome="reset", when="after")
    with pytest.raises(TryLater):
        cloud.send()
    assert len(cloud.control.drafts()) == 1

    cloud.connection.clear_drafts(a_mail(), cloud.token(), renew=cloud.token)

    assert cloud.nothing


def test_a_graph_that_lists_more_drafts_than_asked_for_loses_none():
    """A service that passes over a filter must not cost anybody a draft."""
    own, other = f"<{a_mail().id}@contoso.com>", "<other@contoso.com>"
    drafts = [{"id": "1", "internetMessageId": other}, {"id": "2", "internetMessageId": own}]
    listed = (200, {}, json.dumps({"value": drafts}).encode())
    made, graph = scripted_session(listed, (204, {}, b""), (503, {}, b""))

    with pytest.raises(TryLater):
        GraphConnection("https://graph.example.com", session=made).send_large(
            one_mail(), "t", renew=str, leaving=lambda: None
        )

    assert [request.path_url.rpartition("/")[2] for request in graph.requests if request.method == "DELETE"] == ["2"]


def test_drafts_of_other_mails_are_left_alone(cloud):
    def crash():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cloud.send(replace(one_mail(), id="01a20ad7-bd1d-729d-8127-a3c15948aa6e"), leaving=crash)

    cloud.send()

    assert len(cloud.control.drafts()) == 1


def test_a_claim_that_is_lost_on_the_way_stops_the_mail(cloud):
    def leaving():
        raise Conflict("claimed by another")

    with pytest.raises(Conflict):
        cloud.send(leaving=leaving)

    assert cloud.nothing


def test_the_mail_is_whole_when_it_is_about_to_leave(cloud):
    drafts = []

    cloud.send(leaving=lambda: drafts.extend(cloud.control.drafts()))

    assert [file.size for file in drafts[0].attachments] == [len(BIG)]


def test_a_file_that_cannot_be_read_stops_the_mail(cloud):
    def read(offset, length):
        if offset:
            raise TryLater("The blob was changed.", code="attachment_changed")
        return BIG[:length]

    with pytest.raises(TryLater) as changed:
        cloud.send(one_mail(replace(big_file(), read=read)))

    assert changed.value.code == "attachment_changed"
    assert cloud.nothing


def test_an_upload_that_takes_too_long_is_given_up_for_now(cloud, monkeypatch):
    monkeypatch.setattr(upload, "UPLOADED_WITHIN", -1.0)

    for mail in (one_mail(), one_mail(*[a_file(b"x" * 2_100_000)] * 2)):
        with pytest.raises(TryLater) as slow:
            cloud.send(mail)

        assert slow.value.code == "upload_slow"
        assert cloud.nothing


# Refusals


def test_a_missing_permission_is_named_with_the_remedy(cloud):
    cloud.control.set(roles=["Mail.Send"])

    with pytest.raises(Misconfigured, match=r"Mail\.ReadWrite") as denied:
        cloud.send()

    assert denied.value.code == "ErrorAccessDenied"
    assert cloud.nothing


def test_a_sender_who_may_not_send_as_another_keeps_that_reason():
    refusal = drafts.before_sending(403, {}, json.dumps({"error": {"code": "ErrorSendAsDenied"}}).encode())

    assert "Send As" in str(refusal)


def test_a_mail_too_large_for_the_mailbox_is_refused_and_its_draft_deleted(cloud):
    (box,) = [box for box in cloud.control.mailboxes() if box.address == "shop@contoso.com"]
    cloud.control.put_mailbox(Mailbox(**(box.model_dump() | {"largest_mail": 5 * MB})))

    with pytest.raises(GiveUp) as refused:
        cloud.send()

    assert refused.value.code == "ErrorMessageSizeExceeded"
    assert cloud.nothing


def test_a_draft_that_cannot_be_deleted_keeps_the_mail_trying(cloud):
    cloud.fault("send", status=400, code="ErrorInvalidRecipients")
    cloud.fault("deleteDraft", status=503, times=3)

    with pytest.raises(TryLater, match="Drafts") as later:
        cloud.send()
    assert later.value.code == "draft_left_behind"

    cloud.fault("send", status=400, code="ErrorInvalidRecipients")
    with pytest.raises(GiveUp):
        cloud.send()
    assert cloud.nothing


# The one request by which it leaves


def test_a_lost_answer_to_sending_is_a_doubt(cloud):
    cloud.fault("send", outcome="reset", when="after")

    with pytest.raises(Uncertain):
        cloud.send()

    assert cloud.arrived == WHOLE
    assert cloud.calls("send", "deleteDraft") == [1, 0]


def test_a_draft_that_graph_does_not_find_at_once_is_sent_a_moment_later(cloud):
    cloud.fault("send", status=404, code="ErrorItemNotFound", times=2)

    cloud.send()

    assert cloud.arrived == WHOLE
    assert cloud.calls("send") == [3]


# Another Graph, of a few lines, that knows nothing of the local cloud


def test_an_upload_url_gets_no_token_and_pieces_in_order():
    created = (201, {}, b'{"id": "AAMk/x="}')
    session = (201, {}, b'{"uploadUrl": "https://outlook.example.com/up?token=s3cret"}')
    pieces = [(200, {}, b'{"nextExpectedRanges": ["3276800-"]}'), (200, {}, b'{"NextExpectedRanges": "6553600"}')]
    none = (200, {}, b'{"value": []}')
    made, graph = scripted_session(none, created, session, *pieces, (201, {}, b""), (202, {"request-id": "r"}, b""))
    connection = GraphConnection("https://graph.example.com", session=made)

    connection.send_large(one_mail(), "t0ken", renew=str, leaving=lambda: None)

    puts = [request for request in graph.requests if request.method == "PUT"]
    assert [put.url for put in puts] == ["https://outlook.example.com/up?token=s3cret"] * PIECES
    assert [put.headers["Content-Range"] for put in puts] == [
        f"bytes 0-3276799/{len(BIG)}",
        f"bytes 3276800-6553599/{len(BIG)}",
        f"bytes 6553600-{len(BIG) - 1}/{len(BIG)}",
    ]
    assert [int(put.headers["Content-Length"]) < 4_000_000 for put in puts] == [True] * PIECES
    assert not any("Authorization" in put.headers for put in puts)
    assert b"".join(put.body for put in puts) == BIG
    others = [request for request in graph.requests if request.method != "PUT"]
    assert all(request.headers["Authorization"] == "Bearer t0ken" for request in others)
    send = graph.requests[-1]
    assert (send.path_url, send.headers["Content-Length"]) == (
        "/v1.0/users/shop@contoso.com/messages/AAMk%2Fx%3D/send",
        "0",
    )


def test_an_upload_url_without_tls_is_not_used():
    script = [
        (200, {}, b'{"value": []}'),
        (201, {}, b'{"id": "1"}'),
        (201, {}, b'{"uploadUrl": "http://outlook.example.com/up"}'),
        (204, {}, b""),
    ]
    made, graph = scripted_session(*script)

    with pytest.raises(TryLater):
        GraphConnection("https://graph.example.com", session=made).send_large(
            one_mail(), "t", renew=str, leaving=lambda: None
        )

    assert [request.method for request in graph.requests] == ["GET", "POST", "POST", "DELETE"]


def test_an_upload_url_is_never_told(cloud, caplog):
    caplog.set_level("DEBUG", logger="mailer")
    cloud.fault("uploadRange", status=503, times=None)

    with pytest.raises(TryLater) as later:
        cloud.send()

    told = caplog.text + str(later.value) + repr(later.value.__cause__)
    assert "authtoken" not in told
    assert "AttachmentSessions" not in told


@pytest.mark.parametrize(
    ("body", "position"),
    [
        (b'{"nextExpectedRanges": ["2097152"]}', 2097152),
        (b'{"NextExpectedRanges": ["2097152-4194303", "5-6"]}', 2097152),
        (b'{"nextExpectedRanges": "0-"}', 0),
        (b'{"nextExpectedRanges": []}', None),
        (b'{"nextExpectedRanges": [7]}', None),
        (b'{"other": 1}', None),
        (b"[]", None),
        (b"", None),
        (b'{"nextExpectedRanges":' * 9000, None),
    ],
)
def test_the_next_position_is_read_from_any_form(body, position):
    assert drafts.next_range(body) == position


# One call


def test_a_mail_with_a_small_file_is_one_request():
    made, graph = scripted_session((202, {"request-id": "r"}, b""))
    mail = a_mail(files=[a_file(b"%PDF"), a_file(b"logo", filename="l.png", content_type="image/png", content_id="l")])

    GraphConnection("https://graph.example.com", session=made).send(mail, "t", renew=str)

    message = json.loads(graph.requests[0].body)["message"]
    assert message["attachments"] == [
        {
            "@odata.type": "#microsoft.graph.fileAttachment",
            "name": "a.pdf",
            "contentType": "application/pdf",
            "contentBytes": base64.b64encode(b"%PDF").decode(),
        },
        {
            "@odata.type": "#microsoft.graph.fileAttachment",
            "name": "l.png",
            "contentType": "image/png",
            "isInline": True,
            "contentId": "l",
            "contentBytes": base64.b64encode(b"logo").decode(),
        },
    ]


def test_the_largest_mail_of_one_call_is_taken_by_graph(cloud):
    size = 2_999_000
    mail = one_mail(a_file(b"x" * size), to=[f"person{number}@example.com" for number in range(500)])
    assert not mail.large

    cloud.connection.send(mail, cloud.token(), renew=cloud.token)

    assert [file.size for file in cloud.control.mails()[0].attachments] == [size]


def test_a_mail_is_large_from_four_million_bytes_on():
    def mail(size):
        return RenderedMail(id="m", request=a_mail().request, content=a_mail().content, files=(a_file(b"x" * size),))

    assert not mail(2_900_000).large
    assert mail(3_000_000).large
