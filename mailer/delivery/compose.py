"""MailRequest to what goes into the mail: its content and its files, and whether a mailbox may send that much."""

import base64
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from mailer.errors import InvalidRequest, Problem
from mailer.request.attachment import Attachment, File
from mailer.request.characters import body_text, one_line
from mailer.request.members import ONE_CALL
from mailer.request.model import MailRequest, TemplateUse
from mailer.request.rendered import Content, RenderedMail
from mailer.templating.inline_images import content_ids

LARGEST_IMAGE = 3 * 1024 * 1024  # bytes; above, Graph takes a file by an upload session, which does not keep it inline
MOST_NAMED = 20  # of images that are not there
LONGEST_NAMED = 128  # characters; no content id is longer


@dataclass(frozen=True, kw_only=True, slots=True)
class Composer:
    """The step with the parts it uses; `largest` is in bytes, after encoding.

    `render` is told the content ids of the files that come along.
    """

    render: Callable[[TemplateUse, Collection[str]], Content]
    open_blob: Callable[[Attachment], File]
    largest: int

    def problems(self, request: MailRequest) -> Iterable[Problem]:
        """What would keep this from becoming a mail. Raises TryLater."""
        try:
            self.compose(request, mail="")
        except InvalidRequest as invalid:
            return invalid.problems
        return ()

    def compose(self, request: MailRequest, *, mail: str) -> RenderedMail:
        """The mail of this id as it is to be sent. Raises InvalidRequest with all that is wrong, TryLater."""
        problems: list[Problem] = []
        files = list(self._files(request.attachments, problems))
        own = {file.content_id for file in files if file.content_id}
        content = Content(subject="", body="", content_type="text")
        try:
            content = self.render(request.template, own) if request.template else _as_given(request)
        except InvalidRequest as invalid:
            problems += invalid.problems
        else:
            shown = _shown(content)
            problems += _image_problems(files, content, shown)
            if not request.template:
                problems += _dead_images(shown, request.attachments)
        files += [image for image in content.images if image.content_id not in own]
        rendered = RenderedMail(id=mail, request=request, content=content, files=tuple(files))
        problems += self._size_problems(rendered)
        if problems:
            raise InvalidRequest(problems)
        return rendered

    def _files(self, attachments: Iterable[Attachment], problems: list[Problem]) -> Iterator[File]:
        for number, attachment in enumerate(attachments):
            try:
                file = self.open_blob(attachment) if attachment.blob else _decoded(attachment)
            except InvalidRequest as invalid:
                problems += [
                    replace(problem, target=f"attachments[{number}].{problem.target}") for problem in invalid.problems
                ]
                continue
            if file.size:
                yield file
            else:
                message = f"`attachments[{number}]` is an empty file, which Graph does not take."
                problems.append(Problem(code="validation_error", message=message, target=f"attachments[{number}]"))

    def _size_problems(self, mail: RenderedMail) -> Iterator[Problem]:
        if mail.size > self.largest:
            message = (
                f"The mail has {mail.size} bytes, its attachments counted after encoding, and MAILER_MAX_MAIL_SIZE "
                f"allows {self.largest}. Send less, or a link to the file."
            )
            yield Problem(code="attachment_too_large", message=message, target="attachments")
        if mail.around_files > ONE_CALL:
            message = (
                f"The mail has {mail.around_files} bytes as Graph is told it, beside its attachments, and Graph takes "
                f"{ONE_CALL}. Shorten the content, or put it into an attachment."
            )
            target = "template.variables" if mail.request.template else None
            yield Problem(code="request_too_large", message=message, target=target)
        elif mail.large and not mail.request.save_to_sent_items:
            message = (
                f"`save_to_sent_items` cannot be false for a mail of over {ONE_CALL} bytes: Graph always saves it. "
                "Leave it out, or make the attachments smaller."
            )
            yield Problem(code="validation_error", message=message, target="save_to_sent_items")


def _shown(content: Content) -> Collection[str]:
    if content.content_type == "text":
        return ()
    return content_ids(content.body) if content.shown is None else content.shown


def _as_given(request: MailRequest) -> Content:
    """What the request says, without what no mail can hold, as templates do it."""
    subject = one_line(request.subject or "")
    if request.html is not None:
        return Content(subject=subject, body=body_text(request.html), content_type="html")
    return Content(subject=subject, body=body_text(request.text or ""), content_type="text")


def _decoded(attachment: Attachment) -> File:
    content = base64.b64decode(attachment.content or "")
    return File(
        filename=attachment.filename,
        content_type=attachment.media_type,
        content_id=attachment.content_id,
        size=len(content),
        read=lambda offset, length: content[offset : offset + length],
    )


def _image_problems(files: Collection[File], content: Content, shown: Collection[str]) -> Iterator[Problem]:
    """An image that the HTML does not show would be neither seen nor listed by many mail programs."""
    for file in files:
        if file.content_id and file.content_id not in shown:
            message = (
                f"The mail's HTML does not show `cid:{file.content_id}`, so that nobody would see {file.filename}. "
                "Leave its `content_id` out to attach it."
            )
            yield Problem(code="image_not_shown", message=message, target="attachments")
    for file in (*files, *content.images):
        if file.content_id and file.size >= LARGEST_IMAGE:
            message = f"The image {file.filename} is too large to be shown in a mail: 3 MB at most."
            yield Problem(code="attachment_too_large", message=message, target="attachments")


def _dead_images(shown: Collection[str], attachments: Collection[Attachment]) -> Iterator[Problem]:
    """An image that does not come along is a broken one at every reader's."""
    dead = sorted(set(shown) - {attachment.content_id for attachment in attachments})
    for name in dead[:MOST_NAMED]:
        message = (
            f"The HTML shows `cid:{one_line(name)[:LONGEST_NAMED]}`, which is not among the attachments: send the "
            "image along with this as its `content_id`."
        )
        yield Problem(code="image_not_found", message=message, target="html")
