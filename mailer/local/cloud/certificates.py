"""The CA and the server certificate: made at the first start, kept in a folder, used again."""

import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.exceptions import InvalidSignature

NAMES = ("localhost", "127.0.0.1", "::1")
LIFETIME = timedelta(days=365)


def certificates(folder: Path) -> Path:
    """The file of the server's key and chain; made, with ca.pem beside it, if not there or about to run out.

    The CA's own key is thrown away, so nobody can ever use it to speak for other hosts.
    """
    ca_file, server_file = folder / "ca.pem", folder / "cloud.pem"
    if not usable(ca_file, server_file):
        folder.mkdir(parents=True, exist_ok=True)
        ca = trustme.CA(organization_name="mailer local cloud", organization_unit_name="local only")
        server = ca.issue_cert(*NAMES, common_name="localhost", not_after=datetime.now(UTC) + LIFETIME)
        # Certificate last: whoever waits for ca.pem finds everything else in place.
        write_private(server_file, server.private_key_and_cert_chain_pem.bytes())
        write_private(ca_file, ca.cert_pem.bytes())
    return server_file


def usable(ca_file: Path, server_file: Path) -> bool:
    """Whether both files hold what they should, belong together and last another day."""
    try:
        ca, *_ = x509.load_pem_x509_certificates(ca_file.read_bytes())
        server, *_ = x509.load_pem_x509_certificates(server_file.read_bytes())
        server.verify_directly_issued_by(ca)
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(server_file)
    except (OSError, ValueError, InvalidSignature):
        return False
    return server.not_valid_after_utc > datetime.now(UTC) + timedelta(days=1)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, at once or not at all."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    new.replace(path)
