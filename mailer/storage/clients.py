"""The SDKs' clients of mailer's storage account: by a connection string, or by URLs and the app's own identity.

Each SDK is imported when its client is first made: a cold start pays only for what its function uses.
"""

from typing import TYPE_CHECKING, Any

from mailer.settings import Storage

if TYPE_CHECKING:
    from azure.data.tables import TableClient
    from azure.storage.blob import ContainerClient
    from azure.storage.queue import QueueClient

STORAGE_NETWORK: dict[str, Any] = {"connection_timeout": 4, "read_timeout": 8, "retry_total": 3}  # timeouts in seconds


def table_client(storage: Storage, name: str) -> "TableClient":
    """A table of the account."""
    from azure.data.tables import TableClient

    if storage.connection_string:
        return TableClient.from_connection_string(storage.connection_string, name, **STORAGE_NETWORK)
    return TableClient(str(storage.table_url), name, credential=_identity(storage), **STORAGE_NETWORK)


def queue_client(storage: Storage, name: str) -> "QueueClient":
    """A queue of the account."""
    from azure.storage.queue import QueueClient

    if storage.connection_string:
        return QueueClient.from_connection_string(storage.connection_string, name, **STORAGE_NETWORK)
    return QueueClient(str(storage.queue_url), name, credential=_identity(storage), **STORAGE_NETWORK)


def container_client(storage: Storage, name: str) -> "ContainerClient":
    """A blob container of the account."""
    from azure.storage.blob import ContainerClient

    if storage.connection_string:
        return ContainerClient.from_connection_string(storage.connection_string, name, **STORAGE_NETWORK)
    return ContainerClient(str(storage.blob_url), name, credential=_identity(storage), **STORAGE_NETWORK)


def container_at(storage: Storage, url: str) -> "ContainerClient":
    """A container anywhere: one of the account itself is read as that is, any other with the app's identity."""
    from azure.storage.blob import ContainerClient

    if storage.connection_string:
        own = container_client(storage, url.rpartition("/")[2])
        if own.url == url:
            return own
    return ContainerClient.from_container_url(url, credential=_identity(storage), **STORAGE_NETWORK)


def _identity(storage: Storage) -> Any:  # noqa: ANN401 - each SDK has a Protocol of its own for it
    from azure.identity import DefaultAzureCredential

    chosen = {"managed_identity_client_id": storage.client_id} if storage.client_id else {}
    return DefaultAzureCredential(**chosen, **STORAGE_NETWORK)
