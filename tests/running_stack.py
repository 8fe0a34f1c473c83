"""The stack that tests of the running app share."""

from contextlib import ExitStack, suppress

import requests
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import TableClient
from azure.storage.queue import QueueClient

from mailer.local.cloud.control import Control
from mailer.local.stack import Stack


class RunningStack(Stack):
    """All of mailer, whose mailboxes take mails as they come: pace has tests of its own, and no other need wait."""

    def settings(self):
        return super().settings() | {"MAILER_MAILBOX_RATE": "off", "MAILER_MAILBOX_DAILY": "off"}

    def __enter__(self):
        super().__enter__()
        self.control = Control(f"https://localhost:{self.ports.cloud}", self.folder / "ca.pem")
        return self

    def __exit__(self, *error):
        self.control.close()
        super().__exit__(*error)

    def forget(self):
        """Every fault, mail, message and record: a fault that is made for one mail must not meet another file's."""
        names = self.settings()
        with ExitStack() as used:
            table = used.enter_context(TableClient.from_connection_string(self.storage, names["MAILER_TABLE"]))
            # An app that has told what only a person can mend does not tell it again within a minute.
            has_told = self._rows(table, "PartitionKey eq 'alarms'")
            if has_told:
                self.host.stop()
            self.control.reset()
            requests.delete(f"{self.inbox}/api/email/all", timeout=10).raise_for_status()
            for name in (names["MAILER_QUEUE"], f"{names['MAILER_QUEUE']}-poison"):
                queue = used.enter_context(QueueClient.from_connection_string(self.storage, name))
                with suppress(ResourceNotFoundError):
                    queue.clear_messages()
            with suppress(ResourceNotFoundError):
                table.delete_table()
            with suppress(ResourceExistsError):  # the app makes what it misses
                table.create_table()
            if has_told:
                self.host.start()

    @staticmethod
    def _rows(table, query):
        with suppress(ResourceNotFoundError):
            return list(table.query_entities(query))
        return []
