"""A binding's `connection`, a name or a prefix of app settings → queue clients with short timeouts.

https://learn.microsoft.com/azure/azure-functions/functions-reference#configure-an-identity-based-connection
"""

import functools
import logging
from collections.abc import Mapping
from typing import Any

from azure.core.credentials import TokenCredential
from azure.storage.queue import LinearRetry, QueueClient, QueueServiceClient

from mailer.local.host.errors import StartupError

DEFAULT = "AzureWebJobsStorage"
OPTIONS: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 10,
    "logger": logging.getLogger("mailer.local.host.storage"),
}


class Connections:
    """The storage accounts that the app's bindings name."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._service = functools.cache(self._connect)

    def queue(self, connection: str, name: str) -> QueueClient:
        """A client for one queue; raises StartupError when no setting describes the connection."""
        return self._service(connection or DEFAULT).get_queue_client(name)

    def check(self, connection: str = DEFAULT) -> None:
        """Raise StartupError unless settings describe the connection."""
        self._service(connection or DEFAULT)

    def _connect(self, name: str) -> QueueServiceClient:
        retry = LinearRetry(backoff=1, retry_total=1, random_jitter_range=0)
        text = self._environ.get(name) or self._environ.get(f"AzureWebJobs{name}")
        if text:
            try:
                return QueueServiceClient.from_connection_string(text, retry_policy=retry, **OPTIONS)
            except ValueError as problem:
                message = (
                    f"The connection string in the setting {name} cannot be used: {problem} Correct it and restart."
                )
                raise StartupError(message) from None
        url = self._environ.get(f"{name}__queueServiceUri") or self._environ.get(f"{name}__serviceUri")
        account = self._environ.get(f"{name}__accountName")
        if url or account:
            return QueueServiceClient(
                url or f"https://{account}.queue.core.windows.net",
                credential=self._credential(name),
                retry_policy=retry,
                **OPTIONS,
            )
        message = (
            f"The storage connection '{name}' does not exist. Set {name} to a connection string "
            f"(UseDevelopmentStorage=true for Azurite on its usual ports), or {name}__queueServiceUri for an identity."
        )
        raise StartupError(message)

    def _credential(self, name: str) -> TokenCredential:
        from azure.identity import DefaultAzureCredential, ManagedIdentityCredential  # noqa: PLC0415 - 80 ms, only here

        client_id = self._environ.get(f"{name}__clientId")
        timeouts: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 10}
        if self._environ.get(f"{name}__credential", "").casefold() == "managedidentity":
            return ManagedIdentityCredential(client_id=client_id, **timeouts)
        return DefaultAzureCredential(managed_identity_client_id=client_id, **timeouts)
