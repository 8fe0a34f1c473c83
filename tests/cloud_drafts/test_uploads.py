"""Upload sessions of the local cloud."""

import hashlib

import pytest

from mailer.local.cloud.model import MEGABYTE
from tests.cloud_drafts.given import FILE, GONE, HALF, SIZE, announced
from tests.local_cloud import code


def test_an_upload_session_is_created_with_201_and_where_to_begin(cloud):
    draft = cloud.draft()

    reply = cloud.call("POST", f"{draft}/attachments/createUploadSession", json=announced())

    session = reply.json()
    assert reply.status_code == 201
    assert session["nextExpectedRanges"] == ["0-"]
    assert session["expirationDateTime"].endswith("Z")
    assert "/v1.0/" not in session["uploadUrl"]


@pytest.mark.parametrize(
    ("expected", "body"),
    [
        ((400, "BadRequest"), {}),
        ((400, "RequestBodyRead"), announced()["AttachmentItem"]),
        ((400, "UnableToDeserializePostBody"), announced(size="large")),
        ((400, "UnableToDeserializePostBody"), announced(attachmentType="picture")),
        ((400, "ErrorRequiredPropertyMissing"), announced(name=None)),
        ((400, "ErrorRequiredPropertyMissing"), announced(size=None)),
        ((400, "ErrorRequiredPropertyMissing"), announced(attachmentType=None)),
        ((400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize"), announced(size=3 * MEGABYTE - 1)),
        ((400, "ErrorAttachmentSizeLimitExceeded"), announced(size=150 * MEGABYTE + 1)),
        ((501, "NotImplemented"), announced(attachmentType="item")),
    ],
)
def test_an_upload_session_is_refused(cloud, expected, body):
    draft = cloud.draft()

    assert code(cloud.call("POST", f"{draft}/attachments/createUploadSession", json=body)) == expected


@pytest.mark.parametrize("size", [3 * MEGABYTE, 150 * MEGABYTE])
def test_an_upload_session_takes_files_from_3_to_150_megabytes(cloud, size):
    assert cloud.upload_url(cloud.draft(), size=size)


def test_a_file_arrives_in_pieces_and_is_attached_with_the_last(cloud):
    draft = cloud.draft()
    url = cloud.upload_url(draft, contentType="image/png", isInline=True, contentId="chart")

    middle = cloud.put(url, 0, HALF - 1)
    assert (middle.status_code, middle.json()["nextExpectedRanges"]) == (200, ["2097152"])
    assert cloud.control.drafts()[0].attachments == ()
    last = cloud.put(url, HALF, SIZE - 1)

    assert (last.status_code, last.content) == (201, b"")
    assert "/Attachments('" in last.headers["Location"]
    (attachment,) = cloud.control.drafts()[0].attachments
    assert (attachment.size, attachment.sha256) == (SIZE, hashlib.sha256(FILE).hexdigest())
    assert (attachment.name, attachment.content_type) == ("a.bin", "image/png")
    assert (attachment.is_inline, attachment.content_id) == (True, "chart")


@pytest.mark.parametrize(
    ("settings", "key", "expected"),
    [
        ({"upload_pascal_case": True}, "NextExpectedRanges", "1"),
        ({"upload_open_ranges": True}, "nextExpectedRanges", "1-"),
    ],
)
def test_the_next_range_can_be_spelled_in_other_ways(cloud, settings, key, expected):
    cloud.control.set(**settings)
    url = cloud.upload_url(cloud.draft())

    assert cloud.put(url, 0, 0).json()[key] == [expected]
    assert cloud.session.get(url, timeout=5).json()[key] == [expected]


def test_an_upload_tells_how_far_it_is_and_when_it_ends(cloud):
    url = cloud.upload_url(cloud.draft())
    cloud.put(url, 0, 99)

    reply = cloud.session.get(url, timeout=5)

    assert (reply.status_code, reply.json()["nextExpectedRanges"]) == (200, ["100"])
    assert reply.json()["expirationDateTime"] == cloud.put(url, 100, 199).json()["expirationDateTime"]


@pytest.mark.parametrize(
    ("expected", "change"),
    [
        pytest.param((416, "invalidRange"), {"first": 0, "last": 99}, id="the same again"),
        pytest.param((416, "invalidRange"), {"first": 101, "last": 200}, id="a gap"),
        pytest.param((416, "invalidRange"), {"last": SIZE, "content": bytes(SIZE - 99)}, id="beyond the end"),
        pytest.param((400, "invalidRequest"), {"content": b"1234"}, id="not as long as the range"),
        pytest.param((400, "invalidRequest"), {"total": SIZE + 1}, id="another total"),
        pytest.param((400, "invalidRequest"), {"Content-Range": None}, id="no range"),
        pytest.param((400, "invalidRequest"), {"Content-Range": f"bytes=100-199/{SIZE}"}, id="a range of a download"),
        pytest.param((400, "invalidRequest"), {"Content-Range": "bytes 100-199/*"}, id="no total"),
        pytest.param((415, "UnsupportedMediaType"), {"Content-Type": "application/json"}, id="not as bytes"),
        pytest.param((411, "LengthRequired"), {"content": iter([FILE[100:200]])}, id="no length"),
        pytest.param(
            (413, "BadRequest"), {"last": 100 + 4 * MEGABYTE - 1, "content": bytes(4 * MEGABYTE)}, id="four megabytes"
        ),
    ],
)
def test_a_piece_is_refused_and_the_upload_stays_where_it_was(cloud, expected, change):
    url = cloud.upload_url(cloud.draft())
    cloud.put(url, 0, 99)

    reply = cloud.put(url, **({"first": 100, "last": 199} | change))

    assert code(reply) == expected
    assert cloud.session.get(url, timeout=5).json()["nextExpectedRanges"] == ["100"]


def test_a_piece_may_have_a_byte_less_than_four_megabytes(cloud):
    size = 5 * MEGABYTE
    url = cloud.upload_url(cloud.draft(), size=size)
    last = 4 * MEGABYTE - 2

    assert cloud.put(url, 0, last, content=bytes(last + 1), total=size).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_an_upload_url_refuses_an_authorization_header_and_tells_of_it(cloud, method):
    url = cloud.upload_url(cloud.draft())

    reply = cloud.session.request(method, url, headers={"Authorization": cloud.authorization}, timeout=5)

    assert reply.status_code == 401
    assert cloud.control.traffic().violations == (f"{method} on an upload URL with an Authorization header",)
    assert cloud.session.get(url, timeout=5).json()["nextExpectedRanges"] == ["0"]


def test_an_upload_without_an_authorization_header_is_no_violation(cloud):
    cloud.upload(cloud.draft())

    assert cloud.control.traffic().violations == ()


@pytest.mark.parametrize(
    "alter", [("authtoken=", "authtoken=A"), ("authtoken", "token"), ("AttachmentSessions('", "{}A")]
)
def test_an_altered_upload_url_is_not_found(cloud, alter):
    old, new = alter
    url = cloud.upload_url(cloud.draft()).replace(old, new.format(old))

    assert code(cloud.put(url, 0, 99)) == GONE


def test_an_expired_upload_is_not_found(cloud):
    cloud.control.set(upload_lifetime=0)
    url = cloud.upload_url(cloud.draft())

    for reply in (cloud.put(url, 0, 99), cloud.session.get(url, timeout=5), cloud.session.delete(url, timeout=5)):
        assert code(reply) == GONE


def test_a_cancelled_upload_is_not_found(cloud):
    url = cloud.upload_url(cloud.draft())

    assert cloud.session.delete(url, timeout=5).status_code == 204
    assert code(cloud.put(url, 0, 99)) == GONE


def test_a_finished_upload_is_not_found(cloud):
    url = cloud.upload_url(cloud.draft())
    cloud.put(url, 0, HALF - 1)
    cloud.put(url, HALF, SIZE - 1)

    assert code(cloud.put(url, HALF, SIZE - 1)) == GONE
    assert len(cloud.control.drafts()[0].attachments) == 1


@pytest.mark.parametrize(("method", "path"), [("POST", "{}/send"), ("DELETE", "{}")])
def test_the_uploads_of_a_draft_end_with_it(cloud, method, path):
    draft = cloud.draft()
    url = cloud.upload_url(draft)

    assert cloud.call(method, path.format(draft)).ok
    assert code(cloud.put(url, 0, 99)) == GONE


def test_two_files_may_be_uploaded_to_one_draft_at_once(cloud):
    draft = cloud.draft()
    one, two = cloud.upload_url(draft, name="1"), cloud.upload_url(draft, name="2")

    for url in (one, two):
        cloud.put(url, 0, HALF - 1)
    for url in (two, one):
        cloud.put(url, HALF, SIZE - 1)

    assert [attachment.name for attachment in cloud.control.drafts()[0].attachments] == ["2", "1"]
