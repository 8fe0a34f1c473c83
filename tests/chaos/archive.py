"""What storage has, and what it had: records and their contents, looked at again and again while the clean-up runs."""

import contextlib
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.data.tables import TableClient
from azure.storage.blob import ContainerClient

Row = Mapping[str, Any]

EVERY = 3.0  # seconds; far below the retention
FINAL = ("sent", "failed", "uncertain", "canceled", "suppressed")
KEPT = {"failed", "uncertain", "suppressed"}  # in a blob, for a person
SLACK = timedelta(seconds=1)  # of two programs' clocks


class Archive:
    """Looks in the background inside a `with`; `look` once more when all is over."""

    def __init__(self, storage: str, *, retention: timedelta) -> None:
        self._storage = storage
        self._retention = retention
        self._over = threading.Event()
        self._looking = threading.Thread(target=self._look_on, name="archive", daemon=True)
        #: The records as they were last seen, those that are gone among them; by id, as all the others.
        self.rows: dict[str, Row] = {}
        self.contents: dict[str, str] = {}
        self.gone: set[str] = set()
        self.forgotten_early: set[str] = set()
        self.without_content: set[str] = set()

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._looking.join()

    def _look_on(self) -> None:
        while not self._over.wait(EVERY):
            with contextlib.suppress(AzureError):  # storage is started anew
                self.look()

    def look(self) -> None:
        """Bring all up to date. What is kept for a person is kept as long as its record, which is read afterwards."""
        there = {str(row["id"]): row for row in records(self._storage)}
        with ContainerClient.from_connection_string(self._storage, "emails") as container:
            for mail, row in there.items():
                if row["status"] in KEPT and mail not in self.contents:
                    with contextlib.suppress(ResourceNotFoundError):
                        content = container.download_blob(f"requests/{mail}.json").readall()
                        self.contents[mail] = content.decode(errors="replace")
        for mail in self.rows.keys() - there.keys() - self.gone:
            self.gone.add(mail)
            row = self.rows[mail]
            ended = row.get(f"{row['status']}_at")
            if row["status"] not in FINAL or ended > datetime.now(UTC) + SLACK - self._retention:
                self.forgotten_early.add(mail)
        self.rows |= there

    def read_contents(self) -> None:
        """In the end: whose content is not there, although their record is."""
        blobs = stored_requests(self._storage)
        there = self.rows.keys() - self.gone
        self.without_content = {one for one in there if self.rows[one]["status"] in KEPT and one not in blobs}


def records(storage: str) -> list[Row]:
    """The rows of mails."""
    with TableClient.from_connection_string(storage, "emails") as table:
        try:
            return [dict(row) for row in table.list_entities() if "status" in row and "id" in row]
        except ResourceNotFoundError:
            return []


def waiting_rows(storage: str) -> int:
    """How many mails wait in the table for their hour."""
    with TableClient.from_connection_string(storage, "emails") as table:
        query = "PartitionKey ge 'due|' and PartitionKey lt 'due}'"
        return sum(1 for _ in table.query_entities(query, select=["RowKey"]))


def stored_requests(storage: str) -> set[str]:
    """The ids of the mails whose requests lie in blobs, where a replay finds them."""
    with ContainerClient.from_connection_string(storage, "emails") as container:
        try:
            return {Path(name).stem for name in container.list_blob_names(name_starts_with="requests/")}
        except ResourceNotFoundError:
            return set()
