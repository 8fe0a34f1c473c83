"""What a mail must meet, what it says, and how it is treated."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mailer.errors import ConfigError, InvalidRequest, TryLater
from mailer.setting_texts import OnUncertain
from mailer.settings import PACKAGED_TEMPLATES
from mailer.wiring import base, storage_parts

if TYPE_CHECKING:
    from mailer.callers.policy import Caller
    from mailer.delivery.compose import Composer
    from mailer.delivery.decide import Policy
    from mailer.delivery.gate import Gate
    from mailer.request.attachment import Attachment, File
    from mailer.request.members import Priority
    from mailer.request.model import MailRequest
    from mailer.request.parse import Rules
    from mailer.templating.templates import Templates


@base.once
def templates() -> "Templates":
    """The templates, from where MAILER_TEMPLATES says; raises ConfigError."""
    from mailer.templating.templates import Templates

    place = base.settings().templates
    if place == PACKAGED_TEMPLATES:
        return Templates()
    if "://" in place:
        from mailer.storage.clients import container_at
        from mailer.storage.request_blobs import RequestBlobs
        from mailer.storage.template_blobs import BlobContainer
        from mailer.templating.good_versions import FOLDER, GoodVersions

        keep = GoodVersions(RequestBlobs(storage_parts.container(), folder=FOLDER))
        return Templates(BlobContainer(container_at(base.settings().storage, place)), keep=keep)
    from mailer.templating.sources import LOOK_EVERY, Folder

    folder = Path(__file__).parents[1] / place
    if not folder.is_dir():
        message = f"MAILER_TEMPLATES is wrong: there is no folder {place}. It holds a folder or a container's URL."
        raise ConfigError([message])
    return Templates(Folder(folder, look_every=LOOK_EVERY))


@base.once
def rules() -> "Rules":
    """What a request must meet; raises ConfigError."""
    from mailer.delivery.rules import rules_of

    return rules_of(base.settings(), gate(), composer().problems)


def rules_for(caller: "Caller") -> "Rules":
    """What a request of this caller must meet; raises ConfigError."""
    from mailer.delivery.rules import forbidden

    if caller.name is None:
        return rules()
    known = rules()
    return replace(
        known,
        forbidden=lambda request: forbidden(request, caller, priority),
        content_problems=lambda request: caller.readable(known.content_problems(request)),
    )


@base.once
def gate() -> "Gate":
    """Whom mails may reach; raises ConfigError."""
    from mailer.delivery.rules import gate_of

    return gate_of(base.settings())


@base.once
def composer() -> "Composer":
    """What makes a mail of a request."""
    from mailer.delivery.compose import Composer

    def open_blob(attachment: "Attachment") -> "File":
        from mailer.storage.attachment_blobs import open_blob

        return open_blob(storage_parts.container(), attachment)

    return Composer(
        render=lambda use, known: templates().content(use, known=known),
        open_blob=open_blob,
        largest=base.settings().max_mail_size,
    )


def priority(request: "MailRequest") -> "Priority":
    """Who goes first: as the request says, else its template, else everybody alike."""
    from mailer.request.members import Priority

    chosen = request.priority
    if chosen is None and request.template:
        with suppress(ConfigError, InvalidRequest, TryLater):
            chosen = templates().priority(request.template.id)
    return chosen or Priority.NORMAL


def policy(request: "MailRequest | None" = None) -> "Policy":
    """What to do in doubt about this request: as its template says, else as the setting does."""
    from mailer.delivery.decide import Policy

    chosen = base.settings().on_uncertain
    if request and request.template:
        with suppress(ConfigError, InvalidRequest, TryLater):  # the template may be gone by now, or out of reach
            chosen = templates().on_uncertain(request.template.id) or chosen
    if request and chosen is OnUncertain.VERIFY and not request.save_to_sent_items:
        chosen = OnUncertain.HOLD
    return Policy(on_uncertain=chosen, max_age=base.settings().max_age)
