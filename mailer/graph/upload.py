"""A mail that one call cannot carry to Graph: make a draft, upload its files, send it.

Until the draft is sent nothing can have left, so that whatever goes wrong before is no doubt: the draft is deleted and
the mail tried again. https://learn.microsoft.com/graph/outlook-large-attachments
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from mailer.errors import GiveUp, Refusal, TryLater, Uncertain
from mailer.graph import drafts, wire
from mailer.request.attachment import File
from mailer.request.rendered import RenderedMail

log = logging.getLogger("mailer.upload")

UPLOADED_WITHIN = 160.0  # seconds, so that the function is not cut off by host.json's functionTimeout
TRIES = 3  # of one piece
LONGEST_PAUSE = 5.0  # seconds; who has to wait longer goes back onto the queue
CREATED = 201  # says of a piece that the file is whole
BROKEN = {408, 409, 416, 429}  # beside all from 500 on: the same upload may go on


class Reply(Protocol):
    """What came back."""

    status_code: int

    @property
    def content(self) -> bytes: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class Ask(Protocol):
    """One authorised call to Graph; raises TryLater, Uncertain."""

    def __call__(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Reply: ...


class Transfer(Protocol):
    """One call to an upload URL; raises TryLater, Uncertain."""

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply: ...


def send_large(
    mail: RenderedMail,
    *,
    ask: Ask,
    transfer: Transfer,
    leaving: Callable[[], None],
    pause: Callable[[float], None] = time.sleep,
) -> str:
    """Send the mail and return Graph's request-id; raises the Refusal that says how it ended.

    `leaving` is called before the one request by which the mail may leave, and may raise to stop it.
    """
    upload = _Upload(mail, ask, transfer, pause)
    upload.clear()
    made = upload.created(drafts.drafts_path(mail), wire.message(mail), "id")
    try:
        for file in mail.files:
            upload.attach(file, made)
        upload.check_time()
        leaving()
        reply = upload.send(made)
        return wire.check_reply(reply.status_code, reply.headers, reply.content)
    except Uncertain:
        raise  # the draft may be on its way
    except Exception as reason:
        if not upload.discard(made) and isinstance(reason, GiveUp):
            message = f"{reason} Its draft could not be deleted and lies in the mailbox's Drafts; that is tried again."
            raise TryLater(message, code="draft_left_behind") from reason
        raise


def clear_drafts(mail: RenderedMail, *, ask: Ask, transfer: Transfer) -> None:
    """Delete what attempts at this mail have left in Drafts; raises the Refusal that says why it cannot be done."""
    _Upload(mail, ask, transfer, time.sleep).clear()


class _Upload:
    def __init__(self, mail: RenderedMail, ask: Ask, transfer: Transfer, pause: Callable[[float], None]) -> None:
        self._mail = mail
        self._ask = ask
        self._transfer = transfer
        self._pause = pause
        self._deadline = time.monotonic() + UPLOADED_WITHIN

    def clear(self) -> None:
        """Delete the drafts of earlier attempts, whose worker may have died."""
        reply = self._ask_early("GET", drafts.left_behind_path(self._mail))
        if reply.status_code != 200:
            raise drafts.before_sending(reply.status_code, reply.headers, reply.content)
        for one in drafts.read_left_behind(reply.content, self._mail):
            if not self.discard(one):
                message = "The draft of an earlier attempt cannot be deleted from the mailbox's Drafts."
                raise TryLater(message, code="draft_left_behind")

    def created(self, path: str, content: Mapping[str, Any], member: str) -> str:
        """Make something and return this member of it."""
        reply = self._ask_early("POST", path, content)
        return drafts.read_created(reply.status_code, reply.headers, reply.content, member)

    def attach(self, file: File, made: str) -> None:
        """Bring one file into the draft, by one request or by as many as its size needs."""
        self.check_time()
        files = drafts.draft_path(self._mail, made, "/attachments")
        if file.size > drafts.SMALL_FILE:
            try:
                url = self.created(f"{files}/createUploadSession", drafts.session_body(file), "uploadUrl")
            except GiveUp as refused:
                if refused.code != drafts.TOO_SMALL:
                    raise
            else:
                self._send_ranges(file, url)
                return
        self.created(files, wire.attachment(file), "id")

    def check_time(self) -> None:
        """Stop what takes too long."""
        if time.monotonic() > self._deadline:
            message = f"The attachments could not be uploaded within {UPLOADED_WITHIN:.0f} seconds. Nothing was sent."
            raise TryLater(message, code="upload_slow")

    def _send_ranges(self, file: File, url: str) -> None:
        first = broken = 0
        while first < file.size:
            self.check_time()
            piece = file.read(first, min(drafts.RANGE, file.size - first))
            reply = self._put(url, drafts.range_headers(first, len(piece), file.size), piece)
            if isinstance(reply, TryLater):
                broken += 1
                wait = reply.after.total_seconds() if reply.after else broken
                if broken == TRIES or wait > LONGEST_PAUSE:
                    raise reply
                self._pause(wait)
                first = self._resume_at(url, first)
            elif reply.status_code == CREATED and first + len(piece) == file.size:
                return
            else:
                sent, expected = first + len(piece), drafts.next_range(reply.content)
                broken, first = 0, sent if expected is None else min(expected, sent)
        message = "Graph did not confirm that an attachment is complete. Nothing was sent."
        raise TryLater(message, code="upload_unfinished")

    def _put(self, url: str, headers: Mapping[str, str], piece: bytes) -> Reply | TryLater:
        """The reply to a piece that was taken, or why it may be sent once more; raises what ends the upload."""
        try:
            reply = self._transfer("PUT", url, headers, piece)
        except TryLater as failure:
            return failure
        except Uncertain as failure:
            return TryLater(f"{failure} Nothing was sent.", code=failure.code)
        if reply.status_code in {200, CREATED, 202}:
            return reply
        if reply.status_code in BROKEN or reply.status_code >= 500:
            message = f"Graph answered {reply.status_code} to a piece of an attachment. Nothing was sent."
            return TryLater(message, code="upload_broken", after=wire.retry_after(reply.headers))
        if reply.status_code in {401, 403, 404, 410}:
            message = f"Graph ended the upload of an attachment ({reply.status_code}). Nothing was sent."
            raise TryLater(message, code="upload_ended")
        raise drafts.before_sending(reply.status_code, reply.headers, reply.content)

    def _resume_at(self, url: str, first: int) -> int:
        """Where Graph expects the next piece; where it does not say, the same piece is sent once more."""
        try:
            reply = self._transfer("GET", url, {"User-Agent": wire.USER_AGENT})
        except (TryLater, Uncertain):
            return first
        expected = drafts.next_range(reply.content) if reply.status_code == 200 else None
        return first if expected is None else expected

    def send(self, made: str) -> Reply:
        """The one request by which the mail may leave. Just after an upload Graph may not find the draft yet."""
        for wait in (1.0, 2.0):
            reply = self._ask("POST", drafts.draft_path(self._mail, made, "/send"))
            if reply.status_code != 404:
                return reply
            self._pause(wait)
        return self._ask("POST", drafts.draft_path(self._mail, made, "/send"))

    def discard(self, made: str) -> bool:
        """Whether the draft is gone now."""
        for wait in (0.5, 2.0, 0.0):
            try:
                reply = self._ask("DELETE", drafts.draft_path(self._mail, made))
            except Refusal as failure:
                log.info("draft_not_deleted id=%s code=%s", self._mail.id, failure.code)
            else:
                if reply.status_code in {204, 404}:
                    return True
                log.info("draft_not_deleted id=%s status=%d", self._mail.id, reply.status_code)
            self._pause(wait)
        log.warning("draft_left_behind id=%s", self._mail.id)
        return False

    def _ask_early(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Reply:
        try:
            return self._ask(method, path, content)
        except Uncertain as doubt:
            raise drafts.not_sent(doubt) from doubt
