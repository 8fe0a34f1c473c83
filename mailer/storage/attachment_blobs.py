"""Files in mailer's blob container, and one way to ask Blob Storage for anything."""

import contextlib
from collections.abc import Callable
from typing import TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import ContainerClient

from mailer.errors import InvalidRequest, Problem, TryLater
from mailer.request.attachment import Attachment, File

T = TypeVar("T")


def open_blob(container: ContainerClient, attachment: Attachment) -> File:
    """The file in a blob, as it is now; its bytes are read when they are asked for. Raises InvalidRequest, TryLater."""
    blob = container.get_blob_client(attachment.blob or "")
    try:
        found = ask(container, blob.get_blob_properties)
    except ResourceNotFoundError:
        message = f"The container `{container.container_name}` has no blob `{attachment.shown_blob}`; upload it first."
        raise InvalidRequest([Problem(code="attachment_not_found", message=message, target="blob")]) from None

    def read(offset: int, length: int) -> bytes:
        try:
            return ask(
                container,
                lambda: blob.download_blob(
                    offset, length, etag=found.etag, match_condition=MatchConditions.IfNotModified
                ).readall(),
            )
        except (ResourceModifiedError, ResourceNotFoundError) as error:
            message = f"The blob `{attachment.shown_blob}` was changed while it was being sent."
            raise TryLater(message, code="attachment_changed") from error

    return File(
        filename=attachment.filename,
        content_type=attachment.media_type,
        content_id=attachment.content_id,
        size=found.size,
        read=read,
    )


def ask(container: ContainerClient, call: Callable[[], T]) -> T:
    """One call, again if only the container was missing.

    Raises TryLater, and lets the SDK's errors through for a blob that is not there or has changed.
    """
    try:
        try:
            return call()
        except ResourceNotFoundError as error:
            if error.error_code != "ContainerNotFound":  # type: ignore[attr-defined]  # set by the storage SDKs
                raise
            with contextlib.suppress(ResourceExistsError):
                container.create_container()
            return call()
    except (ResourceNotFoundError, ResourceModifiedError):
        raise
    except AzureError as error:
        status = error.status_code if isinstance(error, HttpResponseError) else None
        message = f"Blob Storage does not answer as it should ({type(error).__name__}, status {status})."
        raise TryLater(message, code="storage_unavailable") from error
