"""Everything the local cloud knows while it runs, in memory; `reset` brings back the seed."""

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from mailer.local.cloud import seed
from mailer.local.cloud.delivery import Courier
from mailer.local.cloud.faults import Faults
from mailer.local.cloud.model import (
    AcceptedMail,
    Attachment,
    ClientSecret,
    Content,
    Draft,
    FederatedCredential,
    Mailbox,
    SecretVersion,
    Settings,
)
from mailer.local.cloud.tokens import Signer
from mailer.local.cloud.traffic import TrafficCounter

YEAR = timedelta(days=365)


@dataclass(kw_only=True)
class UploadSession:
    """A file on its way to a draft; `item` is Graph's AttachmentItem."""

    item: dict[str, Any]
    token: str
    expires: datetime
    content: bytearray = field(default_factory=bytearray)


@dataclass(kw_only=True)
class StoredDraft:
    """A draft with the contents of its attachments, in their order, and the files that are still to come."""

    message: Draft
    contents: list[Content]
    uploads: dict[str, UploadSession] = field(default_factory=dict)

    def attach(self, attachment: Attachment, content: Content) -> None:
        self.message = self.message.model_copy(update={"attachments": (*self.message.attachments, attachment)})
        self.contents.append(content)


class Cloud:
    """One tenant: its app registration, its vault and its mailboxes."""

    def __init__(self, *, smtp_port: int) -> None:
        self.signer = Signer()
        self.courier = Courier(smtp_port)
        self.faults = Faults()
        # Made once, so that a mailer running beside us outlives a reset.
        self._first_secret = new_client_secret()
        self.reset()

    def reset(self) -> None:
        """Back to the seed; the signing key and the seeded client secret stay as they are."""
        self.faults.clear()
        self.traffic = TrafficCounter()
        self.settings = Settings()
        self.mails: list[AcceptedMail] = []
        self.drafts: dict[str, StoredDraft] = {}
        self.client_secrets = [self._first_secret]
        self.certificates: dict[str, x509.Certificate] = {}
        self.federated_credentials: tuple[FederatedCredential, ...] = (FederatedCredential(),)
        self.mailboxes = {address: new_mailbox(address) for address in seed.MAILBOXES}
        self.vault: dict[str, list[SecretVersion]] = {}
        self.add_version(seed.SECRET_NAME, self._first_secret.value, expires=self._first_secret.expires)

    def add_client_secret(self, value: str | None = None, *, expires: datetime | None = None) -> ClientSecret:
        secret = new_client_secret(value, expires=expires)
        self.client_secrets.append(secret)
        return secret

    def add_version(
        self,
        name: str,
        value: str,
        *,
        expires: datetime | None = None,
        enabled: bool = True,
        content_type: str | None = None,
    ) -> SecretVersion:
        """Put a new version into the vault, which becomes the newest."""
        now = datetime.now(UTC)
        version = SecretVersion(
            version=uuid.uuid4().hex,
            value=value,
            created=now,
            updated=now,
            enabled=enabled,
            expires=expires,
            content_type=content_type,
        )
        self.vault.setdefault(name, []).append(version)
        return version

    def add_certificate(self, certificate: x509.Certificate) -> str:
        """Register a certificate; Entra finds it by either thumbprint, in hexadecimal."""
        # SHA-1 only names a certificate here, as it does at Entra.
        thumbprint = certificate.fingerprint(hashes.SHA1()).hex()  # noqa: S303 - no signature
        self.certificates[thumbprint] = certificate
        self.certificates[certificate.fingerprint(hashes.SHA256()).hex()] = certificate
        return thumbprint

    def mailbox(self, key: str) -> Mailbox | None:
        """The mailbox with this user principal name or object id; an alias is no key."""
        key = key.lower()
        return self.mailboxes.get(key) or next((box for box in self.mailboxes.values() if box.object_id == key), None)


def new_client_secret(value: str | None = None, *, expires: datetime | None = None) -> ClientSecret:
    """A secret with a random value that is good for a year, unless told otherwise."""
    return ClientSecret(
        id=str(uuid.uuid4()),
        value=value or secrets.token_urlsafe(30),
        expires=expires or datetime.now(UTC) + YEAR,
    )


def new_mailbox(address: str) -> Mailbox:
    """A mailbox with an object id that stays the same from start to start."""
    return Mailbox(address=address, object_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{address}")))
