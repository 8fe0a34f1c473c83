"""The local cloud's certificates."""

import socket
import ssl
import stat

import pytest

from tests.cloud_process.given import running


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
