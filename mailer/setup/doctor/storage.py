"""The storage account: each service by doing what the app does there, and what lies in the queues.

https://learn.microsoft.com/azure/storage/common/authorize-data-access
"""

import contextlib
from collections.abc import Callable
from typing import Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)

from mailer.setup.doctor.chain import Examined
from mailer.setup.doctor.findings import Result
from mailer.storage.clients import container_client, queue_client, table_client

AT_ONCE: dict[str, Any] = {"retry_total": 0}  # a doctor tells at once what the app would wait for
PROBE = "doctor"
_ROLES = {
    "queue": "Storage Queue Data Contributor",
    "table": "Storage Table Data Contributor",
    "blob": "Storage Blob Data Contributor",
}


def check_storage(examined: Examined) -> Result:
    """A message, a row and a blob written and deleted, none of which the app can see."""
    faults = []
    for service, probe in (("queue", _try_queue), ("table", _try_table), ("blob", _try_blob)):
        try:
            probe(examined)
        except (AzureError, OSError, ValueError) as error:
            faults.append(_fault(service, error))
    storage = examined.settings.storage
    way = "a connection string" if storage.connection_string else "the identity of whoever runs this"
    if not faults:
        return Result("ok", f"Queue, table and blob can be written, by {way}.")
    what = " ".join(what for what, _, _ in faults)
    why = " ".join(dict.fromkeys(why for _, why, _ in faults))
    return Result("failed", what, why=why, cure=" ".join(dict.fromkeys(cure for _, _, cure in faults)))


def check_queues(examined: Examined) -> Result:
    """How many mails wait, and how many lie where nobody takes them."""
    name = examined.settings.queue
    waiting = _length(examined, name)
    if waiting is None:
        why = "Mails by queue have nowhere to go; the first mail by HTTP would make it."
        cure = f"az storage queue create --name {name} --account-name ACCOUNT --auth-mode login; or mend MAILER_QUEUE."
        return Result("failed", f"There is no queue `{name}`.", why=why, cure=cure)
    poison = _length(examined, f"{name}-poison")
    if poison:
        what = f"{poison} messages lie in `{name}-poison`; {waiting} wait in `{name}`."
        why = "mailer has given them up: their records, or the log, say why."
        cure = (
            "Mend the cause, then `python -m mailer replay --yes` sends failed mails again; a message that is no "
            "request can only be read and deleted (az storage message peek, az storage message delete)."
        )
        return Result("warning", what, why=why, cure=cure)
    return Result("ok", f"{waiting} wait in `{name}`, none lie in `{name}-poison`.")


def _length(examined: Examined, name: str) -> int | None:
    with queue_client(examined.settings.storage, name) as queue:
        try:
            return queue.get_queue_properties(**AT_ONCE).approximate_message_count or 0
        except ResourceNotFoundError:
            return None
        except (AzureError, OSError) as error:
            what, why, cure = _fault("queue", error)
            raise Result("failed", what, why=why, cure=cure) from error


def _try_queue(examined: Examined) -> None:
    """A message that nobody can see before it is gone; that the queue itself is there is another check's."""
    with (
        queue_client(examined.settings.storage, examined.settings.queue) as queue,
        contextlib.suppress(ResourceNotFoundError),
    ):
        message = queue.send_message("{}", visibility_timeout=60, time_to_live=61, **AT_ONCE)
        queue.delete_message(message, **AT_ONCE)


def _try_table(examined: Examined) -> None:
    row = {"PartitionKey": f"zz-{PROBE}", "RowKey": PROBE}
    with table_client(examined.settings.storage, examined.settings.table) as table:
        _or_make(lambda: table.upsert_entity(row, **AT_ONCE), lambda: table.create_table(**AT_ONCE))
        table.delete_entity(row["PartitionKey"], row["RowKey"], **AT_ONCE)


def _try_blob(examined: Examined) -> None:
    name = f"{PROBE}/probe"
    with container_client(examined.settings.storage, examined.settings.container) as container:
        _or_make(
            lambda: container.upload_blob(name, b"", overwrite=True, **AT_ONCE),
            lambda: container.create_container(**AT_ONCE),
        )
        container.delete_blob(name, **AT_ONCE)


def _or_make(write: Callable[[], object], make: Callable[[], object]) -> None:
    """As the app does, which makes its table and its container when they are first missed."""
    try:
        write()
    except ResourceNotFoundError:
        with contextlib.suppress(ResourceExistsError):
            make()
        write()


def _fault(service: str, error: Exception) -> tuple[str, str, str]:
    """What, why and cure."""
    role = _ROLES[service]
    status = error.status_code if isinstance(error, HttpResponseError) else None
    code = getattr(error, "error_code", None) or type(error).__name__
    if status in {401, 403}:
        cure = (
            f"Give the app's identity the role '{role}' on the account (az role assignment create --role '{role}' "
            "--assignee-object-id IDENTITY --scope ACCOUNT_ID), or mend the key in the connection string; it acts "
            "after up to 10 minutes. Does the account's firewall let this machine in?"
        )
        return f"Access to the {service} service is denied.", f"It answered {status} {_word(code)}.", cure
    if isinstance(error, ClientAuthenticationError) and not status:
        cure = (
            "On your own machine: `az login`. In Azure: switch the managed identity on, and name it in AZURE_CLIENT_ID."
        )
        return f"There is no identity to open the {service} service with.", "DefaultAzureCredential found none.", cure
    cure = "Check MailerStorage (AzureWebJobsStorage) and its URLs, the network and the account's firewall."
    answer = f"It answered {status} {_word(code)}." if status else f"No answer ({type(error).__name__})."
    return f"The {service} service does not work.", answer, cure


def _word(code: object) -> str:
    return str(getattr(code, "value", code))
