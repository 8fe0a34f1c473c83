"""What the app proves itself by: client secrets, certificates, federated credentials, and the policy about them.

https://learn.microsoft.com/graph/api/application-addpassword
https://learn.microsoft.com/graph/api/resources/appmanagementpolicy
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
"""

import base64
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from mailer.setup.api import Api, Body
from mailer.setup.directory import REGISTERING
from mailer.setup.refusals import Refused, explain, helped

DISPLAY_NAME = "mailer"
SHORTER = (timedelta(days=90), timedelta(days=30), timedelta(days=7))  # tried where a policy cannot be read
MARGIN = timedelta(minutes=5)  # by which clocks may differ
PEM = "application/x-pem-file"
_TOO_LONG = "CredentialInvalidLifetimeAsPerAppPolicy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A new secret or certificate with its key, on its way to the vault; its value is shown to nobody."""

    key_id: str
    expires: datetime
    value: str = field(repr=False)
    content_type: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Current:
    """A credential that an app registration has."""

    key_id: str
    expires: datetime


def all_of(application: Body, auth: str) -> list[Current]:
    """The client secrets of an app registration, or its certificates, the newest first."""
    if auth == "certificate":
        found = [
            Current(key_id=_key_of(one), expires=instant(one["endDateTime"]))
            for one in application.get("keyCredentials") or ()
        ]
    else:
        found = [
            Current(key_id=one["keyId"], expires=instant(one["endDateTime"]))
            for one in application.get("passwordCredentials") or ()
        ]
    return sorted(found, key=lambda one: one.expires, reverse=True)


def _key_of(certificate: Body) -> str:
    """Graph shows a certificate only where it is selected; its date must do elsewhere."""
    return thumbprint(base64.b64decode(certificate["key"])) if certificate.get("key") else ""


def longest_secret(api: Api) -> timedelta | None:
    """How long a client secret may last by the tenant's policy; None if it sets no limit or may not be read."""
    try:
        policy = api.get("/v1.0/policies/defaultAppManagementPolicy")
    except Refused:
        return None
    if not policy.get("isEnabled"):
        return None
    rules = (policy.get("applicationRestrictions") or {}).get("passwordCredentials") or ()
    limits = [
        _duration(rule.get("maxLifetime") or "")
        for rule in rules
        if rule.get("restrictionType") == "passwordLifetime" and rule.get("state", "enabled") == "enabled"
    ]
    return min((limit for limit in limits if limit), default=None)


def add_secret(api: Api, application: Body, lifetime: timedelta, *, now: datetime) -> Made:
    """A client secret, as long as was wished or as the policy allows; raises Stopped."""
    limit = longest_secret(api)
    wished = min(lifetime, limit - MARGIN) if limit else lifetime
    path = f"/v1.0/applications/{application['id']}/addPassword"
    for attempt in (wished, *(shorter for shorter in SHORTER if shorter < wished)):
        wanted = {"displayName": DISPLAY_NAME, "endDateTime": f"{now + attempt:%Y-%m-%dT%H:%M:%SZ}"}
        try:
            made = api.post(path, {"passwordCredential": wanted})
        except Refused as refused:
            last = refused
            if refused.code != _TOO_LONG:
                break
        else:
            return Made(key_id=made["keyId"], expires=instant(made["endDateTime"]), value=made["secretText"])
    raise explain(last, "make a client secret", **REGISTERING) from last


def remove_secret(api: Api, application: Body, key_id: str) -> None:
    """Take a client secret away; raises Stopped."""
    with helped("remove a client secret", **REGISTERING):
        api.post(f"/v1.0/applications/{application['id']}/removePassword", {"keyId": key_id}, fresh=False)


def add_certificate(api: Api, application: Body, lifetime: timedelta, *, now: datetime) -> Made:
    """A new certificate beside those that are there; its key is made here and goes to the vault alone."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DISPLAY_NAME)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + lifetime)
        .sign(key, hashes.SHA256())
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    entry = {
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "displayName": DISPLAY_NAME,
        "key": base64.b64encode(der).decode(),
    }
    with helped("add a certificate", **REGISTERING):
        path = f"/v1.0/applications/{application['id']}"
        before = api.get(path, fresh=True, select="keyCredentials").get("keyCredentials") or []
        api.patch(path, {"keyCredentials": [*before, entry]}, fresh=True)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    return Made(key_id=thumbprint(der), expires=certificate.not_valid_after_utc, value=pem.decode(), content_type=PEM)


def keep_certificates(api: Api, application: Body, keep: str) -> int:
    """Leave only the certificate with this thumbprint; gives how many went."""
    with helped("remove a certificate", **REGISTERING):
        path = f"/v1.0/applications/{application['id']}"
        before = api.get(path, select="keyCredentials").get("keyCredentials") or []
        kept = [one for one in before if thumbprint(base64.b64decode(one.get("key") or "")) == keep]
        if kept and len(kept) < len(before):
            api.patch(path, {"keyCredentials": kept})
            return len(before) - len(kept)
    return 0


def thumbprint(der: bytes) -> str:
    """By which a certificate is known here: its SHA-256."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    return digest.finalize().hex()


def federated(api: Api, application: Body) -> list[Body]:
    """The federated credentials of an application."""
    with helped("read federated credentials", **REGISTERING):
        return list(api.find(f"/v1.0/applications/{application['id']}/federatedIdentityCredentials", fresh=True))


def trusts(credential: Body, wanted: Body) -> bool:
    """Whether a federated credential is the wanted one; Entra compares to the letter, and so do we."""
    return all(credential.get(member) == wanted[member] for member in ("issuer", "subject", "audiences"))


def add_federated(api: Api, application: Body, wanted: Body) -> None:
    """Trust a managed identity. Entra takes any values and would refuse wrong ones only at the token exchange."""
    with helped("add a federated credential", **REGISTERING):
        api.post(f"/v1.0/applications/{application['id']}/federatedIdentityCredentials", wanted)


def instant(text: str) -> datetime:
    """A time of Graph's, which writes a digit more behind the second than Python reads before 3.11."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text))


def _duration(text: str) -> timedelta | None:
    """An ISO 8601 duration as policies have it: P90D, P4DT12H30M5S, P6M, P1Y."""
    match = re.fullmatch(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", text)
    if not match or not any(match.groups()):
        return None
    years, months, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=years * 365 + months * 30 + days, hours=hours, minutes=minutes, seconds=seconds)
