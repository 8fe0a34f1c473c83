"""Everything the local cloud knows while it runs, in memory; `reset` brings back the seed."""

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509

from mailer.local.cloud import seed
from mailer.local.cloud.delivery import Courier
from mailer.local.cloud.directory import Application, Directory
from mailer.local.cloud.faults import Faults
from mailer.local.cloud.model import (
    AcceptedMail,
    Attachment,
    ClientSecret,
    Content,
    Draft,
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


@dataclass(kw_only=True)
class SignIn:
    """A person on the way into an application: by a device code, or by an authorization code."""

    client_id: str
    scope: str
    expires: datetime
    approved: bool = False
    polled: datetime | None = None
    redirect_uri: str = ""
    challenge: str = ""
    nonce: str = ""


class Cloud:
    """One tenant: its directory, its vault and its mailboxes."""

    def __init__(self, *, smtp_port: int, empty: bool = False, console: str | None = None) -> None:
        self.signer = Signer()
        self.courier = Courier(smtp_port, console=console)
        self.faults = Faults()
        # Made once, so that a mailer running beside us outlives a reset.
        self._first_secret = new_client_secret()
        self.reset(empty=empty)

    def reset(self, *, empty: bool = False) -> None:
        """Back to the seed; the signing key and the seeded client secret stay as they are.

        `empty`: nobody has registered an app yet, and the vault holds nothing.
        """
        self.faults.clear()
        self.traffic = TrafficCounter()
        self.settings = Settings()
        self.mails: list[AcceptedMail] = []
        self.drafts: dict[str, StoredDraft] = {}
        self.directory = Directory()
        self.sign_ins: dict[str, SignIn] = {}
        self.mailboxes = {address: new_mailbox(address) for address in seed.MAILBOXES}
        self.vault: dict[str, list[SecretVersion]] = {}
        self.deleted_secrets: dict[str, list[SecretVersion]] = {}
        if not empty:
            self.directory.add_seeded_application(self._first_secret)
            self.directory.set_roles(seed.APP_OBJECT_ID, self.settings.roles)
            self.add_version(seed.SECRET_NAME, self._first_secret.value, expires=self._first_secret.expires)

    @property
    def seeded(self) -> Application:
        """The app of the seed, which the control panel turns; KeyError where there is none."""
        application = self.directory.application(app_id=seed.CLIENT_ID)
        if application is None:
            raise KeyError(seed.CLIENT_ID)
        return application

    @property
    def client_secrets(self) -> list[ClientSecret]:
        """Those of the seeded app."""
        return self.seeded.secrets

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
        tags: dict[str, str] | None = None,
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
            tags=tags or {},
        )
        self.vault.setdefault(name, []).append(version)
        return version

    def add_certificate(self, certificate: x509.Certificate) -> str:
        """Register a certificate on the seeded app."""
        return self.seeded.add_certificate(certificate)

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
