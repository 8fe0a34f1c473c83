"""How the local cloud's mails reach MailDev."""

import base64
import hashlib
import random
import sys

import pytest
import requests

from mailer.local.cloud.model import MEGABYTE
from tests.cloud_process.given import addresses, eventually, find, log_of, running, to

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_an_accepted_mail_reaches_its_recipients_and_hides_the_bcc(deliver):
    row, mail = deliver(
        subject="Grüße",
        toRecipients=[{"emailAddress": {"address": "ada@example.com", "name": "Countess, Ada"}}],
        ccRecipients=to("bob@example.com"),
        bccRecipients=to("eve@example.com"),
        replyTo=to("help@contoso.com", "shop@contoso.com"),
        importance="high",
        internetMessageHeaders=[{"name": "x-order", "value": "7"}],
    )

    envelope = [one["address"] for one in row["envelope"]["to"]]
    assert envelope == ["ada@example.com", "bob@example.com", "eve@example.com"]
    assert addresses(mail["From"]) == ["shop@contoso.com"]
    assert [(one.display_name, one.addr_spec) for one in mail["To"].addresses] == [("Countess, Ada", "ada@example.com")]
    assert addresses(mail["Cc"]) == ["bob@example.com"]
    assert addresses(mail["Reply-To"]) == ["help@contoso.com", "shop@contoso.com"]
    assert "eve@example.com" not in mail.as_string()
    assert (mail["Subject"], mail["Importance"], mail["x-order"]) == ("Grüße", "high", "7")


def test_a_text_mail_has_the_text_alone(deliver):
    _, mail = deliver(body={"contentType": "text", "content": "Thank you, Zoë."})

    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().strip() == "Thank you, Zoë."


def test_an_html_mail_gets_a_text_part(deliver):
    html = "<head><style>p { color: red }</style></head><h1>Order</h1><p>Hi <b>Ada</b>,<br>7 &lt; 8</p>"

    _, mail = deliver(body={"contentType": "html", "content": html})

    assert mail.get_content_type() == "multipart/alternative"
    assert mail.get_body(["plain"]).get_content().splitlines() == ["Order", "", "Hi Ada,", "7 < 8"]
    assert mail.get_body(["html"]).get_content().strip() == html


def test_files_are_attached_and_inline_images_stay_with_the_html(deliver):
    _, mail = deliver(
        body={"contentType": "html", "content": '<img src="cid:logo.png">'},
        attachments=[
            {
                "@odata.type": "#microsoft.graph.fileAttachment",
                "name": "logo.png",
                "contentType": "image/png",
                "contentBytes": base64.b64encode(PIXEL).decode(),
                "isInline": True,
                "contentId": "logo.png",
            },
            {
                "@odata.type": "#microsoft.graph.fileAttachment",
                "name": "Rechnung für Ada.txt",
                "contentType": "text/plain",
                "contentBytes": base64.b64encode(b"7.00").decode(),
            },
        ],
    )

    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("Rechnung für Ada.txt", "7.00")
    related = next(part for part in mail.walk() if part.get_content_type() == "multipart/related")
    html, image = related.iter_parts()
    assert html.get_content_type() == "text/html"
    assert (image["Content-ID"], image.get_content_disposition()) == ("<logo.png>", "inline")
    assert image.get_content() == PIXEL


def test_the_receipts_asked_for_stand_in_the_header(deliver):
    _, mail = deliver(isReadReceiptRequested=True)
    assert (mail["Disposition-Notification-To"], mail["Return-Receipt-To"]) == ("shop@contoso.com", None)

    _, mail = deliver(isDeliveryReceiptRequested=True)
    assert (mail["Disposition-Notification-To"], mail["Return-Receipt-To"]) == (None, "shop@contoso.com")


def test_a_line_with_a_dot_alone_does_not_end_a_mail(deliver):
    _, mail = deliver(body={"contentType": "text", "content": "One\n.\n..two"})

    assert mail.get_content().splitlines() == ["One", ".", "..two"]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_file_of_30_megabytes_reaches_maildev_and_is_held_once(tmp_path, inbox):
    with running(tmp_path, smtp_port=inbox.smtp_port) as cloud:
        cloud.control.set(roles=["Mail.Send", "Mail.ReadWrite"])
        content = random.Random(1).randbytes(30 * MEGABYTE)
        cloud.send(subject="Warm up")
        before = cloud.peak_memory()

        draft = cloud.post("/messages", {"subject": "Large", "toRecipients": to("ada@example.com")}).json()["id"]
        item = {"attachmentType": "file", "name": "large.bin", "size": len(content)}
        session = cloud.post(f"/messages/{draft}/attachments/createUploadSession", {"AttachmentItem": item}).json()
        cloud.upload(session["uploadUrl"], content)
        assert cloud.post(f"/messages/{draft}/send").status_code == 202

        (mail,) = cloud.control.mails()[1:]
        row = eventually(lambda: find(inbox, mail.internet_message_id))
        (attachment,) = row["attachments"]
        url = f"{inbox.url}/api/email/{row['id']}/attachment/{attachment['generatedFileName']}"
        delivered = hashlib.sha256(requests.get(url, timeout=10).content).hexdigest()
        assert (attachment["filename"], delivered) == ("large.bin", hashlib.sha256(content).hexdigest())
        assert mail.attachments[0].sha256 == delivered
        assert cloud.peak_memory() - before < 45 * MEGABYTE


def test_a_file_of_many_lines_arrives_as_it_was(deliver):
    content = random.Random(1).randbytes(500_000)
    file = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.bin"}

    _, mail = deliver(attachments=[file | {"contentBytes": base64.b64encode(content).decode()}])

    (attached,) = mail.iter_attachments()
    assert attached.get_content() == content


def test_a_line_break_in_the_subject_starts_no_new_header(deliver):
    _, mail = deliver(subject="Hello\r\nX-Injected: 1")

    assert mail["Subject"] == "Hello X-Injected: 1"
    assert mail["X-Injected"] is None


def test_a_mail_that_maildev_does_not_get_stays_accepted_and_is_told_of(tmp_path):
    with running(tmp_path) as cloud:
        assert cloud.send(internetMessageId="<lost@contoso.com>").status_code == 202

        log = eventually(lambda: next((line for line in log_of(cloud) if "<lost@contoso.com>" in line), None))

        assert "MailDev" in log
        assert "Is it running?" in log
        assert [mail.internet_message_id for mail in cloud.control.mails()] == ["<lost@contoso.com>"]
