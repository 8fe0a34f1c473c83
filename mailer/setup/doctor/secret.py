"""The vault, and the secret's dates there and at Entra."""

import base64
import re
from datetime import datetime, timedelta

from azure.core.exceptions import ResourceNotFoundError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from mailer.errors import TryLater
from mailer.identity.key_vault import secret_reader
from mailer.identity.tokens import Secret
from mailer.setup.api import Body
from mailer.setup.credentials import instant
from mailer.setup.doctor.chain import Examined
from mailer.setup.doctor.findings import Result
from mailer.setup.refusals import Refused
from mailer.setup.steps import Stopped
from mailer.setup.vault import SAME

SOON = timedelta(days=30)
ROTATE = "`python -m mailer rotate` makes a new one and puts it there with its date; mailer takes it without a restart."


def check_vault(examined: Examined) -> Result:
    """Whether the app's identity can read there; what it reads is the next check's."""
    settings = examined.settings
    if settings.auth == "federated":
        return Result("skipped", "No vault is needed: MAILER_AUTH is federated.")
    try:
        examined.secret = secret_reader(settings)()
    except TryLater as error:
        if not isinstance(error.__cause__, ResourceNotFoundError):
            what = f"The vault {settings.key_vault_url} cannot be read."
            cure = (
                "Give the app's identity the role 'Key Vault Secrets User' on the vault, let its network in, check "
                "MAILER_KEY_VAULT_URL; on your own machine `az login` as somebody who may read it."
            )
            return Result("failed", what, why=str(error), cure=cure)
    return Result("ok", f"{settings.key_vault_url} can be read.")


def check_secret(examined: Examined) -> Result:
    """That it is there, that it is the app registration's, and how long it is good, by the vault and by Entra."""
    settings, secret = examined.settings, examined.secret
    if settings.auth == "federated":
        return Result("skipped", "Nothing is secret: MAILER_AUTH is federated.")
    if secret is None:
        what = f"The vault has no secret `{settings.client_secret_name}`."
        why = "The app has nothing to prove itself by (MAILER_CLIENT_SECRET_NAME names it)."
        return Result("failed", what, why=why, cure="`python -m mailer setup`, or `python -m mailer rotate`.")
    now = examined.clock()
    ends, note = _end_at_entra(examined, secret)
    dates = [date for date in (secret.expires_on, ends) if date]
    if dates and min(dates) <= now:
        what = f"The secret has expired on {min(dates):%Y-%m-%d}."
        why = f"In the vault {_day(secret.expires_on)}, at Entra {_day(ends)}."
        return Result("failed", what, why=why, cure=ROTATE)
    _check_dates(secret, ends)
    if dates and min(dates) - now < SOON:
        what = f"The secret expires on {min(dates):%Y-%m-%d}, in {(min(dates) - now).days} days."
        return Result("warning", what, why="After that no mail can be sent.", cure=ROTATE)
    return Result("ok", f"Good until {_day(min(dates, default=None))} in the vault{note}.")


def _check_dates(secret: Secret, ends: datetime | None) -> None:
    """Raises Result if the vault does not say what Entra says."""
    why = "The vault's date is the one that reminds of it (Event Grid, health)."
    if secret.expires_on is None:
        what = f"The vault knows no expiry date{f'; at Entra it is {_day(ends)}' if ends else ''}."
        raise Result("warning", what, why=why, cure=f"{ROTATE} {_SET_DATE}")
    if ends and abs((secret.expires_on - ends).total_seconds()) > SAME:
        what = f"The expiry dates differ: {_day(secret.expires_on)} in the vault, {_day(ends)} at Entra."
        raise Result("warning", what, why=f"Entra's counts. {why}", cure=f"{ROTATE} {_SET_DATE}")


_SET_DATE = "Or set the date alone: az keyvault secret set-attributes --id SECRET_ID --expires DATE."


def _end_at_entra(examined: Examined, secret: Secret) -> tuple[datetime | None, str]:
    """When the credential ends by Entra, and a note; raises Result if the app registration does not have it."""
    application = _application(examined)
    if application is None:
        return _end_of_certificate(secret), "; Entra's date was not read, for nobody is signed in with az who may"
    if examined.settings.auth == "certificate":
        end = _end_of_certificate(secret)
        known = [instant(one["endDateTime"]) for one in application.get("keyCredentials") or ()]
        if end and not any(abs((end - one).total_seconds()) < SAME for one in known):
            raise _foreign(secret, "certificates")
        return end, " and at Entra"
    known_secrets = [
        instant(one["endDateTime"])
        for one in application.get("passwordCredentials") or ()
        if secret.value.startswith(one.get("hint") or "")
    ]
    if not known_secrets:
        raise _foreign(secret, "secrets")
    expected = secret.expires_on or max(known_secrets)
    nearest = min(known_secrets, key=lambda end: abs((end - expected).total_seconds()))
    return nearest, " and at Entra"


def _application(examined: Examined) -> Body | None:
    """The app registration, if somebody may read it."""
    api = examined.directory()
    if api is None:
        return None
    try:
        return next(api.find("/v1.0/applications", filter=f"appId eq '{examined.settings.client_id}'"), None)
    except (Refused, Stopped):
        return None


def _foreign(secret: Secret, kind: str) -> Result:
    what = f"The vault's secret `{secret.name}` is none of the app registration's {kind}."
    why = "It was made for another app, or has been removed there."
    return Result("failed", what, why=why, cure=f"{ROTATE} Or check MAILER_CLIENT_ID.")


def _end_of_certificate(secret: Secret) -> datetime | None:
    """When the certificate in the vault ends; None if there is none."""
    try:
        if found := re.search(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", secret.value, re.DOTALL):
            return x509.load_pem_x509_certificate(found[0].encode()).not_valid_after_utc
        _, certificate, _ = pkcs12.load_key_and_certificates(base64.b64decode(secret.value, validate=True), None)
    except (ValueError, TypeError):
        return None
    return certificate.not_valid_after_utc if certificate else None


def _day(date: datetime | None) -> str:
    return f"{date:%Y-%m-%d}" if date else "unknown"
