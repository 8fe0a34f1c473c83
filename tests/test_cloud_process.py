"""The local cloud as a program: its certificates, its start and end, and how its mails reach MailDev."""

import base64
import email
import email.policy
import hashlib
import http.client
import os
import random
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from mailer.local import programs
from mailer.local.cloud import seed
from mailer.local.cloud.control import Control
from mailer.local.cloud.model import MEGABYTE, Fault
from tests.local_cloud import LocalCloud, trusting

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


PIECE = 3 * MEGABYTE


@dataclass(kw_only=True)
class Cloud(LocalCloud):
    folder: Path
    port: int
    program: programs.Program

    def authorization(self):
        return {"Authorization": f"Bearer {self.token()}"}

    def post(self, path, body=None):
        """A call of Graph for the shop's mailbox."""
        url = f"{self.url}/v1.0/users/shop@contoso.com{path}"
        ca = str(self.folder / "ca.pem")
        return requests.post(url, json=body, headers=self.authorization(), verify=ca, timeout=5)

    def send(self, **message):
        return self.post("/sendMail", {"message": {"toRecipients": to("ada@example.com")} | message})

    def upload(self, url, content):
        """Upload a file in pieces to the URL of its session."""
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(self.folder / "ca.pem")
            for start in range(0, len(content), PIECE):
                piece = content[start : start + PIECE]
                headers = {
                    "Content-Type": "application/octet-stream",
                    "Content-Range": f"bytes {start}-{start + len(piece) - 1}/{len(content)}",
                }
                reply = session.put(url, data=piece, headers=headers, timeout=5)
            assert reply.status_code == 201

    def peak_memory(self):
        """The most memory that the program ever held, in bytes."""
        status = Path(f"/proc/{self.program.process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@contextmanager
def running(folder, *, smtp_port=None):
    port, nowhere = programs.free_ports(2)
    program = programs.cloud(folder, port=port, smtp_port=smtp_port or nowhere)
    program.start()
    try:
        url, ca = f"https://127.0.0.1:{port}", folder / "ca.pem"
        with closing(Control(url, ca)) as control, trusting(ca) as session:
            yield Cloud(url=url, control=control, session=session, folder=folder, port=port, program=program)
    finally:
        program.stop()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, inbox):
    with running(tmp_path_factory.mktemp("cloud"), smtp_port=inbox.smtp_port) as cloud:
        yield cloud


@pytest.fixture
def deliver(cloud, inbox):
    """Sends a message and gives what MailDev says about it, and the mail itself."""

    def deliver(**message):
        identifier = f"<{time.monotonic_ns()}@contoso.com>"
        assert cloud.send(internetMessageId=identifier, **message).status_code == 202
        row = eventually(lambda: find(inbox, identifier))
        source = requests.get(f"{inbox.url}/api/email/{row['id']}/source", timeout=5).content
        return row, email.message_from_bytes(source, policy=email.policy.default)

    return deliver


def find(inbox, identifier):
    """What MailDev says about the mail with this id, if it has it."""
    rows = requests.get(f"{inbox.url}/api/email", timeout=5).json()
    return next((row for row in rows if row["headers"]["message-id"] == identifier), None)


def eventually(probe):
    """What the probe gives as soon as it gives something."""
    deadline = time.monotonic() + 15
    while not (found := probe()):
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.02)
    return found


def to(*addresses):
    return [{"emailAddress": {"address": address}} for address in addresses]


def addresses(field):
    return [address.addr_spec for address in field.addresses]


# Delivery


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


def log_of(cloud):
    return cloud.program.log.read_text().splitlines()


# Certificates


def test_certificates_are_private_and_used_again(tmp_path):
    with running(tmp_path) as first:
        before = {path.name: path.read_bytes() for path in tmp_path.glob("*.pem")}
        assert first.control.mails() == []
    with running(tmp_path) as second:
        assert {path.name: path.read_bytes() for path in tmp_path.glob("*.pem")} == before
        assert second.control.mails() == []

    assert set(before) == {"ca.pem", "cloud.pem"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*.pem")} == {0o600}


def test_certificates_that_cannot_be_used_are_made_anew(tmp_path):
    (tmp_path / "ca.pem").write_text("torn")
    (tmp_path / "cloud.pem").write_text("torn")

    with running(tmp_path) as cloud:
        assert cloud.control.mails() == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_the_server_certificate_is_good_for_every_name_of_this_machine(cloud, host):
    trust = ssl.create_default_context(cafile=cloud.folder / "ca.pem")
    # The default from Python 3.13 on.
    trust.verify_flags |= ssl.VERIFY_X509_STRICT

    with (
        socket.create_connection(("127.0.0.1", cloud.port), timeout=5) as plain,
        trust.wrap_socket(plain, server_hostname=host) as secure,
    ):
        assert secure.version() == "TLSv1.3"


# Start and end


def test_it_prints_one_line_when_it_is_ready(cloud):
    assert log_of(cloud)[0] == f"The local cloud answers on https://localhost:{cloud.port}."


def test_it_listens_on_loopback_only(cloud):
    with socket.socket() as probe:
        probe.settimeout(1)
        # Any other address of this network would do; this one needs no knowledge of the machine.
        assert probe.connect_ex(("127.0.0.2", cloud.port)) != 0


def test_it_stops_within_a_second_even_while_a_request_hangs(tmp_path):
    with running(tmp_path) as cloud:
        number = cloud.control.fault(Fault(call="sendMail", outcome="hang"))
        failures = []

        def send():
            try:
                cloud.send()
            except requests.RequestException as error:
                failures.append(error)

        hanging = threading.Thread(target=send)
        hanging.start()
        eventually(lambda: cloud.control.hits(number))

        started = time.monotonic()
        cloud.program.process.terminate()
        cloud.program.process.wait(5)

        assert time.monotonic() - started < 1
        hanging.join()
        assert len(failures) == 1
        assert len(log_of(cloud)) == 1


def test_a_caller_who_leaves_in_the_middle_of_a_request_leaves_no_trace_in_the_log(cloud):
    trust = ssl.create_default_context(cafile=cloud.folder / "ca.pem")
    with closing(http.client.HTTPSConnection("localhost", cloud.port, context=trust, timeout=5)) as connection:
        connection.putrequest("POST", "/v1.0/users/shop@contoso.com/sendMail")
        connection.putheader("Content-Length", "1000")
        connection.endheaders(b"{")
        eventually(lambda: cloud.control.traffic().most_in_flight)

    assert cloud.send().status_code == 202
    assert "Traceback" not in cloud.program.log.read_text()


def test_a_taken_port_is_named(cloud, tmp_path):
    command = [sys.executable, "-m", "mailer.local.cloud", "--port", str(cloud.port), "--folder", str(tmp_path)]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, cwd=programs.ROOT)

    assert ended.returncode != 0
    assert str(cloud.port) in ended.stderr
    assert "in use" in ended.stderr


def test_a_reset_is_a_tcp_reset_and_not_an_ordinary_end(cloud):
    cloud.control.fault(Fault(call="discovery", outcome="reset", times=1))
    trust = ssl.create_default_context(cafile=cloud.folder / "ca.pem")

    with closing(http.client.HTTPSConnection("localhost", cloud.port, context=trust, timeout=5)) as connection:
        connection.connect()
        # Beneath TLS, since Python 3.11 shows a reset there as an ordinary end.
        with socket.socket(fileno=os.dup(connection.sock.fileno())) as beneath:
            beneath.settimeout(5)
            connection.request("GET", f"/{seed.TENANT}/v2.0/.well-known/openid-configuration")
            with pytest.raises(ConnectionResetError):
                list(iter(lambda: beneath.recv(4096), b""))
