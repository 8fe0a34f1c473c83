"""Another Graph, of a few lines, that knows nothing of the local cloud; and mails that one call carries."""

import base64
import json

import pytest

from mailer.errors import TryLater
from mailer.graph import drafts
from mailer.graph.connection import GraphConnection
from mailer.request.rendered import RenderedMail
from tests.builders import a_file, a_mail
from tests.fakes import scripted_session
from tests.upload.given import BIG, PIECES, one_mail

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

    cloud.connection.send(mail, cloud.token(), renew=cloud.renewed)

    assert [file.size for file in cloud.control.mails()[0].attachments] == [size]


def test_a_mail_is_large_from_four_million_bytes_on():
    def mail(size):
        return RenderedMail(id="m", request=a_mail().request, content=a_mail().content, files=(a_file(b"x" * size),))

    assert not mail(2_900_000).large
    assert mail(3_000_000).large
