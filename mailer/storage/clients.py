"""The SDKs' clients of mailer's storage account: by a connection string, or by URLs and the app's own identity.

Each SDK is imported when its client is first made: a cold start pays only for what its function uses.
"""

import base64
import functools
from typing import TYPE_CHECKING, Any

from mailer.settings import Storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.data.tables import TableClient
    from azure.storage.blob import ContainerClient
    from azure.storage.queue import QueueClient

    from mailer.storage.queues import Queue
    from mailer.storage.signed import Authorize, SignedRequests
    from mailer.storage.tables import Table

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


def kept_table(storage: Storage, name: str) -> "Table":
    """A table of the account for the calls of every mail."""
    from mailer.storage.kept_table import VERSION, KeptTable
    from mailer.storage.signed import by_key_of_table

    sdk = functools.cache(lambda: table_client(storage, name))
    requests = _signed(storage, "table", storage.table_url, by_key_of_table, VERSION)
    return KeptTable(name, requests, sdk) if requests else sdk()


def kept_queue(storage: Storage, name: str) -> "Queue":
    """A queue of the account for the calls of every mail."""
    from mailer.storage.kept_queue import VERSION, KeptQueue
    from mailer.storage.signed import by_key_of_queue

    sdk = functools.cache(lambda: queue_client(storage, name))
    requests = _signed(storage, "queue", storage.queue_url, by_key_of_queue, VERSION)
    return KeptQueue(name, requests, sdk) if requests else sdk()


def signed_in_to(storage: Storage) -> str | None:
    """Who uses the account, by name or id; None for whoever uses its key, and where no token is to be had."""
    if storage.connection_string:
        return None
    from azure.core.exceptions import AzureError

    from mailer.identity.claims import claims_of, signed_in
    from mailer.storage.signed import SCOPE

    try:
        return signed_in(claims_of(_identity(storage).get_token(SCOPE).token))
    except AzureError:  # whatever is asked for next meets the same, and tells it
        return None


def _signed(
    storage: Storage, service: str, url: str | None, by_key: "Callable[[str, bytes], Authorize]", version: str
) -> "SignedRequests | None":
    """None for what only the SDK knows: shared access signatures, the emulator's short name, a wrong setting."""
    from azure.core.utils import parse_connection_string

    from mailer.storage.signed import SignedRequests, by_identity

    timeout = STORAGE_NETWORK["connection_timeout"], STORAGE_NETWORK["read_timeout"]
    if not storage.connection_string:
        if not url or not url.startswith("https://"):
            return None
        return SignedRequests(url, by_identity(_identity(storage)), version=version, timeout=timeout)
    try:
        parts = parse_connection_string(storage.connection_string)
        account, key = parts["accountname"], base64.b64decode(parts["accountkey"], validate=True)
        url = parts.get(f"{service}endpoint") or (
            f"{parts['defaultendpointsprotocol']}://{account}.{service}.{parts['endpointsuffix']}"
        )
    except (KeyError, ValueError):
        return None
    return SignedRequests(url, by_key(account, key), version=version, timeout=timeout)


def _identity(storage: Storage) -> Any:  # noqa: ANN401 - each SDK has a Protocol of its own for it
    from azure.identity import DefaultAzureCredential

    chosen = {"managed_identity_client_id": storage.client_id} if storage.client_id else {}
    return DefaultAzureCredential(**chosen, **STORAGE_NETWORK)
