"""Calls of one table: the table is made when it is first missed, and what the SDK raises is translated."""

import contextlib
from collections.abc import Callable
from typing import TypeVar

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableClient, TableErrorCode

from mailer.errors import TryLater

T = TypeVar("T")


def ask(table: TableClient, call: Callable[[], T]) -> T:
    """One call. Raises TryLater, and the SDK's own errors for a row that exists, is gone or has changed."""
    try:
        try:
            return call()
        except ResourceNotFoundError as error:
            if TableErrorCode.TABLE_NOT_FOUND not in str(error):  # create_entity leaves error_code unset
                raise
            with contextlib.suppress(ResourceExistsError):
                table.create_table()
            return call()
    except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
        raise
    except AzureError as error:
        status = error.status_code if isinstance(error, HttpResponseError) else None
        message = f"Table Storage does not answer as it should ({type(error).__name__}, status {status})."
        raise TryLater(message, code="storage_unavailable") from error
