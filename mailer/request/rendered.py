"""What goes to Graph: a mail with all that it says, and how large it is."""

import hmac
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from mailer.request.address import Address
from mailer.request.attachment import File
from mailer.request.members import ONE_CALL
from mailer.request.model import MailRequest

ONE_REQUEST = 4_150_000  # bytes, all of the JSON counted; Graph's 4 MB are 4,194,304


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What a mail says, with the template's images. Exchange makes the text part of an HTML mail itself."""

    subject: str
    body: str
    content_type: Literal["html", "text"]
    images: tuple[File, ...] = ()
    #: The content ids that the HTML shows; a template knows them.
    shown: Collection[str] | None = field(default=None, compare=False)
    #: That of the template which says it.
    version: str | None = field(default=None, compare=False)

    def digest(self, key: str) -> str:
        """A hash of subject and body. Keyed, because a mail with a short code in it could be guessed by a plain one."""
        said = f"{self.subject}\n{self.body}".encode(errors="surrogatepass")
        return hmac.digest(key.encode(), said, "sha256").hex()


_AROUND = 600  # bytes of the names of Graph's properties, for a mail and for a file
_AROUND_ONE = 70  # for an address, a header, a category
_MOST_OF_CHARACTER = 6  # bytes, as in \\u0001


def _json_bytes(text: str) -> int:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return len(text) + 2
    return len(json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass"))


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderedMail:
    """Everything that Graph is told about one mail."""

    id: str
    request: MailRequest
    content: Content
    files: tuple[File, ...] = ()

    @property
    def size(self) -> int:
        """The bytes that mailboxes and Graph count: the body's, and the files' after encoding."""
        return len(self.content.body.encode()) + sum(file.encoded for file in self.files)

    @property
    def around_files(self) -> int:
        """The bytes of what Graph is told beside the files, with quotes and line breaks as JSON has them.

        A body that cannot come near the limit is not written for it: it counts with the most that it could have.
        """
        most = self._around_body + _MOST_OF_CHARACTER * len(self.content.body)
        return most if most <= ONE_CALL else self._around_body + _json_bytes(self.content.body)

    @property
    def large(self) -> bool:
        """Whether one call cannot carry it, files and all."""
        if self.size > ONE_CALL:
            return True
        files = sum(_AROUND + _json_bytes(f"{file.filename}{file.content_type}") + file.encoded for file in self.files)
        if self.around_files + files <= ONE_REQUEST:
            return False
        return self._around_body + _json_bytes(self.content.body) + files > ONE_REQUEST

    @property
    def _around_body(self) -> int:
        request = self.request
        around = _AROUND + _json_bytes(self.content.subject)
        to = getattr(request, "to", ())  # which a request that is looked at for its other faults may not have
        for address in (*to, *request.cc, *request.bcc, *request.reply_to, request.sender):
            around += _AROUND_ONE + _json_bytes(f"{address.address}{address.name or ''}") if address else 0
        for text in (*request.headers, *request.headers.values(), *request.categories):
            around += _AROUND_ONE + _json_bytes(text)
        return around

    @property
    def sender(self) -> Address:
        """The mailbox that sends."""
        return self.request.mailbox
