"""Rows that several threads write at about the same time, by one call for all of a partition."""

from collections.abc import Mapping, Sequence
from typing import Any

from azure.core.exceptions import HttpResponseError

from mailer.errors import TryLater
from mailer.gather import Company, Gather
from mailer.storage import tables

MOST = 16  # rows, each of which may hold 64 KiB: 4 MiB is the most that Table Storage takes
REFUSED = range(400, 500)
NOT_WRITTEN: tuple[type[Exception], ...] = (*tables.CHANGED, TypeError, ValueError)  # two for what no row can hold

Change = tuple[str, Mapping[str, Any], Mapping[str, Any]]
"""As `submit_transaction` takes it."""


class Together:
    """The writes of a worker to one table; thread-safe."""

    def __init__(self, table: "tables.Table", company: Company | None) -> None:
        self._table = table
        self._gather: Gather[Change, Mapping[str, Any]] = Gather(self._written, most=MOST, company=company)

    def write(
        self,
        kind: str,
        row: Mapping[str, Any],
        *,
        patience: float | None = None,
        **options: Any,  # noqa: ANN401 - the SDK's
    ) -> Mapping[str, Any] | None:
        """The row's version once it is written with others; None if it is to be written alone. Raises TryLater."""
        return self._gather.bring(row["PartitionKey"], (kind, row, options), patience=patience)

    def _written(self, changes: Sequence[Change]) -> Sequence[Mapping[str, Any] | None]:
        """Where one of them cannot be written, none is, and each finds out alone whether it is that one."""
        try:
            return tables.change_together(self._table, changes)
        except NOT_WRITTEN:
            return [None] * len(changes)
        except TryLater as failed:
            said = failed.__cause__
            if isinstance(said, HttpResponseError) and said.status_code in REFUSED:
                return [None] * len(changes)
            raise
