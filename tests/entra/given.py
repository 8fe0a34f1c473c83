"""What these tests are given."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailer.errors import TryLater
from mailer.identity.entra import graph_tokens
from mailer.local.cloud import seed
from mailer.settings import read_settings
from tests.fakes import Clock

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def refusal_of(call):
    with pytest.raises(TryLater) as refusal:
        call()
    return refusal.value


def tokens_of(cloud, **changes):
    content = {
        "MAILER_TENANT_ID": seed.TENANT,
        "MAILER_CLIENT_ID": seed.CLIENT_ID,
        "MAILER_KEY_VAULT_URL": cloud.url,
        "MAILER_SENDERS": "shop@contoso.com",
        "MAILER_AUTHORITY_HOST": cloud.url,
        "MAILER_GRAPH_URL": cloud.url,
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    }
    clock = changes.pop("clock", None) or Clock(datetime.now(UTC))
    identity_id = changes.pop("identity_id", None)
    return graph_tokens(read_settings(content | changes), identity_id=identity_id, clock=clock)


def calls(cloud):
    return cloud.control.traffic().calls


def a_certificate(name="mailer"):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=300))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def public_part(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)
