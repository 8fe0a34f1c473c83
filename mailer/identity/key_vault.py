"""The client secret or certificate that lies in Key Vault. Knows Key Vault.

A certificate's private key is read through the secret of the same name:
https://learn.microsoft.com/azure/key-vault/certificates/about-certificates#composition-of-a-certificate
"""

from collections.abc import Callable

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import KeyVaultSecret, SecretClient

from mailer.errors import Misconfigured, TryLater
from mailer.identity.network import network, no_answer, no_identity
from mailer.identity.tokens import Secret
from mailer.setting_texts import is_loopback
from mailer.settings import Settings

CODE = "secret_unavailable"


def secret_reader(settings: Settings) -> Callable[[], Secret]:
    """Reads the newest version of the secret at each call, which raises TryLater, Misconfigured."""
    vault = SecretClient(
        settings.key_vault_url,
        DefaultAzureCredential(**network()),
        # The SDK's check that the vault is Microsoft's cannot pass for one on this machine.
        verify_challenge_resource=not is_loopback(settings.key_vault_url),
        **network(),
    )
    return lambda: _read(vault, settings.client_secret_name)


def _read(vault: SecretClient, name: str) -> Secret:
    where = f"The secret `{name}` cannot be read from {vault.vault_url}"
    try:
        found = vault.get_secret(name)
    except ResourceNotFoundError as error:
        message = f"{where}: there is none of this name. Write it there, or name it in MAILER_CLIENT_SECRET_NAME."
        raise Misconfigured(message, code=CODE) from error
    except ClientAuthenticationError as error:
        # Either no token was to be had, which has no status, or the vault did not take it.
        raise (_refused(where, error) if error.status_code else no_identity(error, code=CODE)) from error
    except HttpResponseError as error:
        raise _refused(where, error) from error
    except ValueError as error:  # the SDK's check of the vault, which looks at the URL
        message = f"{where}: it does not answer as a Key Vault does. Check MAILER_KEY_VAULT_URL."
        raise Misconfigured(message, code=CODE) from error
    except (AzureError, OSError) as error:
        raise no_answer(f"the vault {vault.vault_url}", error, code=CODE, setting="MAILER_KEY_VAULT_URL") from error
    return _secret(name, found)


def _secret(name: str, found: KeyVaultSecret) -> Secret:
    properties = found.properties
    return Secret(
        name=name, value=found.value or "", version=properties.version or "", expires_on=properties.expires_on
    )


def _refused(where: str, error: HttpResponseError) -> TryLater:
    if error.status_code not in {401, 403}:
        return TryLater(f"{where} now (status {error.status_code}); mailer tries again by itself.", code=CODE)
    message = (
        f"{where}: access is denied. Give the app's identity the role 'Key Vault Secrets User' there, let its network "
        "in, and see that the secret is enabled."
    )
    return Misconfigured(message, code=CODE)
