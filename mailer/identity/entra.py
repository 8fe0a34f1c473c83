"""The three ways in which the app proves itself to Entra: client secret, certificate, federated. Knows azure-identity.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import base64
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
)

from mailer.errors import Misconfigured, TryLater
from mailer.identity.network import network, no_answer, no_identity
from mailer.identity.tokens import NO_SECRET, GraphTokens, Secret
from mailer.setting_texts import is_loopback
from mailer.settings import Settings

# https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
_EXCHANGE = "api://AzureADTokenExchange"
_EXCHANGE_OF_CLOUD = {
    "login.microsoftonline.us": f"{_EXCHANGE}USGov",
    "login.partner.microsoftonline.cn": f"{_EXCHANGE}China",
    "login.chinacloudapi.cn": f"{_EXCHANGE}China",
}

ASK_BEFORE = 600  # seconds before a token expires; the SDKs ask for another one 300 before

_AUTHORITY = "MAILER_AUTHORITY_HOST"
_PASSING = {"AADSTS90033", "AADSTS50196", "AADSTS90006", "AADSTS90012", "AADSTS90024", "AADSTS90055", "AADSTS90090"}
_UNTRUSTED_IDENTITY = (
    "The app registration does not trust the app's identity: it needs a federated credential with the tenant's issuer, "
    "the identity's object (principal) id as subject and the cloud's audience. AZURE_CLIENT_ID chooses the identity."
)
MEND = {
    "AADSTS7000215": "The client secret is wrong: write the secret's value, not its id, to the vault. If a certificate "
    "lies there, set MAILER_AUTH to certificate.",
    "AADSTS7000222": "The client secret has expired: make a new one and write it to the vault.",
    "AADSTS700027": "The certificate has expired or is none of the app registration's: upload its public part there.",
    "AADSTS70021": _UNTRUSTED_IDENTITY,
    "AADSTS700211": _UNTRUSTED_IDENTITY,
    "AADSTS700212": _UNTRUSTED_IDENTITY,
    "AADSTS700213": _UNTRUSTED_IDENTITY,
    "AADSTS700016": "The tenant has no app registration with this id: check MAILER_CLIENT_ID and MAILER_TENANT_ID.",
    "AADSTS7000112": "The app registration is disabled.",
    "AADSTS90002": "There is no such tenant: check MAILER_TENANT_ID and MAILER_AUTHORITY_HOST.",
    "AADSTS900023": "There is no such tenant: check MAILER_TENANT_ID.",
    "AADSTS500011": "Graph is not known in this tenant: check MAILER_GRAPH_URL and MAILER_AUTHORITY_HOST.",
}


def graph_tokens(settings: Settings, *, identity_id: str | None, clock: Callable[[], datetime]) -> GraphTokens:
    """The tokens that these settings describe; nothing is read before the first one is asked for.

    `identity_id` is the client id of a user-assigned managed identity, for MAILER_AUTH=federated.
    """
    make = _credential_maker(settings, identity_id)

    def sign_in(secret: Secret) -> Callable[[], str]:
        try:
            credential = make(secret)
        except (TypeError, ValueError) as error:  # the latter is also what base64 raises
            what = "certificate with its RSA key" if settings.auth == "certificate" else "client secret"
            message = f"The vault's secret `{secret.name}` holds no {what} ({error}). "
            message += "Write one to the vault, or name another secret in MAILER_CLIENT_SECRET_NAME."
            raise Misconfigured(message, code="secret_unusable") from error
        return _Kept(credential, settings.graph_scope, clock)

    if settings.auth == "federated":
        return GraphTokens(read_secret=lambda: NO_SECRET, sign_in=sign_in, clock=clock)

    from mailer.identity.key_vault import secret_reader  # noqa: PLC0415 - who signs in without the vault does without its SDK

    return GraphTokens(read_secret=secret_reader(settings), sign_in=sign_in, clock=clock)


def exchange_scope(authority_host: str) -> str:
    """The scope of an identity's token that this Entra takes in place of a secret."""
    return f"{_EXCHANGE_OF_CLOUD.get(urlsplit(authority_host).hostname or '', _EXCHANGE)}/.default"


def _credential_maker(settings: Settings, identity_id: str | None) -> Callable[[Secret], TokenCredential]:
    app = (settings.tenant_id, settings.client_id)
    entra: dict[str, Any] = {
        "authority": settings.authority_host,
        # An authority on this machine cannot be looked up at Microsoft's.
        "disable_instance_discovery": is_loopback(settings.authority_host),
        **network(),
    }
    if settings.auth == "certificate":
        return lambda secret: CertificateCredential(*app, certificate_data=_certificate(secret.value), **entra)
    if settings.auth == "federated":
        identity = ManagedIdentityCredential(client_id=identity_id, **network())
        scope = exchange_scope(settings.authority_host)
        return lambda _: ClientAssertionCredential(*app, lambda: _assertion(identity, scope), **entra)
    return lambda secret: ClientSecretCredential(*app, secret.value, **entra)


def _certificate(value: str) -> bytes:
    """PEM as it stands, PFX out of base64; the text tells more surely than a content type that a person has set."""
    return value.encode() if "-----BEGIN" in value else base64.b64decode(value, validate=True)


def _assertion(identity: TokenCredential, scope: str) -> str:
    try:
        return identity.get_token(scope).token
    except (AzureError, OSError, ValueError) as error:  # the last when the endpoint's answer is no JSON
        raise no_identity(error, code="identity_unavailable") from error


class _Kept:
    """The token as long as it is good; toward its end the SDK decides when there is a new one."""

    def __init__(self, credential: TokenCredential, scope: str, clock: Callable[[], datetime]) -> None:
        self._credential = credential
        self._scope = scope
        self._clock = clock
        self._token: AccessToken | None = None

    def __call__(self) -> str:
        if self._token is None or self._token.expires_on - self._clock().timestamp() < ASK_BEFORE:
            self._token = _token(self._credential, self._scope)
        return self._token.token


def _token(credential: TokenCredential, scope: str) -> AccessToken:
    try:
        return credential.get_token(scope)
    except ClientAuthenticationError as error:
        raise _refusal(error) from error
    except (AzureError, OSError) as error:
        raise no_answer("Entra", error, code="token_unavailable", setting=_AUTHORITY) from error


def _refusal(error: ClientAuthenticationError) -> TryLater:
    """What a failed token request means; Microsoft's codes are hints, so an unknown one may pass."""
    found = re.search(r"AADSTS\d+", str(error))
    # An unknown tenant shows when the SDK looks for its token endpoint, and without a code.
    code = found[0] if found else "AADSTS90002" if "authority configuration" in str(error) else ""
    if not code or isinstance(error.__cause__, AzureError):
        return no_answer("Entra", error.__cause__ or error, code="token_unavailable", setting=_AUTHORITY)
    if code in _PASSING:
        return TryLater(f"Entra does not give a token now ({code}); mailer tries again by itself.", code=code)
    mend = MEND.get(code, "Look the code up at https://login.microsoftonline.com/error.")
    return Misconfigured(f"Entra refuses a token ({code}). {mend}", code=code)
