"""What goes into a mail, and whether a mailbox may send that much."""

import base64
from uuid import uuid4

import pytest
from azure.storage.blob import ContainerClient

from mailer.delivery.compose import LARGEST_IMAGE, Composer
from mailer.errors import InvalidRequest, Problem, TryLater
from mailer.request.members import ONE_CALL
from mailer.request.model import MailRequest
from mailer.request.rendered import Content
from mailer.storage.attachment_blobs import open_blob
from tests.builders import TEMPLATE, a_file, members

MB = 1024 * 1024
LOGO = a_file(b"logo", filename="logo.png", content_type="image/png", content_id="logo.png")


def encoded(content):
    return base64.b64encode(content).decode()


def request(**changes):
    return MailRequest.model_validate(members(**changes))


def rendered(_use, _known):
    return Content(subject="s", body='<img src="cid:logo.png">', content_type="html", images=(LOGO,))


def no_blobs(_attachment):
    raise AssertionError("no blob was asked for")


def composer(*, render=rendered, blobs=no_blobs, largest=35 * MB):
    return Composer(render=render, open_blob=blobs, largest=largest)


def problems(composer, **changes):
    return {(problem.code, problem.target) for problem in composer.problems(request(**changes))}


@pytest.fixture
def container(storage):
    with ContainerClient.from_connection_string(storage.connection_string, f"c{uuid4().hex}") as client:
        client.create_container()
        yield client


def from_container(container):
    return composer(blobs=lambda attachment: open_blob(container, attachment))


def test_a_file_in_the_request_is_its_bytes():
    attachment = {"filename": "hello.txt", "content": encoded(b"hello")}

    mail = composer().compose(request(attachments=[attachment]), mail="m")

    (file,) = mail.files
    assert (file.filename, file.content_type, file.size) == ("hello.txt", "text/plain", 5)
    assert file.read(0, 5) == b"hello"
    assert file.read(1, 2) == b"el"


def test_a_file_in_a_blob_is_read_in_pieces(container):
    container.upload_blob("invoices/7.pdf", b"%PDF-7")

    mail = from_container(container).compose(
        request(attachments=[{"filename": "invoice.pdf", "blob": "invoices/7.pdf"}]), mail="m"
    )

    (file,) = mail.files
    assert (file.content_type, file.size, file.read(1, 3)) == ("application/pdf", 6, b"PDF")


def test_a_blob_that_is_not_there_is_named(container):
    attachments = [{"filename": "a.txt", "content": "YQ=="}, {"filename": "b.pdf", "blob": "b.pdf"}]

    assert problems(from_container(container), attachments=attachments) == {
        ("attachment_not_found", "attachments[1].blob")
    }


def test_a_blob_that_is_not_there_is_named_without_an_address_in_its_path(container):
    with pytest.raises(InvalidRequest) as refusal:
        from_container(container).compose(
            request(attachments=[{"filename": "a", "blob": "invoices/ada@example.com/7.pdf"}]), mail="m"
        )

    assert "`invoices/\u2026/7.pdf`" in str(refusal.value)


def test_a_blob_of_a_container_that_is_not_there_is_named(storage):
    with ContainerClient.from_connection_string(storage.connection_string, f"c{uuid4().hex}") as container:
        found = problems(from_container(container), attachments=[{"filename": "b.pdf", "blob": "b.pdf"}])

    assert found == {("attachment_not_found", "attachments[0].blob")}


def test_a_blob_that_changes_under_way_stops_the_mail(container):
    container.upload_blob("a.bin", b"one")
    mail = from_container(container).compose(request(attachments=[{"filename": "a", "blob": "a.bin"}]), mail="m")

    container.upload_blob("a.bin", b"two", overwrite=True)

    with pytest.raises(TryLater) as changed:
        mail.files[0].read(0, 3)
    assert changed.value.code == "attachment_changed"


@pytest.mark.parametrize("name", ["ü é/ñ.pdf", "a b/c+d.pdf", "a&b=c.pdf", "日本.pdf"])
def test_a_blob_may_have_any_name(container, name):
    container.upload_blob(name, b"content")

    mail = from_container(container).compose(request(attachments=[{"filename": "a", "blob": name}]), mail="m")

    assert mail.files[0].read(0, 7) == b"content"


def test_an_empty_file_is_refused(container):
    container.upload_blob("empty", b"")

    assert problems(from_container(container), attachments=[{"filename": "a", "blob": "empty"}]) == {
        ("validation_error", "attachments[0]")
    }


def test_storage_that_does_not_answer_is_no_fault_of_the_request():
    def down(_attachment):
        raise TryLater("Storage does not answer.", code="storage_unavailable")

    with pytest.raises(TryLater):
        composer(blobs=down).problems(request(attachments=[{"filename": "a", "blob": "a"}]))


@pytest.mark.parametrize(
    ("changes", "content"),
    [
        ({}, Content(subject="Hello", body="Hello, Ada", content_type="text")),
        ({"html": "<p>{{ x }}"}, Content(subject="Hello", body="<p>{{ x }}", content_type="html")),
    ],
)
def test_a_mail_without_a_template_says_what_the_request_says(changes, content):
    assert composer().compose(request(**changes), mail="m").content == content


def test_a_template_brings_its_images():
    mail = composer().compose(request(subject=None, text=None, template={"id": TEMPLATE}), mail="m")

    assert mail.files == (LOGO,)


def test_an_attachment_takes_the_place_of_the_templates_image():
    own = {"filename": "own.png", "content": encoded(b"own"), "content_id": "logo.png"}

    mail = composer().compose(request(subject=None, text=None, template={"id": TEMPLATE}, attachments=[own]), mail="m")

    assert [file.filename for file in mail.files] == ["own.png"]


def test_everything_wrong_is_named_at_once(container):
    def failing(_use, _known):
        raise InvalidRequest([Problem(code="template_variable_missing", message="`a` is missing.", target="a")])

    broken = composer(render=failing, blobs=lambda attachment: open_blob(container, attachment), largest=1)

    found = problems(
        broken,
        subject=None,
        text=None,
        template={"id": TEMPLATE},
        attachments=[{"filename": "a", "blob": "nowhere"}, {"filename": "b", "content": encoded(b"bb")}],
    )

    assert found == {
        ("template_variable_missing", "a"),
        ("attachment_not_found", "attachments[0].blob"),
        ("attachment_too_large", "attachments"),
    }


def test_a_mail_as_large_as_the_limit_is_taken_and_one_byte_more_is_not():
    def found(size):
        content = encoded(b"a" * 300)  # 400 bytes in base64
        attachment = {"filename": "a", "content": content}
        return problems(composer(largest=size), attachments=[attachment], text="b" * 100)

    assert found(500) == set()
    assert found(499) == {("attachment_too_large", "attachments")}


def test_the_size_of_a_blob_is_known_without_reading_it(container, storage):
    container.upload_blob("big", b"a" * MB)
    methods = []

    with ContainerClient.from_connection_string(
        storage.connection_string,
        container.container_name,
        raw_request_hook=lambda request: methods.append(request.http_request.method),
    ) as counted:
        blobs = composer(blobs=lambda attachment: open_blob(counted, attachment), largest=MB)
        found = problems(blobs, attachments=[{"filename": "a", "blob": "big"}])

    assert found == {("attachment_too_large", "attachments")}
    assert methods == ["HEAD"]


def test_a_large_mail_cannot_stay_out_of_sent_items():
    attachment = {"filename": "a", "content": encoded(b"a" * 3_000_001)}
    assert len(attachment["content"]) > ONE_CALL

    assert problems(composer(), attachments=[attachment], save_to_sent_items=False) == {
        ("validation_error", "save_to_sent_items")
    }
    assert problems(composer(), attachments=[attachment]) == set()


def test_an_image_that_the_mail_does_not_show_is_refused():
    image = {"filename": "a.png", "content": "YQ==", "content_id": "chart"}

    assert problems(composer(), attachments=[image]) == {("image_not_shown", "attachments")}
    assert problems(composer(), attachments=[image], text=None, html="<p>No chart") == {
        ("image_not_shown", "attachments")
    }
    assert problems(composer(), attachments=[image], text=None, html='<img src="cid:chart">') == set()


def test_an_image_too_large_to_be_shown_is_refused():
    image = {"filename": "a.png", "content": encoded(b"a" * LARGEST_IMAGE), "content_id": "chart"}

    assert problems(composer(), attachments=[image], text=None, html='<img src="cid:chart">') == {
        ("attachment_too_large", "attachments")
    }
