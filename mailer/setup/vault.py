"""The secret in Key Vault, written by a person who may: straight from Entra, with its expiry date.

https://learn.microsoft.com/python/api/overview/azure/keyvault-secrets-readme
"""

import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.keyvault.secrets import SecretClient, SecretProperties

from mailer.identity.network import NETWORK
from mailer.setting_texts import is_loopback
from mailer.setup.credentials import Made
from mailer.setup.refusals import no_sign_in
from mailer.setup.steps import Stopped

T = TypeVar("T")

KEY, APP = "keyId", "appId"  # tags, by which a version is known as the registration's
SAME = 60.0  # seconds; the vault keeps whole ones


class _Disabled(Exception):
    pass


class Vault:
    """One secret of one vault; every call may raise Stopped."""

    def __init__(self, url: str, name: str, credential: TokenCredential) -> None:
        self.url = url
        self.name = name
        self._client = SecretClient(
            url,
            credential,
            # The SDK's check that the vault is Microsoft's cannot pass for one on this machine.
            verify_challenge_resource=not is_loopback(url),
            **NETWORK,
        )

    def newest(self) -> SecretProperties | None:
        """The newest version, or None where there is none that can be used; its value is dropped at once."""
        try:
            return self._ask("read", lambda: self._client.get_secret(self.name).properties)
        except (ResourceNotFoundError, _Disabled):
            return None

    def put(self, made: Made, *, app_id: str) -> None:
        """A new version, which becomes the newest; a deleted secret of this name is brought back first."""

        def put() -> None:
            self._client.set_secret(
                self.name,
                made.value,
                expires_on=made.expires,
                content_type=made.content_type,
                tags={KEY: made.key_id, APP: app_id},
            )

        try:
            self._ask("write", put)
        except ResourceExistsError:
            self._ask("recover", lambda: self._client.begin_recover_deleted_secret(self.name).wait())
            self._ask("write", put)

    def delete(self) -> None:
        """Delete the secret with all its versions; the vault keeps it for a while."""
        with contextlib.suppress(ResourceNotFoundError):
            self._ask("delete", lambda: self._client.begin_delete_secret(self.name))

    def _ask(self, action: str, call: Callable[[], T]) -> T:
        where = f"The secret `{self.name}` in {self.url}"
        try:
            return call()
        except (ResourceNotFoundError, ResourceExistsError):
            raise
        except ClientAuthenticationError as error:
            if error.status_code:
                raise _denied(where, action) from error
            raise no_sign_in(error, "the same person for the vault") from error
        except HttpResponseError as error:
            if ((error.error and error.error.innererror) or {}).get("code") == "SecretDisabled":
                raise _Disabled from error
            if error.status_code in {401, 403}:
                raise _denied(where, action) from error
            what = f"{where} could not be {_done(action)} (status {error.status_code}): {error.message}"
            raise Stopped(what, "Look at the message; then run the command again.") from error
        except (AzureError, OSError, ValueError) as error:
            what = f"There is no answer from the vault {self.url} ({type(error).__name__})."
            cure = "Check --vault (MAILER_KEY_VAULT_URL); does the vault's firewall let your address in?"
            raise Stopped(what, cure) from error


def is_of(version: SecretProperties, credential_id: str, ends: datetime) -> bool:
    """Whether a version holds this credential: by its tag, or where one of both is not known, by its date."""
    tag = (version.tags or {}).get(KEY)
    if tag and credential_id:
        return tag == credential_id
    return version.expires_on is not None and abs((version.expires_on - ends).total_seconds()) < SAME


def _denied(where: str, action: str) -> Stopped:
    what = f"{where} may not be {_done(action)} by you."
    cure = (
        "Take the role 'Key Vault Secrets Officer' on the vault: az role assignment create --role 'Key Vault Secrets "
        "Officer' --assignee YOU --scope VAULT_ID; or have the vault's firewall let your address in. An Owner or User "
        "Access Administrator of the vault can do both."
    )
    return Stopped(what, cure)


def _done(action: str) -> str:
    return {"read": "read", "write": "written", "recover": "recovered"}.get(action, "deleted")
