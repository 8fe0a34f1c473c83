"""One attempt at a mail: compose, screen, claim, ask Graph; or a look into Sent Items. Tells how it ended.

All that can fail without Graph comes before the claim, so that a crash there leaves nothing to doubt.
"""

import logging
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from mailer import telemetry
from mailer.delivery.decide import LEASE
from mailer.delivery.event import Event, What
from mailer.delivery.gate import Passed
from mailer.delivery.mail import AlreadyClaimed, Mail
from mailer.delivery.record import Conflict, MailRecord
from mailer.delivery.stores import Ledger
from mailer.delivery.suppression import Among, check_somebody_is_left, split
from mailer.delivery.turns import turn_of
from mailer.errors import ConfigError, InvalidRequest, Refusal, Throttled, TryLater
from mailer.request.address import Address
from mailer.request.model import MailRequest
from mailer.request.rendered import Content, RenderedMail

log = logging.getLogger("mailer.attempt")


class Compose(Protocol):
    """Makes the mail of this id; raises InvalidRequest, ConfigError, TryLater."""

    def __call__(self, request: MailRequest, *, mail: str) -> RenderedMail: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """What makes of a message's members what goes to Graph. `read` raises as `compose` does, `screen` Suppressed.

    `permit` raises InvalidRequest for a mail that its caller may not send; who puts mails onto the queue is `producer`.
    `suppressed` tells which addresses get no mail any more.
    """

    read: Callable[[dict[str, Any]], MailRequest]
    permit: Callable[[MailRequest, str | None], None] = lambda _request, _caller: None
    producer: Callable[[], str | None] = lambda: None
    suppressed: Among = lambda _addresses: frozenset()
    compose: Compose
    screen: Callable[[RenderedMail], Passed]


class Graph(Protocol):
    """Microsoft Graph. Each call raises the Refusal that says how it ended."""

    def authorize(self) -> str: ...
    def send(self, mail: RenderedMail, token: str, /) -> str | None: ...
    def send_large(self, mail: RenderedMail, token: str, /, *, leaving: Callable[[], None]) -> str | None: ...
    def clear_drafts(self, mail: RenderedMail, token: str, /) -> object: ...
    def is_sent(self, mail: str, sender: Address, token: str, /) -> bool: ...


class Throttle(Protocol):
    """Places for requests to a mailbox, and pauses."""

    def place(self, mailbox: str, /) -> AbstractContextManager[None]: ...
    def pause(self, mailbox: str, after: timedelta | None, /) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """The step, with the parts it uses."""

    ledger: Ledger
    preparation: Preparation
    graph: Graph
    throttle: Throttle
    clock: Callable[[], datetime]

    def send(self, mail: Mail, claimed: MailRecord) -> tuple[Event, Mail]:
        """Claim the mail in its turn and ask Graph: how that ended, and the mail with its record then.

        Raises Conflict if somebody else has written the record, AlreadyClaimed if the claim was lost on the way.
        """
        skipped: tuple[str, ...] = ()
        try:
            left, skipped = split(mail.asked, self.preparation.suppressed)
            check_somebody_is_left(left)
            passed = self.preparation.screen(self.preparation.compose(left, mail=mail.id))
            token = self.graph.authorize()
            content = passed.mail.content
            claim = replace(
                claimed,
                **turn_of(mail.record),
                claim=uuid.uuid4().hex,
                drafting=passed.mail.large,
                gate=passed.note,
                skipped=skipped,
                template_version=content.version,
                content_hash=content.digest(claimed.proof or claimed.id),
            )
            try:
                mail = mail.at(self.ledger.write(claim))
            except TryLater as away:
                # Perhaps it was written, and only the answer is lost; who has this claim knows that nothing has left.
                return Event.of(away), replace(mail, record=claim)
            # Only now, so that no place stands empty while storage writes.
            with self.throttle.place(mail.mailbox):
                return self._ask(mail, passed.mail, token)
        except (InvalidRequest, ConfigError, Refusal) as error:
            return Event.of(error, skipped=skipped), mail

    def _pause(self, mailbox: str, after: timedelta | None) -> None:
        try:
            self.throttle.pause(mailbox, after)
        except TryLater as away:
            log.warning("pause_not_told mailbox=%s: %s", mailbox, away)

    def look(self, mail: Mail) -> Event:
        """What Sent Items say of the mail."""
        try:
            with telemetry.calling("sentItems"):
                found = self.graph.is_sent(mail.id, mail.asked.mailbox, self.graph.authorize())
        except Refusal as refusal:
            return Event.of(refusal)
        return Event(what=What.FOUND if found else What.NOT_FOUND)

    def clear_drafts(self, mail: Mail) -> None:
        """Delete what attempts have left in the mailbox's Drafts; raises the Refusal that says why it cannot."""
        nothing = Content(subject="", body="", content_type="text")
        rendered = RenderedMail(id=mail.id, request=mail.asked, content=nothing)
        self.graph.clear_drafts(rendered, self.graph.authorize())

    def _ask(self, mail: Mail, rendered: RenderedMail, token: str) -> tuple[Event, Mail]:
        def leaving() -> None:
            """The upload is done: from the next request on the mail may have left."""
            nonlocal mail
            leaves = replace(mail.record, drafting=False, leased_until=self.clock() + LEASE)
            try:
                mail = mail.at(self.ledger.write(leaves))
            except Conflict as conflict:
                raise AlreadyClaimed from conflict

        try:
            with telemetry.calling("upload" if rendered.large else "sendMail"):
                if rendered.large:
                    request_id = self.graph.send_large(rendered, token, leaving=leaving)
                else:
                    request_id = self.graph.send(rendered, token)
        except AlreadyClaimed:
            raise
        except Refusal as refusal:
            if isinstance(refusal, Throttled):
                self._pause(mail.mailbox, refusal.after)
            return Event.of(refusal), mail
        except Exception as error:
            # Whatever it is: Graph may have been asked, and a raised error would have the host try again.
            log.exception("attempt_failed id=%s", mail.id)
            text = f"mailer itself failed while it sent this mail ({type(error).__name__}); its log has the reason."
            what = What.TURNED_AWAY if mail.record.drafting else What.IN_DOUBT
            return Event(what=what, code="unexpected_error", text=text), mail
        return Event(what=What.SENT, request_id=request_id or ""), mail
