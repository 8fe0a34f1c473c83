"""Recipients' addresses as a keyed hash, by which a mail is found and which nobody can turn back without the key.

The key lies in a table of its own, made when it is first needed: whoever may read the records alone, or has a copy of
them, cannot try addresses out.
"""

import functools
import hmac
import secrets
from collections.abc import Iterable
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from mailer.feedback.hashes import SIZE
from mailer.storage import tables

MOST = 150  # recipients that a record can be found by; a row of Table Storage has 252 properties
_LONGEST = 63  # characters of a table's name
_PARTITION, _ROW = "keys", "recipients"


def table_of_key(table: str) -> str:
    """The name of the key's table beside this one of records."""
    return f"{table[: _LONGEST - len('keys')]}keys"


class Recipients:
    """The hashes, with the table of the key. Each call may raise TryLater."""

    def __init__(self, table: "tables.Table") -> None:
        self._table = table

    @property
    def table_name(self) -> str:
        """That of the key's table."""
        return self._table.table_name

    def hash(self, address: str) -> bytes:
        """The keyed hash of an address."""
        return hmac.digest(self._key, address.lower().encode(), "sha256")[:SIZE]

    def column(self, address: str) -> str:
        """The property that a record has if it reached this address."""
        return "to_" + self.hash(address).hex()

    @functools.cached_property
    def mark(self) -> str:
        """By which another key is told from this one, and which tells nothing of it."""
        return hmac.digest(self._key, b"", "sha256").hex()[:16]

    def columns(self, addresses: Iterable[str]) -> dict[str, bool]:
        """The properties of a record that reached these addresses."""
        distinct = list(dict.fromkeys(address.lower() for address in addresses))
        return {self.column(address): True for address in distinct[:MOST]}

    @functools.cached_property
    def _key(self) -> bytes:
        """Read once for a worker; whoever comes first makes it."""
        try:
            row: tables.Entity = tables.ask(self._table, lambda: self._table.get_entity(_PARTITION, _ROW))
        except ResourceNotFoundError:
            made: dict[str, Any] = {"PartitionKey": _PARTITION, "RowKey": _ROW, "key": secrets.token_bytes(32)}
            try:
                tables.ask(self._table, lambda: self._table.create_entity(made))
            except ResourceExistsError:
                return self._key
            return bytes(made["key"])
        return tables.read(row, lambda row: tables.cell(row, "key", bytes))
