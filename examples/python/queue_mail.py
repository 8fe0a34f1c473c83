"""One mail onto the queue, with rights of one's own: `az login` here, a managed identity in Azure.

pip install azure-storage-queue azure-identity
"""

import json
import os

from azure.identity import DefaultAzureCredential
from azure.storage.queue import QueueClient

mail = {
    "to": "Ada <ada@example.com>",
    "template": {
        "id": "password-reset",
        "variables": {
            "account": {"name": "Ada", "address": "ada@example.com"},
            "reset": {"url": "https://login.contoso.com/reset/7", "expires_at": "2026-12-01T16:30:00+01:00"},
            "sender": {"name": "Contoso"},
        },
    },
    "priority": "urgent",
    "idempotency_key": "reset-7",
}

if connection_string := os.environ.get("AZURE_STORAGE_CONNECTION_STRING"):
    queue = QueueClient.from_connection_string(connection_string, os.environ.get("QUEUE", "emails"))
else:
    queue = QueueClient.from_queue_url(os.environ["QUEUE_URL"], credential=DefaultAzureCredential())
with queue:
    # -1: the message stays for as long as it takes, not for a week.
    message = queue.send_message(json.dumps(mail), time_to_live=-1)
print(message.id)
