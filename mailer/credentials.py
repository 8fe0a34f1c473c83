"""Tokens for Microsoft Graph, with the client secret that lies in Key Vault. Knows azure-identity and Key Vault.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

from mailer.errors import Misconfigured, TryLater
from mailer.settings import Settings, is_loopback

log = logging.getLogger("mailer.credentials")

# The SDKs' own are 300 seconds and several attempts, for which one hung endpoint would hold a thread.
NETWORK: dict[str, Any] = {"connection_timeout": 4, "read_timeout": 8, "retry_total": 1}

REFUSED_FOR = 60.0  # seconds for which a refused secret is not tried again

_ROTATED = {"AADSTS7000215", "AADSTS7000222"}  # wrong or expired secret: the vault may have a newer one
_PASSING = {"AADSTS90033", "AADSTS50196", "AADSTS90006", "AADSTS90012", "AADSTS90024", "AADSTS90055", "AADSTS90090"}
_MEND = {
    "AADSTS7000215": "The client secret is wrong: write the secret's value, not its id, to the vault.",
    "AADSTS7000222": "The client secret has expired: make a new one and write it to the vault.",
    "AADSTS700016": "The tenant has no app registration with this id: check MAILER_CLIENT_ID and MAILER_TENANT_ID.",
    "AADSTS7000112": "The app registration is disabled.",
    "AADSTS90002": "There is no such tenant: check MAILER_TENANT_ID and MAILER_AUTHORITY_HOST.",
    "AADSTS900023": "There is no such tenant: check MAILER_TENANT_ID.",
    "AADSTS500011": "Graph is not known in this tenant: check MAILER_GRAPH_URL and MAILER_AUTHORITY_HOST.",
}


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Secret:
    """The client secret and the version of the vault's that it is."""

    value: str
    version: str


class GraphTokens:
    """Tokens for Graph from one credential. A lock makes one flight of any number of threads' requests."""

    def __init__(
        self,
        *,
        read_secret: Callable[[], Secret],
        make_credential: Callable[[str], TokenCredential],
        scope: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_secret = read_secret
        self._make_credential = make_credential
        self._scope = scope
        self._clock = clock
        self._lock = threading.Lock()
        self._secret: Secret | None = None
        self._credential: TokenCredential | None = None
        self._token: str | None = None
        self._refused: TryLater | None = None
        self._refused_until = 0.0

    def token(self, refused: str | None = None) -> str:
        """A token; not the one that Graph has just refused. Raises TryLater, Misconfigured."""
        with self._lock:
            if refused is not None and refused == self._token:
                self._credential = None  # a credential gives the token it keeps; only a new one asks again
            if self._refused and self._clock() < self._refused_until:
                raise self._refused
            self._token = self._request()
            return self._token

    def _request(self) -> str:
        secret = self._secret = self._secret or self._read_secret()
        try:
            return self._ask(secret)
        except ClientAuthenticationError as error:
            refusal = _refusal(error)
        if refusal.code in _ROTATED:
            self._secret = self._read_secret()
            self._credential = None
            if self._secret.version != secret.version:
                log.info("secret_rotated version=%s", self._secret.version)
                try:
                    return self._ask(self._secret)
                except ClientAuthenticationError as error:
                    refusal = _refusal(error)
            self._refused_until, self._refused = self._clock() + REFUSED_FOR, refusal
        raise refusal

    def _ask(self, secret: Secret) -> str:
        self._credential = self._credential or self._make_credential(secret.value)
        return self._credential.get_token(self._scope).token


def graph_tokens(settings: Settings) -> GraphTokens:
    """The tokens that these settings describe; nothing is read before the first one is asked for."""
    vault = SecretClient(
        settings.key_vault_url,
        DefaultAzureCredential(**NETWORK),
        # The SDK's check that the vault is Microsoft's cannot pass for one on this machine.
        verify_challenge_resource=not is_loopback(settings.key_vault_url),
        **NETWORK,
    )

    def make_credential(secret: str) -> TokenCredential:
        return ClientSecretCredential(
            settings.tenant_id,
            settings.client_id,
            secret,
            authority=settings.authority_host,
            # Neither can an authority on this machine be looked up at Microsoft's.
            disable_instance_discovery=is_loopback(settings.authority_host),
            **NETWORK,
        )

    return GraphTokens(
        read_secret=lambda: _read_secret(vault, settings.client_secret_name),
        make_credential=make_credential,
        scope=settings.graph_scope,
    )


def _read_secret(vault: SecretClient, name: str) -> Secret:
    """The newest version of the secret. Raises TryLater, Misconfigured."""
    where = f"The secret `{name}` cannot be read from {vault.vault_url}"
    try:
        secret = vault.get_secret(name)
    except ResourceNotFoundError as error:
        raise Misconfigured(f"{where}: there is none of this name.", code="secret_unavailable") from error
    except ClientAuthenticationError as error:
        message = f"{where}: the app got no token for the vault. Switch its managed identity on."
        raise Misconfigured(message, code="secret_unavailable") from error
    except HttpResponseError as error:
        if error.status_code in {401, 403}:
            message = f"{where}: access is denied. Give the app's identity the role 'Key Vault Secrets User' there, "
            message += "let its network in, and see that the secret is enabled."
            raise Misconfigured(message, code="secret_unavailable") from error
        raise TryLater(f"{where} now (status {error.status_code}).", code="secret_unavailable") from error
    except AzureError as error:
        raise TryLater(f"{where} now ({type(error).__name__}).", code="secret_unavailable") from error
    return Secret(value=secret.value or "", version=secret.properties.version or "")


def _refusal(error: ClientAuthenticationError) -> TryLater:
    """What a failed token request means; Microsoft's codes are hints, so an unknown one may pass."""
    found = re.search(r"AADSTS\d+", str(error))
    # An unknown tenant shows when the SDK looks for its token endpoint, and without a code.
    code = found[0] if found else "AADSTS90002" if "authority configuration" in str(error) else ""
    if not code or isinstance(error.__cause__, AzureError):
        reason = type(error.__cause__ or error).__name__
        return TryLater(f"Entra does not give a token now ({reason}).", code="token_unavailable")
    if code in _PASSING:
        return TryLater(f"Entra does not give a token now ({code}).", code=code)
    mend = _MEND.get(code, "Look the code up at https://login.microsoftonline.com/error.")
    return Misconfigured(f"Entra refuses a token ({code}). {mend}", code=code)
