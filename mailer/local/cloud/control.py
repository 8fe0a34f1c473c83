"""A client of the local cloud's control panel, for tests."""

from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from pydantic import TypeAdapter

from mailer.local.cloud import seed
from mailer.local.cloud.model import (
    AcceptedMail,
    ClientSecret,
    Draft,
    Fault,
    FederatedCredential,
    Mailbox,
    SecretVersion,
    Settings,
    Traffic,
)

WITHIN = 10.0  # seconds


class Control:
    """Turns what the local cloud at `url` does; `ca` is its ca.pem. A refused call is a RuntimeError with a reason."""

    def __init__(self, url: str, ca: Path) -> None:
        self._url = url
        self._session = requests.Session()
        # REQUESTS_CA_BUNDLE and proxies are the tested program's business.
        self._session.trust_env = False
        self._session.verify = str(ca)

    def close(self) -> None:
        self._session.close()

    def reset(self, *, empty: bool = False) -> None:
        """Everything back to the seed: faults, mails, counts, secrets, mailboxes, settings; `empty`: to no app."""
        self._call("POST", "/reset?empty=true" if empty else "/reset")

    def set(self, **settings: Any) -> Settings:  # noqa: ANN401 - the fields of Settings, checked by the cloud
        """Change the named fields of Settings."""
        return Settings.model_validate(self._call("PATCH", "/settings", settings))

    def fault(self, fault: Fault) -> int:
        """Switch a fault on; gives its number."""
        number: int = self._call("POST", "/faults", fault.model_dump(mode="json"))["id"]
        return number

    def remove_fault(self, number: int) -> None:
        self._call("DELETE", f"/faults/{number}")

    def clear_faults(self) -> None:
        self._call("DELETE", "/faults")

    def hits(self, number: int) -> int:
        """How many requests a fault has hit."""
        return next(int(row["hits"]) for row in self._call("GET", "/faults") if row["id"] == number)

    def client_secrets(self) -> list[ClientSecret]:
        return TypeAdapter(list[ClientSecret]).validate_python(self._call("GET", "/client-secrets"))

    def add_client_secret(self, value: str | None = None, *, expires: datetime | None = None) -> ClientSecret:
        body = {"value": value, "expires": expires and expires.isoformat()}
        return ClientSecret.model_validate(self._call("POST", "/client-secrets", body))

    def expire_client_secret(self, identifier: str, at: datetime) -> None:
        self._call("PATCH", f"/client-secrets/{identifier}", {"expires": at.isoformat()})

    def remove_client_secret(self, identifier: str) -> None:
        self._call("DELETE", f"/client-secrets/{identifier}")

    def rotate(self, *, remove_old: bool = False) -> SecretVersion:
        """A new client secret, at Entra and in the vault; the old ones stay valid unless they are to go."""
        return SecretVersion.model_validate(self._call("POST", "/rotate", {"remove_old": remove_old}))

    def add_certificate(self, pem: bytes) -> str:
        """Register a certificate on the app; gives its SHA-1 thumbprint."""
        thumbprint: str = self._call("POST", "/certificates", pem)["thumbprint"]
        return thumbprint

    def set_federated_credentials(self, *credentials: FederatedCredential) -> None:
        body = {"credentials": [one.model_dump(mode="json") for one in credentials]}
        self._call("PUT", "/federated-credentials", body)

    def versions(self, name: str = seed.SECRET_NAME) -> list[SecretVersion]:
        """The versions of a vault secret, oldest first."""
        return TypeAdapter(list[SecretVersion]).validate_python(self._call("GET", f"/vault/{name}"))

    def add_version(self, name: str, value: str, **attributes: Any) -> SecretVersion:  # noqa: ANN401 - SecretVersion's
        """Put a new version into the vault: `expires`, `enabled`, `content_type` as in SecretVersion."""
        return SecretVersion.model_validate(self._call("POST", f"/vault/{name}", {"value": value, **attributes}))

    def change_version(self, name: str, version: str, **attributes: Any) -> SecretVersion:  # noqa: ANN401 - SecretVersion's
        """Set `enabled` or `expires` of one version."""
        return SecretVersion.model_validate(self._call("PATCH", f"/vault/{name}/{version}", attributes))

    def remove_secret(self, name: str) -> None:
        self._call("DELETE", f"/vault/{name}")

    def mailboxes(self) -> list[Mailbox]:
        return TypeAdapter(list[Mailbox]).validate_python(self._call("GET", "/mailboxes"))

    def put_mailbox(self, mailbox: Mailbox) -> None:
        """Add a mailbox or replace the one with this address."""
        self._call("PUT", "/mailboxes", mailbox.model_dump(mode="json"))

    def remove_mailbox(self, address: str) -> None:
        self._call("DELETE", f"/mailboxes/{address}")

    def mails(self) -> list[AcceptedMail]:
        """The accepted mails, in order."""
        return TypeAdapter(list[AcceptedMail]).validate_python(self._call("GET", "/mails"))

    def drafts(self) -> list[Draft]:
        """The drafts that are neither sent nor deleted, oldest first."""
        return TypeAdapter(list[Draft]).validate_python(self._call("GET", "/drafts"))

    def traffic(self) -> Traffic:
        return Traffic.model_validate(self._call("GET", "/requests"))

    def directory(self) -> dict[str, Any]:
        """What is registered and granted: applications, principals, their roles by principal, Exchange's grants."""
        found: dict[str, Any] = self._call("GET", "/directory")
        return found

    def _call(self, method: str, path: str, body: Any = None) -> Any:  # noqa: ANN401 - JSON
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        reply = self._session.request(method, f"{self._url}/control{path}", timeout=WITHIN, **content)
        if not reply.ok:
            raise RuntimeError(reply.text)
        return reply.json() if reply.content else None
