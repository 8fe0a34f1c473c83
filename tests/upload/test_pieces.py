"""A large mail as it should go, and over connections that break."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from azure.storage.blob import ContainerClient

from mailer.errors import TryLater
from mailer.graph import drafts
from tests.builders import a_file, a_mail
from tests.other_graph import other_graph
from tests.upload.given import BIG, MB, PIECES, WHOLE, big_file, one_mail

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
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
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
