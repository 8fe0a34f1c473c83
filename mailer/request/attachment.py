"""A file to send: as a caller hands it in, and as it goes to Graph."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from mailer.request.base64_text import read_base64
from mailer.request.encoded_words import decoded
from mailer.request.json_object import shown
from mailer.request.media_types import media_type_of
from mailer.request.value import Described, Line, Value, at_most

MAX_ATTACHMENTS = 250  # Exchange Online's limit
OWN_FOLDERS = ("requests/", "good-templates/")  # of mailer's container: what lies there belongs to no caller


_NOT_IN_NAME = r"/\\\u0000-\u001f\u007f\u0085\u2028\u2029"  # of a file, as JSON Schema has them
_IN_NAME = f"[^{_NOT_IN_NAME}]"


def _base64(text: str) -> str:
    habit = ""
    try:
        content = read_base64(text)
    except ValueError as error:
        content, habit = b"", str(error)
    if not content:
        message = "must be the file's bytes in base64, without `data:` or anything else before them"
        raise ValueError(f"{message}; {habit}" if habit else message)
    return "".join(text.split())


def _decoded_name(name: object) -> object:
    """The name as a file can have it: neither blanks around it, nor the dots at its end that Windows leaves out."""
    return decoded(name.strip()).strip().rstrip(". ") if isinstance(name, str) else name


def _filename(name: str) -> str:
    if re.search(r"[/\\]", name) or not name.strip(" ."):
        message = "must be the name of a file, without a path"
        raise ValueError(message)
    return name


def _blob_path(path: str) -> str:
    # Whatever a URL would read as more than a name is no name here: `..` must not lead out of the container.
    if re.search(r"[\\?#%]", path) or not all(segment.strip(".") for segment in path.split("/")):
        message = "must be the path of a blob in mailer's container, such as invoices/7.pdf; no other place is read"
        raise ValueError(message)
    if path.startswith(OWN_FOLDERS):
        message = f"must not begin with {' or '.join(OWN_FOLDERS)}: mailer keeps its own there"
        raise ValueError(message)
    return path


def _stripped(text: object) -> object:
    return text.strip() if isinstance(text, str) else text


def _content_type(text: str) -> str:
    if not re.fullmatch(r"[0-9a-z!#$&^_.+-]+/[0-9a-z!#$&^_.+-]+(;.*)?", text, re.IGNORECASE):
        message = "must be a media type such as application/pdf"
        raise ValueError(message)
    return text


def _content_id(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z._@+-]{1,128}", text):
        message = "must be up to 128 letters, digits and any of . _ @ + - (the HTML then shows `cid:` and this)"
        raise ValueError(message)
    return text


_EITHER: JsonDict = {
    "if": {"required": ["content"], "properties": {"content": {"type": "string"}}},
    "then": {"properties": {"blob": {"type": "null"}}},
    "else": {"required": ["blob"], "properties": {"blob": {"type": "string"}}},
}


class Attachment(Value):
    """A file to send: its bytes in base64, or the path of a blob in mailer's container."""

    model_config = ConfigDict(json_schema_extra=_EITHER)

    filename: Annotated[
        Line,
        Field(min_length=1, max_length=255),
        BeforeValidator(_decoded_name),
        AfterValidator(_filename),
        Described({"pattern": rf"^{_IN_NAME}*[^\s.{_NOT_IN_NAME}]{_IN_NAME}*$"}),
    ]
    content: (
        Annotated[
            str,
            Field(min_length=1),
            AfterValidator(_base64),
            Described(
                {
                    "pattern": "^([0-9A-Za-z+/]{4})*([0-9A-Za-z+/]{4}|[0-9A-Za-z+/]{3}=|[0-9A-Za-z+/][AQgw]==)$",
                    "contentEncoding": "base64",
                }
            ),
        ]
        | None
    ) = None
    blob: (
        Annotated[
            Line,
            Field(min_length=1, max_length=1024),
            AfterValidator(_blob_path),
            Described({"pattern": r"^(?!requests/|good-templates/)[0-9A-Za-z _+=~-]+([./][0-9A-Za-z _+=~-]+)*$"}),
        ]
        | None
    ) = None
    content_type: (
        Annotated[
            Line,
            Field(max_length=255),
            BeforeValidator(_stripped),
            AfterValidator(_content_type),
            Described({"pattern": r"^[0-9A-Za-z!#$&^_.+-]+/[0-9A-Za-z!#$&^_.+-]+(;[ -~]*)?$"}),
        ]
        | None
    ) = None
    content_id: (
        Annotated[str, AfterValidator(_content_id), Described({"pattern": "^[0-9A-Za-z._@+-]{1,128}$"})] | None
    ) = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.content is None) == (self.blob is None):
            message = "needs `content` or `blob`, one of them"
            raise ValueError(message)
        return self

    @property
    def shown_blob(self) -> str:
        """The blob's path as a log may have it, without the names in it that could hold an address."""
        return "/".join(map(shown, (self.blob or "").split("/")))

    @property
    def media_type(self) -> str:
        """As given, else as the file's name says."""
        return self.content_type or media_type_of(self.filename)


def _distinct_ids(attachments: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    ids = [attachment.content_id for attachment in attachments if attachment.content_id]
    if len(set(ids)) < len(ids):
        message = "must have a `content_id` of its own for each image"
        raise PydanticCustomError("content_id_repeated", message)
    return attachments


Attachments = Annotated[
    tuple[Attachment, ...],
    Field(strict=False),
    AfterValidator(_distinct_ids),
    BeforeValidator(at_most(MAX_ATTACHMENTS)),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file that goes with a mail; with a content id it is an image that the HTML shows as `cid:` and that id.

    `size` is in bytes, before encoding; `read` gives the bytes from an offset on, as many as are asked for.
    """

    filename: str
    content_type: str
    size: int
    read: Callable[[int, int], bytes]
    content_id: str | None = None

    @property
    def encoded(self) -> int:
        """Its bytes in base64, which is what mailboxes and Graph count."""
        return -(-self.size // 3) * 4
